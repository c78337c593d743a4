using SelfJudge.Abstractions;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Tests.Shared;

/// <summary>Small recipes, and triplets as prompt grains would send them.</summary>
internal static class TestRuns
{
    public const string Stage = "Self-Judge";

    /// <summary>Of a trainer's first opening of a stage.</summary>
    public const long Epoch = 2;

    /// <summary>Self-training from the start model: one stage, three prompts a step.</summary>
    public static Recipe SelfJudge(int steps = 4, int checkpointEvery = 1, int maxStaleness = 0) => new()
    {
        Name = "test",
        Data = new DataRecipe { WorldPairs = 20 },
        Judge = new JudgeRecipe { GatePairs = 0 }, // the fake judge prefers what is longer, which is chance on the world's pairs
        Sampling = new SamplingOptions { MaxNewTokens = 20 },
        Stages = [new StageRecipe { Name = Stage, Method = StageMethod.SelfJudge, Steps = steps, LearningRate = 1e-3, Prompts = 3,
            Samples = 4, Triplets = TripletPattern.AllMatches, CheckpointEvery = checkpointEvery, MaxStaleness = maxStaleness }],
    };

    public static RunRequest Request(Recipe recipe, string folder) => new(RecipeFile.Render(recipe), folder);

    /// <summary>A batch with a triplet per match. Ids tell them apart: the prompt's are {prompt, match}.</summary>
    public static TripletBatch Batch(string run, int step, int prompt, long version = 0, string stage = Stage, long epoch = Epoch,
        params int[] matches) =>
        new(run, stage, epoch, step, prompt, $"{run}/{stage}/{prompt}", [.. matches.Select(m => Triplet(prompt, m, version))], 1,
            [Verdict.Of([new TemplateJudgment(null, new(0.8, 0.1), new(0.2, 0.7))])], new CompletionSummary(4, 20, 3, 8, 3, 10), []);

    public static Triplet Triplet(int prompt, int match, long version = 0) =>
        new(match, [prompt, match], Completion(100 + match, version), Completion(200 + match, version), 0.75, 0.15, true,
            "what is the opposite of hot ?");

    private static Completion Completion(int id, long version) =>
        new([id, 0], [-0.5f, -0.5f], FinishReason.Stop, (ulong)id, version, $"answer {id}");
}
