using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Templates;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Client.Tests;

public sealed class ComparisonTests : IDisposable
{
    private static readonly IReadOnlyList<IReadOnlyList<Turn>> Prompts =
        [[new Turn(Role.User, "one ?")], [new Turn(Role.User, "two ?")], [new Turn(Role.User, "three ?")]];
    private static readonly GivenAnswer[] A = Answers("a long answer", "same", "short"), B = Answers("brief", "same", "a longer one");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string File => _folder.In("compared.jsonl");

    private static GivenAnswer[] Answers(params string[] texts) => [.. texts.Select((t, i) => new GivenAnswer(Prompts[i], t, t.Length))];

    private Comparison Of(IReadOnlyList<IReadOnlyList<Turn>>? prompts = null, string job = "job") =>
        new(prompts ?? Prompts, job, InconsistentPairs.Mean, File);

    private static async Task<List<ComparedPrompt>> Judge(Comparison comparison, int done = 0)
    {
        var finished = new List<ComparedPrompt>();
        await comparison.Judge(new LongerWins(), A, B, done, finished.Add, CancellationToken.None);
        return finished;
    }

    [Fact]
    public async Task Every_pair_is_a_line_in_the_order_of_the_prompts_and_is_read_as_it_was_written()
    {
        var comparison = Of();
        Assert.Empty(comparison.ReadDone());
        var judged = await Judge(comparison);
        Assert.Equal(["a", "tie", "b"], judged.Select(j => j.Winner));
        Assert.Equal(judged.Select(j => j.ToJson()), System.IO.File.ReadAllLines(File));
        var read = comparison.ReadDone();
        Assert.Equal(judged.Select(j => j.ToJson()), read.Select(r => r.ToJson()));
        Assert.Equal([1, 0, 2], read.Select(r => r.Judgment.Verdict!.Winner));
        Assert.Equal((13, 5, 0.9, 0.2), (read[0].TokensA, read[0].TokensB, read[0].ScoreA, read[0].ScoreB));
        Assert.Equal([true, null, true], read.Select(r => r.OrdersAgree));
    }

    [Fact]
    public async Task A_comparison_goes_on_behind_what_is_whole_in_its_file()
    {
        await Judge(Of());
        var lines = System.IO.File.ReadAllLines(File);
        System.IO.File.WriteAllText(File, lines[0] + "\n" + lines[1][..20]);
        Assert.Equal("a", Assert.Single(Of().ReadDone()).Winner);
        Assert.Equal(2, (await Judge(Of(), done: 1)).Count);
        Assert.Equal(lines, System.IO.File.ReadAllLines(File));
    }

    [Fact]
    public async Task The_summary_is_made_anew_where_more_is_compared()
    {
        await Judge(Of());
        var comparison = Of();
        var result = ComparisonResult.Of("x", "y", "judge", [], null, InconsistentPairs.Mean, comparison.ReadDone());
        comparison.Write(result);
        Assert.StartsWith("""{"summary":{"a":{"name":"x",""", System.IO.File.ReadLines(File).Last(), StringComparison.Ordinal);
        Assert.Equal(3, comparison.ReadDone().Count);
        Assert.Equal(3, System.IO.File.ReadLines(File).Count());
        Assert.Equal((3, 1, 1, 1, 1, 0.5), (result.Result.Prompts, result.Result.Wins, result.Result.Ties, result.Result.Losses,
            result.Result.Identical, result.Result.WinRate));
        Assert.Equal((5.0 / 3, 5.0 / 3, 22.0 / 3), (result.A.MeanWords, result.B.MeanWords, result.A.MeanTokens!.Value));
    }

    [Fact]
    public async Task A_file_of_another_comparison_is_not_gone_on_with()
    {
        await Judge(Of());
        Assert.StartsWith($"{File}:1: made of other models or answers", Refusal(Of(job: "another")));
        Assert.Equal($"{File}:2: belongs to other prompts than those compared; name another file with --out",
            Refusal(Of([Prompts[0], Prompts[2], Prompts[2]])));
        Assert.Equal($"{File}:3: belongs to other prompts than those compared; name another file with --out",
            Refusal(Of(Prompts.Take(2).ToList())));
        System.IO.File.WriteAllText(File, "{\"index\":\n");
        Assert.StartsWith($"{File}:1: not a result of 'compare'", Refusal(Of()));

        static string Refusal(Comparison comparison) => Assert.Throws<UserError>(() => comparison.ReadDone()).Message;
    }

    [Fact]
    public async Task A_judge_that_fails_is_said_with_what_is_done_before_it()
    {
        var error = await Assert.ThrowsAsync<UserError>(() => Of().Judge(new Failing(1), A, B, 0, _ => { }, CancellationToken.None));
        Assert.Equal($"prompt 1 was not judged: the endpoint is down\nthe 1 before it are in {File}; the same command goes on from there",
            error.Message);
        Assert.Single(Of().ReadDone());
    }

    private class LongerWins : IPairJudge
    {
        public virtual Task<PairJudgment> Judge(IReadOnlyList<Turn> prompt, string first, string second, CancellationToken cancellation)
        {
            JudgeProbabilities wins = new(0.9, 0.2), loses = new(0.2, 0.9);
            return Task.FromResult(new PairJudgment(first == second ? Verdict.Identical
                : Verdict.Of([first.Length > second.Length ? new TemplateJudgment(null, wins, loses)
                    : new TemplateJudgment(null, loses, wins)])));
        }
    }

    private sealed class Failing(int at) : LongerWins
    {
        private int _calls;

        public override Task<PairJudgment> Judge(IReadOnlyList<Turn> prompt, string first, string second, CancellationToken cancellation) =>
            _calls++ == at ? Task.FromException<PairJudgment>(new IOException("the endpoint is down"))
                : base.Judge(prompt, first, second, cancellation);
    }
}
