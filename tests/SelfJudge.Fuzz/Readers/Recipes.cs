using System.Text;
using SelfJudge.Fuzz.Mutations;
using SelfJudge.Preferences.Recipes;
using YamlDotNet.Serialization;

namespace SelfJudge.Fuzz.Readers;

/// <summary>A recipe, and settings on top of it.</summary>
internal sealed class Recipes : FuzzedReader
{
    private const string File = "recipe.yaml", Settings = "settings.txt";

    private static readonly string[] SomeSettings =
    [
        "seed=2", "stages.0.steps=5", "data.world_pairs=100", "sampling.temperature=0.5", "stages.0.optimizer={beta2: 0.9}",
            "judge.templates=[world]", "stages.0.loss.kind=ipo", "model.init={hidden_size: 8}", "stages.0.adapter.targets=[q_proj]",
            "evaluation=null", "name=x", "stages.0.ppo.mini_batch=4",
    ];

    private readonly string[] _written, _spelledOut, _vocabulary;

    public Recipes()
    {
        var paths = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "recipes"), "*.yaml", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal).ToList();
        _written = [.. paths.Select(System.IO.File.ReadAllText)];
        // The same with every key, and as JSON, which is YAML too and can be changed key by key.
        var deserializer = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build();
        var serializer = new SerializerBuilder().JsonCompatible().Build();
        _spelledOut = [.. paths.Select(p => serializer.Serialize(deserializer.Deserialize<object>(RecipeFile.Render(RecipeFile.Load(p)))))];
        _vocabulary = TextMutation.Words([.. _written, .. _spelledOut]);
    }

    public override string Name => "recipe";

    public override FuzzInput Make(Random random)
    {
        var recipe = random.Next(3) == 0 ? Encoding.UTF8.GetBytes(_written[random.Next(_written.Length)])
            : random.Next(2) == 0 ? Mutation.Text(random, _written, _vocabulary)
            : Mutation.Json(random, _spelledOut, _vocabulary);
        return FuzzInput.Of(random.Next(3) != 0 ? [(File, recipe)]
            : [(File, recipe), (Settings, Mutation.Text(random, SomeSettings, _vocabulary))]);
    }

    public override bool Read(string folder, FuzzInput input)
    {
        var settings = Path.Combine(folder, Settings);
        var recipe = RecipeFile.Load(Path.Combine(folder, File),
            System.IO.File.Exists(settings) ? System.IO.File.ReadAllLines(settings) : null);
        var rendered = RecipeFile.Render(recipe);
        string again;
        try
        {
            again = RecipeFile.Render(RecipeFile.Parse(rendered, "rendered"));
        }
        catch (RecipeException e)
        {
            throw new BrokenPromise($"written and read again it is refused: {e.Message}");
        }
        BrokenPromise.Unless(again == rendered, "written and read again it is another");
        return true;
    }

    public override string? FindProblem(string message, string folder, FuzzInput input) =>
        message.StartsWith("--set ", StringComparison.Ordinal) ? null : base.FindProblem(message, folder, input);
}
