using SelfJudge.Abstractions;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.Tournaments;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Cluster;

/// <summary>Requests to grains with everything that a test does not care about filled in.</summary>
internal static class TestRequests
{
    public static IReadOnlyList<Turn> Turns { get; } = [new Turn(Role.User, "what is the opposite of hot ?")];

    public static PromptRequest Prompt(int samples = 4, ulong seed = 1, TripletRequest? training = null, Cohort? cohort = null,
        string model = "policy") =>
        new()
        {
            Index = 0,
            Turns = Turns,
            PolicyHost = "fake",
            PolicyModel = model,
            JudgeHost = "fake",
            JudgeModel = model,
            JudgeTemplates = ["world"],
            Samples = samples,
            Sampling = new SamplingOptions(1, 1, 0, 40),
            Seed = seed,
            Cohort = cohort,
            Training = training,
        };

    public static TripletRequest Training(string run = "run", int step = 1, TripletPattern pattern = TripletPattern.AllMatches,
        long version = 0, int? maxStaleness = 0, long epoch = TestRuns.Epoch) =>
        new(run, TestRuns.Stage, epoch, step, pattern, version, maxStaleness);
}
