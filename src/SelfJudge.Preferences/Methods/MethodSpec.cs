using SelfJudge.Preferences.Settings;

namespace SelfJudge.Preferences.Methods;

/// <summary>What a step takes from the data.</summary>
public enum StepData
{
    /// <summary>Chosen responses, and pairs to be judged in both orders.</summary>
    Examples,

    /// <summary>Static preference pairs.</summary>
    Pairs,

    /// <summary>Prompts, which a policy answers.</summary>
    Prompts,
}

/// <summary>Whose samples a step learns from.</summary>
public enum SampleSource
{
    None,

    /// <summary>The model that the stage started from.</summary>
    InitialPolicy,

    /// <summary>The policy as it is at that step.</summary>
    Policy,
}

/// <summary>What is said of samples before they are learned from.</summary>
public enum SampleFeedback
{
    None,

    /// <summary>Pairs are judged, as a bracket puts them.</summary>
    Bracket,

    /// <summary>All are judged against one of them.</summary>
    Acceptance,

    /// <summary>Each is rewarded by itself.</summary>
    Reward,
}

/// <summary>What a step minimises.</summary>
public enum MethodLoss
{
    CrossEntropy,

    /// <summary>One of preference pairs (<see cref="Losses.PreferenceLoss"/>).</summary>
    Preference,

    BradleyTerry,

    /// <summary>The clipped surrogate and the value loss.</summary>
    Ppo,
}

/// <summary>What a model has beside its vocabulary's head.</summary>
public enum MethodHead
{
    None,

    /// <summary>It scores whole responses.</summary>
    Reward,

    /// <summary>It predicts the return at every token, in training only.</summary>
    Value,
}

/// <summary>A method: what everybody who has to do with its stages needs to know of it. Nobody else tells methods apart.</summary>
public sealed record MethodSpec
{
    public required StageMethod Method { get; init; }

    /// <summary>What it does, in a sentence.</summary>
    public required string Description { get; init; }

    public required StepData Data { get; init; }

    public required MethodLoss Loss { get; init; }

    public SampleSource Samples { get; init; } = SampleSource.None;

    public SampleFeedback Feedback { get; init; } = SampleFeedback.None;

    public MethodHead Head { get; init; } = MethodHead.None;

    /// <summary>The keys of a stage, with those in its groups as <c>group.key</c>, that not every method has and this one does.</summary>
    public required IReadOnlyList<string> Keys { get; init; }

    /// <summary>Whether it teaches the model to judge.</summary>
    public bool TeachesJudging { get; init; }

    /// <summary>Whether what it leaves is measured as a judge on held-out pairs: as a reward model where that is what it is.</summary>
    public bool IsMeasured { get; init; } = true;

    /// <summary>The steps of a stage that sample, which come first.</summary>
    public Func<StageRecipe, int> SamplingSteps { get; init; } = stage => stage.Steps;

    /// <summary>The optimizer's updates in all steps of a stage.</summary>
    public Func<StageRecipe, double> Updates { get; init; } = stage => stage.Steps;

    /// <summary>The pairs that a prompt's samples yield at most.</summary>
    public Func<StageRecipe, int> PairsOfPrompt { get; init; } = _ => 0;

    /// <summary>The pairs of a prompt's samples that are judged after its bracket, at most.</summary>
    public Func<StageRecipe, int> FurtherPairsOfPrompt { get; init; } = _ => 0;

    /// <summary>The comparisons of a prompt's samples, or of each with a blank response, at most.</summary>
    public int ComparisonsOfPrompt(StageRecipe stage) => IsRewarded ? stage.Samples : stage.Samples - 1 + FurtherPairsOfPrompt(stage);

    /// <summary>The fewest steps by which a stage does all that it does.</summary>
    public Func<StageRecipe, int> FewestSteps { get; init; } = _ => 2;

    /// <summary>What its stages must keep to, beyond what follows from the rest: each with its key and what is wrong otherwise.</summary>
    public Func<StageRecipe, IEnumerable<(bool Holds, string Key, string Otherwise)>> Checks { get; init; } = _ => [];

    /// <summary>How recipes, reports and error messages call it.</summary>
    public string Name => SettingNames.Of(Method);

    /// <summary>Whether its stages first gather samples, and learn from them in later steps that sample nothing.</summary>
    public bool Gathers { get; init; }

    /// <summary>Whether its steps begin with samples of prompts.</summary>
    public bool IsRollout => Data == StepData.Prompts;

    /// <summary>Whether those come from the policy as it is at that step.</summary>
    public bool IsOnPolicy => Samples == SampleSource.Policy;

    /// <summary>Whether samples are rewarded one by one instead of judged in pairs.</summary>
    public bool IsRewarded => Feedback == SampleFeedback.Reward;

    /// <summary>Whether its model answers prompts: all but reward models do.</summary>
    public bool IsPolicy => Head != MethodHead.Reward;

    /// <summary>Whether its steps make or take preference pairs for a policy.</summary>
    public bool LearnsPreferences => Loss == MethodLoss.Preference;
}
