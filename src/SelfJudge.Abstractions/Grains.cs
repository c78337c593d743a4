using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Abstractions;

/// <summary>One run: a recipe carried out stage by stage. Its key is the run's id.</summary>
[Alias("sj.IRunGrain")]
public interface IRunGrain : IGrainWithStringKey
{
    /// <summary>Begins the run, or goes on with it where its folder says it stopped. Returns once it is under way.</summary>
    [Alias("Start")]
    Task Start(RunRequest request);

    /// <summary>Stops at the next step boundary and keeps everything.</summary>
    [Alias("Cancel")]
    Task Cancel();

    [Alias("GetStatus")]
    Task<RunStatus> GetStatus();

    /// <summary>The content of <c>result.json</c>, or null before the run is completed.</summary>
    [Alias("GetResult")]
    Task<string?> GetResult();
}

/// <summary>
/// One prompt in one round, or in training the prompts of one place in the batch, step after step. Its key is unique to the
/// prompt, in training to run, stage and place.
/// </summary>
[Alias("sj.IPromptGrain")]
public interface IPromptGrain : IGrainWithStringKey
{
    /// <summary>
    /// Samples completions and plays their bracket. In training the triplets go onto the stream, and are kept and sent again
    /// until <see cref="Acknowledge"/>. A repeated call for a step returns the first one's outcome, unless its completions are
    /// too old for what is asked now. What a later epoch asks for is played anew, and what earlier ones asked for is dropped.
    /// </summary>
    [Alias("Play"), ResponseTimeout("00:10:00")]
    Task<PromptOutcome> Play(PromptRequest request, CancellationToken cancellation);

    /// <summary>The trainer of an epoch has the triplets of a step for good, or has no use for them.</summary>
    [Alias("Acknowledge")]
    Task Acknowledge(int step, long epoch);
}

/// <summary>Brackets of one prompt, or in training of one place in the batch, step after step. Its key is the prompt grain's.</summary>
[Alias("sj.ITournamentGrain")]
public interface ITournamentGrain : IGrainWithStringKey
{
    /// <summary>Plays all rounds, each as one batch of verdicts.</summary>
    [Alias("Play"), ResponseTimeout("00:10:00")]
    Task<Bracket> Play(TournamentRequest request, CancellationToken cancellation);
}

/// <summary>A model host as sampler. Its key is the host's name, and it lives where the host is.</summary>
[Alias("sj.IPolicyReplicaGrain")]
public interface IPolicyReplicaGrain : IGrainWithStringKey
{
    [Alias("Load"), ResponseTimeout("00:10:00")]
    Task Load(ModelReference model);

    [Alias("Sample"), ResponseTimeout("00:10:00")]
    Task<SampleResponse> Sample(SampleRequest request, CancellationToken cancellation);

    /// <summary>One completion, for the request's only seed, as its text comes; a piece never ends within a character.</summary>
    [Alias("Stream")]
    IAsyncEnumerable<string> Stream(SampleRequest request, CancellationToken cancellation);

    /// <summary>The log-probabilities of given responses under the model.</summary>
    [Alias("LogProbs"), ResponseTimeout("00:10:00")]
    Task<LogProbsResponse> LogProbs(LogProbsRequest request, CancellationToken cancellation);
}

/// <summary>A model host as judge. Its key is the host's name, and it lives where the host is.</summary>
[Alias("sj.IJudgeReplicaGrain")]
public interface IJudgeReplicaGrain : IGrainWithStringKey
{
    /// <summary>A verdict for each pair; identical responses get the verdict on identical responses, unjudged.</summary>
    [Alias("Judge"), ResponseTimeout("00:10:00")]
    Task<IReadOnlyList<Verdict>> Judge(JudgeRequest request, CancellationToken cancellation);

    /// <summary>A reward model's score of each response.</summary>
    [Alias("Reward"), ResponseTimeout("00:10:00")]
    Task<IReadOnlyList<double>> Reward(RewardRequest request, CancellationToken cancellation);
}

/// <summary>Knows the cluster's model hosts. There is one, of key 0.</summary>
[Alias("sj.IModelHostsGrain")]
public interface IModelHostsGrain : IGrainWithIntegerKey
{
    /// <summary>The names of the model hosts on live silos, which are the keys of replica grains; in order.</summary>
    [Alias("List")]
    Task<IReadOnlyList<string>> List();
}
