using SelfJudge.Abstractions;

namespace SelfJudge.Client.Tests;

/// <summary>Where a run of two stages may stand.</summary>
internal static class TestStatus
{
    public static RunStatus Of(
        RunState state, string stage, int step, int steps, string? message = null, bool canResume = true,
            params (string, double)[] metrics) =>
        new("id", state, "/runs/r", "r", ["JSFT", "Self-Judge"], stage, stage == "JSFT" ? 0 : 1, step, steps, 12.4, 0, null,
            metrics.ToDictionary(m => m.Item1, m => m.Item2), TripletCounts.None, message, canResume);

    /// <summary>A run that says one thing after the other of itself, the last again and again.</summary>
    public sealed class Run(params IReadOnlyList<RunStatus> said) : IRunGrain
    {
        private int _asked;

        public bool IsCancelled { get; private set; }

        public string? Result { get; init; }

        public Task Start(RunRequest request) => throw new NotSupportedException("it is under way");

        public Task Cancel()
        {
            IsCancelled = true;
            return Task.CompletedTask;
        }

        public Task<RunStatus> GetStatus() => Task.FromResult(said[Math.Min(_asked++, said.Count - 1)]);

        public Task<string?> GetResult() => Task.FromResult(Result);
    }
}
