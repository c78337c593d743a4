using System.Text.Json;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Preferences.Tests.Data;

[Collection(nameof(Alone))]
public sealed class FileTrainingDataTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [Fact]
    public async Task Memory_does_not_grow_with_the_texts()
    {
        const int Rows = 60_000;
        var file = Path.Combine(_folder, "large.jsonl");
        using (var writer = new StreamWriter(file))
            for (var i = 0; i < Rows; i++)
                writer.WriteLine(JsonSerializer.Serialize(
                    new { prompt = Prompt(i), chosen = Answer(i, "good"), rejected = Answer(i, "bad") }));
        var bytes = new FileInfo(file).Length;
        Assert.True(bytes > 140_000_000);

        var before = GC.GetTotalMemory(true);
        var data = new FileTrainingData(new DataRecipe { Pairs = file }, 3);
        var grown = GC.GetTotalMemory(true) - before;
        Assert.True(grown < bytes / 8, $"{grown} bytes of memory for a file of {bytes}");

        // Of every ten prompts, in an order of the seed's own, the first is held out.
        var heldOut = CounterRandom.Permutation(Rows, Seeds.Derive(3, "split")).Where((_, i) => i % 10 == 0).Order().ToList();
        var training = Enumerable.Range(0, Rows).Except(heldOut).ToList();
        Assert.Equal((training.Count, heldOut.Count, training.Count), (data.Pairs.Count, data.HeldOutPairs.Count, data.PromptCount));
        foreach (var n in new[] { 0, 1, 777, training.Count - 1 })
            AssertRow(training[n], data.Pairs[n]);
        foreach (var n in new[] { 0, 3_000, heldOut.Count - 1 })
        {
            AssertRow(heldOut[n], data.HeldOutPairs[n]);
            Assert.Equal(Prompt(heldOut[n]), data.HeldOutPrompts[n].Single().Content);
        }
        var order = CounterRandom.Permutation(training.Count, Seeds.Derive(3, 1));
        Assert.Equal(Prompt(training[order[5]]), data.Prompt(training.Count + 5).Single().Content);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(reader => Task.Run(() =>
        {
            for (var n = reader; n < training.Count; n += 37)
                AssertRow(training[n], data.Pairs[n]);
        }, TestContext.Current.CancellationToken)));
        Assert.True(GC.GetTotalMemory(true) - before < bytes / 8);
    }

    [Fact]
    public void A_temporary_folder_that_takes_no_more_is_named_with_what_to_do()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the variable has another name there");
        var file = Path.Combine(_folder, "long.jsonl");
        File.WriteAllText(file, JsonSerializer.Serialize(new { prompt = "q", chosen = new string('x', 5_000_000), rejected = "b" }));
        var usual = Environment.GetEnvironmentVariable("TMPDIR");
        try
        {
            Environment.SetEnvironmentVariable("TMPDIR", Path.Combine(_folder, "none"));
            var message = Assert.Throws<DataException>(() => new FileTrainingData(new DataRecipe { Pairs = file }, 1)).Message;
            Assert.StartsWith($"{Path.Combine(_folder, "none")}/: the training data does not go into a temporary file there: ", message,
                StringComparison.Ordinal);
            Assert.EndsWith("Make room, or name another folder with the environment variable TMPDIR.", message, StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable("TMPDIR", usual);
        }
    }

    [Theory]
    [InlineData("preferences/hh.jsonl.gz", "preferences/binarized.parquet", "preferences/binarized.jsonl")]
    [InlineData("shared/hh-rlhf/helpful-base/first1500.jsonl.gz", "shared/ultrafeedback/binarized.jsonl",
        "shared/hh-rlhf/harmless-base/test.jsonl.gz")]
    public void What_is_on_disk_is_what_a_plain_reading_of_the_same_files_gives(string first, string second, string answers)
    {
        string[] sources = [TestData.Path(first), TestData.Path(second), Rated()];
        var extra = TestData.Path(answers);
        double[] weights = [1.5, 2, 0.7];
        var data = new FileTrainingData(new DataRecipe
        {
            Sources =
            [.. sources.Zip(weights, (path, weight) => new DataSource { Path = path, Weight = weight })],
            ExtraAnswers = extra
        }, 11);

        var read = sources.Select(s => PreferenceFiles.StreamPairs(s, 11, new DataReport(), 0).ToList()).ToList();
        var keys = read.SelectMany(s => s.Select(Key)).Distinct().ToList();
        var heldOut = CounterRandom.Permutation(keys.Count, Seeds.Derive(11, "split")).Where((_, i) => i % 10 == 0).Select(i => keys[i])
            .ToHashSet();
        var chance = new CounterRandom(Seeds.Derive(11, "weights"));
        var training = new List<PreferenceExample>();
        foreach (var (pairs, weight) in read.Zip(weights))
            foreach (var pair in pairs.Where(p => !heldOut.Contains(Key(p))))
                for (var copies = Math.Floor(weight) + (weight % 1 > 0 && chance.Uniform() < weight % 1 ? 1 : 0); copies > 0; copies--)
                    training.Add(pair);
        var withheld = read.SelectMany(s => s).Where(p => heldOut.Contains(Key(p))).ToList();
        var overall = training.Where(p => p.Principle is null).ToList();

        AssertSame(overall, data.Pairs);
        AssertSame(overall.Concat(PreferenceFiles.StreamPairs(extra, 11, new DataReport(), 0).Where(p => !heldOut.Contains(Key(p)))),
            data.Answers);
        AssertSame(withheld.Where(p => p.Principle is null), data.HeldOutPairs);
        Assert.Equal(["helpfulness", "honesty"], data.Principles);
        foreach (var principle in data.Principles)
        {
            AssertSame(training.Where(p => p.Principle == principle), data.PairsFor(principle));
            AssertSame(withheld.Where(p => p.Principle == principle), data.HeldOutPairsFor(principle));
        }
        Assert.Equal(withheld.DistinctBy(Key).Select(Key), data.HeldOutPrompts.Select(Key));
        var prompts = overall.DistinctBy(Key).Select(Key).ToList();
        var order = CounterRandom.Permutation(prompts.Count, Seeds.Derive(11, 0));
        Assert.Equal(order.Select(i => prompts[i]), Enumerable.Range(0, data.PromptCount!.Value).Select(n => Key(data.Prompt(n))));
        Assert.Equal(overall.Count, data.JudgePairs(JudgeTemplate.HhHelpful, rationale: true).Count);
        AssertSame(training.Where(p => p.Principle == "honesty" && p is { ChosenRationale: not null, RejectedRationale: not null }),
            data.JudgePairs(JudgeTemplate.ByName("ultrafeedback-honesty-rationale"), rationale: true));
    }

    // Records of UltraFeedback, every other one without rationales.
    private string Rated()
    {
        var file = Path.Combine(_folder, "rated.jsonl");
        File.WriteAllLines(file, Enumerable.Range(0, 60).Select(i => JsonSerializer.Serialize(new
        {
            instruction = $"do {i} – 日本",
            completions = new[] { ("good", 5, 4), ("bad", 2, 1) }.Select(c => new
            {
                response = $"{c.Item1} {i} 😀",
                custom_system_prompt = i % 3 == 0 ? null : $"be {c.Item1}",
                annotations = new
                {
                    helpfulness = new { Rating = $"{c.Item2}", Rationale = "so" },
                    honesty = new { Rating = $"{c.Item3}", Rationale = i % 2 == 0 ? null : $"because {i}" }
                },
            }),
        })));
        return file;
    }

    private static void AssertSame(IEnumerable<PreferenceExample> expected, IReadOnlyList<PreferenceExample> actual)
    {
        var list = expected.ToList();
        Assert.NotEmpty(list);
        Assert.Equal(list.Count, actual.Count);
        Assert.All(actual.Zip(list), p => Assert.Equal(p.Second with { Prompt = [] }, p.First with { Prompt = [] }));
        Assert.Equal(list.Select(p => p.Prompt), actual.Select(p => p.Prompt));
    }

    private static string Key(PreferenceExample pair) => Key(pair.Prompt);

    private static string Key(IReadOnlyList<Turn> prompt) => string.Join('\n', prompt);

    private static string Prompt(int row) => string.Join(' ', Enumerable.Repeat($"question {row}", 40));

    private static string Answer(int row, string word) => string.Join(' ', Enumerable.Repeat($"{word} answer {row} ,", 50));

    private static void AssertRow(int row, PreferenceExample pair) =>
        Assert.Equal((Prompt(row), Answer(row, "good"), Answer(row, "bad"), null),
            (pair.Prompt.Single().Content, pair.Chosen, pair.Rejected, pair.Principle));
}

/// <summary>Measures the memory of the whole process and changes its environment, so nothing else may run meanwhile.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
