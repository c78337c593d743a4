using System.CommandLine;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Client.Commands;

/// <summary>The options by which a command is told which model to ask, and where.</summary>
internal sealed class ModelOptions
{
    public Option<string?> Model { get; } =
        new("--model") { Description = "A run, or the folder of a model or an adapter; the newest completed run if left out." };
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

    public Task<LoadedModel> Open(ParseResult parse, SubmittedModel model) =>
        LoadedModel.Open(model, parse.GetValue(Cluster), Device.Resolve(parse, parse.GetValue(Cluster)),
            parse.GetValue(CommandLineProgram.Verbose));
}

/// <summary>The options that say how text is drawn; what is left out is as the run's recipe, or else the paper, has it.</summary>
internal sealed class SamplingChoices
{
    private readonly Option<double?> _temperature =
        Options.OptionalNumber<double>("--temperature", Options.SettingOf<SamplingOptions>(nameof(SamplingOptions.Temperature)));
    private readonly Option<double?> _topP =
        Options.OptionalNumber<double>("--top-p", Options.SettingOf<SamplingOptions>(nameof(SamplingOptions.TopP)));
    private readonly Option<int?> _topK = Options.OptionalNumber<int>("--top-k",
        Options.SettingOf<SamplingOptions>(nameof(SamplingOptions.TopK)));
    private readonly Option<int?> _maxNewTokens =
        Options.OptionalNumber<int>("--max-new-tokens", Options.SettingOf<SamplingOptions>(nameof(SamplingOptions.MaxNewTokens)));

    public Option<ulong> Seed { get; } = CommonOptions.Seed("Seed of all samples and brackets.");

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _temperature, _topP, _topK, _maxNewTokens, Seed })
            command.Add(option);
    }

    public SamplingOptions Resolve(ParseResult parse, SamplingOptions defaults) =>
        new(parse.GetValue(_temperature) ?? defaults.Temperature, parse.GetValue(_topP) ?? defaults.TopP,
            parse.GetValue(_topK) ?? defaults.TopK, parse.GetValue(_maxNewTokens) ?? defaults.MaxNewTokens);
}

/// <summary>The options that say what likelihood counts beside the judge; what is left out is as the evaluation of the run's recipe has
/// it.</summary>
internal sealed class PriorChoices
{
    private readonly Option<double?> _weight =
        Options.OptionalNumber<double>("--prior-weight", Options.SettingOf<MatchPrior>(nameof(MatchPrior.Weight)),
        "In a match this times the difference of the two log-likelihoods is added to the judge's log-odds; 0: the judge decides alone.");
    private readonly Option<string?> _of = Options.Choice("--prior-of",
        "Whose likelihood: of the model that answers, or of the one that its run's last stage started from.", Options.NamesOf<PriorModel>(),
            null);
    private readonly Option<string?> _per =
        Options.Choice("--prior-per", "Its sum over tokens, or its mean.", Options.NamesOf<PriorUnit>(), null);

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _weight, _of, _per })
            command.Add(option);
    }

    /// <exception cref="UserError">The reference's likelihood is asked for of a model that has none.</exception>
    public MatchPrior Resolve(ParseResult parse, SubmittedModel model)
    {
        var prior = new MatchPrior
        {
            Weight = parse.GetValue(_weight) ?? model.Prior.Weight,
            Of = parse.GetValue(_of) is { } of ? Enum.Parse<PriorModel>(of, ignoreCase: true) : model.Prior.Of,
            Per = parse.GetValue(_per) is { } per ? Enum.Parse<PriorUnit>(per, ignoreCase: true) : model.Prior.Per,
        };
        return prior is { IsUsed: true, Of: PriorModel.Reference } && model.Reference.Count == 0
            ? throw new UserError($"--prior-of reference: {model.Name} is no run, so that it is not known what it started from; name a run")
                : prior;
    }
}
