using SelfJudge.Abstractions;
using Spectre.Console;

namespace SelfJudge.Client.Tests;

[Collection(Printed.OneConsole.Name)]
public sealed class RunViewTests
{
    [Theory]
    [InlineData(RunState.Created, false)]
    [InlineData(RunState.Running, false)]
    [InlineData(RunState.Cancelling, false)]
    [InlineData(RunState.Cancelled, true)]
    [InlineData(RunState.Completed, true)]
    [InlineData(RunState.Failed, true)]
    public void A_run_is_over_once_it_does_nothing_more(RunState state, bool isOver) => Assert.Equal(isOver, RunView.IsOver(state));

    [Fact]
    public void A_line_has_the_figures_that_are_there_in_their_order()
    {
        var status = TestStatus.Of(RunState.Running, "JSFT", 4, 9, metrics: [("grad_norm", 1.234), ("loss", 0.5), ("unknown", 3)]);
        Assert.Equal("    12 s  JSFT 4/9                 loss 0.500  gradient norm 1.23", RunView.Line(status));
        Assert.Equal("    12 s  JSFT 4/9                   1,500 tokens/s  61 s left", RunView.Line(status with
        {
            Metrics = new Dictionary<string, double>(),
            TokensPerSecond = 1500.2,
            SecondsLeft = 60.6,
        }));
        Assert.StartsWith("    12 s  evaluation", RunView.Line(status with { Stage = "evaluation" }));
    }

    [Fact]
    public void The_table_has_what_is_done_what_goes_on_and_what_is_to_come()
    {
        using var printed = new Printed();
        AnsiConsole.Write(RunView.Table(TestStatus.Of(RunState.Running, "Self-Judge", 5, 20, metrics: ("loss", 0.25)) with
        {
            Triplets = new TripletCounts(10, 7, 1, 2, 0),
            Message = "one\ntwo",
        }));
        Assert.Contains("JSFT done", printed.Lines);
        Assert.Contains($"Self-Judge 5/20 {new string('━', 20)} loss 0.250", printed.Lines);
        Assert.EndsWith("running · 12 s · triplets: 7 trained, 2 identical, 1 stale · one · two", string.Join(' ', printed.Lines));
    }

    [Theory]
    [InlineData("JSFT", 4, 9, 12L,
        "stopping at the end of step 5 of JSFT; press Ctrl-C again to end at once: checkpoint step-12 is on disk")]
    [InlineData("JSFT", 9, 9, null, "stopping at the end of JSFT; press Ctrl-C again to end at once: no step is on disk yet")]
    [InlineData("JSFT", 0, 0, null, "stopping at the end of JSFT; press Ctrl-C again to end at once: no step is on disk yet")]
    [InlineData("evaluation", 0, 0, 3L,
        "waiting for the evaluation, with which the run ends; press Ctrl-C again to end at once: checkpoint step-3 is on disk")]
    public void Who_stops_a_run_hears_what_is_waited_for_and_what_is_safe(string stage, int step, int steps, long? checkpoint,
        string message) =>
        Assert.Equal(message, RunStop.Message(TestStatus.Of(RunState.Cancelling, stage, step, steps), checkpoint));
}
