using System.CommandLine;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Client.Commands;

/// <summary>The options by which a command is told which model to ask, and where.</summary>
internal sealed class ModelOptions
{
    public Option<string?> Model { get; } = new("--model") { Description = "A run, or the folder of a model or an adapter; the newest completed run if left out." };
    public Option<string?> Adapter { get; } = new("--adapter") { Description = "The folder of a PEFT adapter to put onto the model." };
    public Option<string?> Template { get; } = new("--template") { Description = "The dialogue template by name." };
    public Option<string?> Cluster { get; } = CommonOptions.Cluster();
    public DeviceOptions Device { get; } = new();

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { Model, Adapter, Template, Cluster })
            command.Add(option);
        Device.AddTo(command);
    }

    /// <summary>The model, and what it is to run on, checked before any of it is loaded.</summary>
    /// <param name="template">The dialogue template where none is named.</param>
    public SubmittedModel Resolve(ParseResult parse, string? judgeTemplate = null, string? template = null)
    {
        _ = Device.Resolve(parse, parse.GetValue(Cluster));
        return SubmittedModel.Resolve(parse.GetValue(Model), parse.GetValue(Template) ?? template, judgeTemplate, parse.GetValue(Adapter));
    }

    public Task<LoadedModel> Open(ParseResult parse, SubmittedModel model) => LoadedModel.Open(model, parse.GetValue(Cluster), Device.Resolve(parse, parse.GetValue(Cluster)), parse.GetValue(CommandLineProgram.Verbose));
}

/// <summary>The options that say how text is drawn; what is left out is as the run's recipe, or else the paper, has it.</summary>
internal sealed class SamplingChoices
{
    private readonly Option<double?> _temperature = new("--temperature") { Description = RecipeHelp.Describe("sampling.temperature") };
    private readonly Option<double?> _topP = new("--top-p") { Description = RecipeHelp.Describe("sampling.top_p") };
    private readonly Option<int?> _topK = new("--top-k") { Description = RecipeHelp.Describe("sampling.top_k") };
    private readonly Option<int?> _maxNewTokens = new("--max-new-tokens") { Description = RecipeHelp.Describe("sampling.max_new_tokens") };

    public Option<ulong> Seed { get; } = new("--seed") { Description = "Seed of the sampling.", DefaultValueFactory = _ => 1 };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _temperature, _topP, _topK, _maxNewTokens, Seed })
            command.Add(option);
    }

    /// <exception cref="UserError">A value cannot be.</exception>
    public SamplingOptions Resolve(ParseResult parse, SamplingOptions defaults)
    {
        var sampling = new SamplingOptions(parse.GetValue(_temperature) ?? defaults.Temperature, parse.GetValue(_topP) ?? defaults.TopP, parse.GetValue(_topK) ?? defaults.TopK, parse.GetValue(_maxNewTokens) ?? defaults.MaxNewTokens);
        return sampling.Problem() is { } problem ? throw new UserError(problem) : sampling;
    }
}
