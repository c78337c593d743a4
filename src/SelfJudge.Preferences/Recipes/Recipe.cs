using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Preferences.Recipes;

/// <summary>A whole run: the data, the model it starts from, the stages it goes through, how it is measured. Every key of a recipe file is a property here, in snake_case.</summary>
public sealed record Recipe
{
    public string Name { get; init; } = "run";

    /// <summary>All randomness of the run derives from it.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Requests of a step form batches of fixed composition, so that on a CPU the run repeats bit for bit.</summary>
    public bool Deterministic { get; init; } = true;

    public DataRecipe Data { get; init; } = new();
    public ModelRecipe Model { get; init; } = new();
    public JudgeRecipe Judge { get; init; } = new();
    public SamplingOptions Sampling { get; init; } = new();
    public IReadOnlyList<StageRecipe> Stages { get; init; } = [];
    public EvaluationRecipe? Evaluation { get; init; }

    /// <summary>Checkpoints kept; older ones are deleted. At least 2, so that a damaged one has one before it.</summary>
    public int KeepCheckpoints { get; init; } = 2;

    /// <summary>The judge templates of a stage: its own, else those of the stage it starts from, else the run's.</summary>
    public IReadOnlyList<string> TemplatesOf(StageRecipe stage) =>
        stage.JudgeTemplates ?? (stage.From is { } from ? TemplatesOf(Stages.Single(s => s.Name == from)) : Judge.Templates);
}

/// <summary>Where prompts and preference pairs come from.</summary>
public sealed record DataRecipe
{
    /// <summary>The built-in world, with this many preference pairs; 0 where files are given.</summary>
    public int WorldPairs { get; init; }

    /// <summary>Preference pairs, a file or a folder: HH-RLHF, UltraFeedback, or prompt, chosen, rejected.</summary>
    public string? Pairs { get; init; }

    /// <summary>Prompts for on-policy stages; those of the training pairs where null.</summary>
    public string? Prompts { get; init; }

    /// <summary>Several files or folders of pairs, weighted, in place of <see cref="Pairs"/>.</summary>
    public IReadOnlyList<DataSource> Sources { get; init; } = [];

    /// <summary>Pairs of the built-in world by a better writer, whose chosen responses the policy learns beyond those of <see cref="WorldPairs"/>; the judge never sees them (Table 2: HH's online split, an aligned model's).</summary>
    public int WorldExtraAnswers { get; init; }

    /// <summary>A file or folder of pairs whose chosen responses the policy learns beyond the pairs' own; the judge never sees them (Table 2: HH's online split).</summary>
    public string? ExtraAnswers { get; init; }

    /// <summary>The share of rows that may be malformed; with more the run does not start.</summary>
    public double MaxMalformed { get; init; } = 0.01;
}

/// <summary>One of several places that pairs come from.</summary>
public sealed record DataSource
{
    public string Path { get; init; } = "";

    /// <summary>How often each training pair is taken: 2 is twice, 0.5 a half of them drawn by the run's seed.</summary>
    public double Weight { get; init; } = 1;
}

/// <summary>The model that the first stages start from.</summary>
public sealed record ModelRecipe
{
    /// <summary>A Hugging Face model folder; a random model of <see cref="Init"/>'s shape where null.</summary>
    public string? Path { get; init; }

    public InitRecipe Init { get; init; } = new();

    /// <summary>The dialogue template by name, or the path of a file with one; "auto" for the model's own, where it is a known one, which the console resolves before a run.</summary>
    public string DialogueTemplate { get; init; } = "world";

    /// <summary>The longest sequence, prompt and answer together, in tokens; the model's positions where null. Of what is longer, dialogues lose their beginning, judge prompts text of their context and responses.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Sequences that a worker of the host generates at once, which bounds the memory of their keys and values; the host's own bound where null.</summary>
    public int? MaxActiveSequences { get; init; }
}

/// <summary>The shape of a model of random weights over the built-in world's words.</summary>
public sealed record InitRecipe
{
    public int HiddenSize { get; init; } = 64;
    public int IntermediateSize { get; init; } = 176;
    public int Layers { get; init; } = 4;
    public int Heads { get; init; } = 8;
    public int KeyValueHeads { get; init; } = 8;
    public int MaxPositions { get; init; } = 256;
    public float InitializerRange { get; init; } = 0.08f;
}

/// <summary>How pairs are judged.</summary>
public sealed record JudgeRecipe
{
    /// <summary>Judge templates by name; several vote.</summary>
    public IReadOnlyList<string> Templates { get; init; } = ["world"];

    /// <summary>Judges that are no models of ours, for stages and the evaluation to name.</summary>
    public IReadOnlyList<JudgeEndpoint> Endpoints { get; init; } = [];

    /// <summary>The endpoint of a name; null where a judge so named is something else.</summary>
    public JudgeEndpoint? EndpointOf(string? judge) => Endpoints.FirstOrDefault(e => e.Name == judge);
}

/// <summary>A chat model behind an OpenAI-compatible address as a judge, as OAIF has it (Guo et al. 2024).</summary>
public sealed record JudgeEndpoint
{
    /// <summary>What a <c>judge</c> key calls it.</summary>
    public string Name { get; init; } = "";

    /// <summary>Up to where <c>/chat/completions</c> follows, such as https://HOST/v1.</summary>
    public string Address { get; init; } = "";

    /// <summary>As the server names it.</summary>
    public string Model { get; init; } = "";

    /// <summary>The environment variable of the silos that holds the key; null where none is asked for. The key itself stands nowhere.</summary>
    public string? KeyEnv { get; init; }

    /// <summary>Judge templates that it is asked by; several vote.</summary>
    public IReadOnlyList<string> Templates { get; init; } = [JudgeTemplate.UltraFeedback.Name];

    /// <summary>Requests that are under way at once, at most, for each silo.</summary>
    public int Requests { get; init; } = 8;

    /// <summary>What is wrong with the address or its model; null where nothing is.</summary>
    public string? FindProblem() =>
        !Uri.TryCreate(Address, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") ? "write the address as https://HOST/v1"
        : address.UserInfo.Length > 0 ? "leave name and password out of the address; a key goes into an environment variable, which is named"
        : string.IsNullOrWhiteSpace(Model) ? $"name the model that is to judge at {Address}"
        : Templates.Count == 0 ? "name at least one template"
        : Requests < 1 ? "requests must be 1 or more"
        : null;
}

/// <summary>The methods that a stage can use.</summary>
public enum StageMethod
{
    /// <summary>Supervised fine-tuning on chosen responses.</summary>
    Sft,

    /// <summary>Judge-augmented supervised fine-tuning (section 3.1).</summary>
    Jsft,

    /// <summary>A preference loss on the static pairs: offline.</summary>
    Dpo,

    /// <summary>Samples of the initial policy, labelled by the judge, no refresh (Table 4).</summary>
    OffPolicy,

    /// <summary>Self-training by on-policy judgment (section 3.2).</summary>
    SelfJudge,

    /// <summary>A reward model: a scalar head, trained by the Bradley-Terry loss on the static pairs.</summary>
    Rm,

    /// <summary>Statistical rejection sampling (RSO): of samples of the initial policy, scored by the judge against one of them, the accepted one is preferred to one that was not.</summary>
    Rso,

    /// <summary>Reinforced self-training (ReST): first samples of the initial policy are gathered and rewarded, then it is fine-tuned on those above rising quantiles of the reward.</summary>
    Rest,

    /// <summary>Reward-ranked fine-tuning (RAFT): fine-tuned on the best rewarded of several samples of the initial policy.</summary>
    Raft,

    /// <summary>Proximal policy optimization (RLHF): on-policy, with a value head and a penalty on the divergence from the initial policy.</summary>
    Ppo,
}

/// <summary>What stages of a method do.</summary>
public static class StageMethods
{
    /// <summary>Whether its model answers prompts: all but reward models do.</summary>
    public static bool IsPolicy(this StageMethod method) => method != StageMethod.Rm;

    /// <summary>Whether its steps begin with samples of prompts.</summary>
    public static bool IsRollout(this StageMethod method) => method is StageMethod.OffPolicy or StageMethod.SelfJudge or StageMethod.Rso or StageMethod.Rest or StageMethod.Raft or StageMethod.Ppo;

    /// <summary>Whether those samples come from the policy as it is at that step.</summary>
    public static bool IsOnPolicy(this StageMethod method) => method is StageMethod.SelfJudge or StageMethod.Ppo;

    /// <summary>Whether samples are rewarded one by one instead of judged in pairs.</summary>
    public static bool IsRewarded(this StageMethod method) => method is StageMethod.Rest or StageMethod.Raft or StageMethod.Ppo;

    /// <summary>Whether the loss compares with the model that the stage started from.</summary>
    public static bool HasReference(this StageMethod method) => method is StageMethod.Dpo or StageMethod.OffPolicy or StageMethod.SelfJudge or StageMethod.Rso or StageMethod.Ppo;
}

/// <summary>One stage of training.</summary>
public sealed record StageRecipe
{
    /// <summary>The name by which a stage's own policy is its judge.</summary>
    public const string PolicyItself = "policy";

    /// <summary>What tables, reports and later stages call it.</summary>
    public string Name { get; init; } = "";

    public StageMethod Method { get; init; }

    /// <summary>The stage whose model it starts from; the run's model where null. It stays frozen as reference, and as judge where no other is named.</summary>
    public string? From { get; init; }

    public int Steps { get; init; }

    /// <summary>Passes over the stage's examples, in place of <see cref="Steps"/>, which follows from it once the data is read.</summary>
    public double Epochs { get; init; }

    public double LearningRate { get; init; }
    public DecayShape Schedule { get; init; } = DecayShape.Constant;

    /// <summary>Share of the steps in which the learning rate rises to its peak.</summary>
    public double Warmup { get; init; }

    public OptimizerRecipe Optimizer { get; init; } = new();

    /// <summary>Trains an adapter of this shape; all weights where null.</summary>
    public AdapterRecipe? Adapter { get; init; }

    /// <summary>sft, jsft: chosen responses per step. rest: gathered responses per step.</summary>
    public int PolicyExamples { get; init; }

    /// <summary>jsft: pairs judged per step, each in both orders.</summary>
    public int JudgePairs { get; init; }

    /// <summary>jsft: the answer goes on after the judge token with a rationale (Table 18), where the data has one.</summary>
    public bool Rationale { get; init; }

    /// <summary>jsft: what weighs how much in the loss.</summary>
    public PartWeights LossWeights { get; init; } = new() { PerToken = true };

    /// <summary>dpo, rm: pairs per step. Methods that sample: prompts per step.</summary>
    public int Prompts { get; init; }

    /// <summary>Methods that sample: completions per prompt (the paper's K).</summary>
    public int Samples { get; init; } = 2;

    /// <summary>off-policy, self-judge: which matches of a prompt's bracket become triplets.</summary>
    public TripletPattern Triplets { get; init; } = TripletPattern.Final;

    /// <summary>dpo, rso, off-policy, self-judge: the loss.</summary>
    public PreferenceLoss Loss { get; init; } = new();

    /// <summary>
    /// off-policy, rso, self-judge: who judges. Null: the model that the stage started from, frozen (the paper's choice).
    /// <c>policy</c>: the policy as it is (Table 9). <c>oracle</c>: the built-in world's. Else an earlier stage, a model folder, or
    /// one of the recipe's <c>judge.endpoints</c>.
    /// </summary>
    public string? Judge { get; init; }

    /// <summary>Judge templates in place of the run's own: to be learned, or to judge by. Null: those of the stage it starts from.</summary>
    public IReadOnlyList<string>? JudgeTemplates { get; init; }

    /// <summary>
    /// rest, raft, ppo: what rewards a response: an earlier stage, or a model folder. A reward model scores it; any other
    /// model judges it against a blank one, and the likelihood of its judge token is the reward (Table 3).
    /// </summary>
    public string? Reward { get; init; }

    /// <summary>rso: the temperature β of the acceptance, on the scale of the judge's likelihoods.</summary>
    public double AcceptanceBeta { get; init; } = 0.1;

    /// <summary>rest: steps that only gather samples, before those that learn.</summary>
    public int GrowSteps { get; init; }

    /// <summary>
    /// rest: the reward quantiles of the Improve steps, which share the steps after <see cref="GrowSteps"/> in proportion to
    /// what is above each: with Σ (1 − q)·samples / policy_examples of them, each is one epoch.
    /// </summary>
    public IReadOnlyList<double> Thresholds { get; init; } = [0.7, 0.8, 0.9];

    /// <summary>ppo: its constants.</summary>
    public PpoOptions Ppo { get; init; } = new();

    /// <summary>self-judge, ppo: the trainer refuses samples of a policy more steps old than this.</summary>
    public int MaxStaleness { get; init; }

    /// <summary>Steps from one checkpoint to the next.</summary>
    public int CheckpointEvery { get; init; } = 1;

    /// <summary>jsft: steps between measurements of judge accuracy on held-out pairs; 0 measures at the end only.</summary>
    public int MeasureEvery { get; init; }

    /// <summary>Whether the evaluation samples this stage's model. Off for stages that only show a judge.</summary>
    public bool Evaluate { get; init; } = true;
}

/// <summary>AdamW.</summary>
public sealed record OptimizerRecipe
{
    public double Beta1 { get; init; } = 0.9;
    public double Beta2 { get; init; } = 0.999;
    public double WeightDecay { get; init; }
    public double ClipNorm { get; init; } = 1.0;

    /// <summary>Packed tokens that pass through the model at once; larger steps accumulate gradients.</summary>
    public int MaxTokensPerBatch { get; init; } = 4096;

    /// <summary>Keep only what enters each layer and compute the rest again in the backward pass: the same gradients, a fraction of the memory for activations, a third more time.</summary>
    public bool GradientCheckpointing { get; init; }
}

/// <summary>A LoRA adapter.</summary>
public sealed record AdapterRecipe
{
    public int R { get; init; } = 8;
    public float Alpha { get; init; } = 16;
    public IReadOnlyList<string> Targets { get; init; } = ["q_proj", "v_proj"];
}

/// <summary>Prompts that training never sees.</summary>
public enum HeldOutSplit { Test, Validation }

/// <summary>Measurement at the end: every evaluated stage's model answers held-out prompts, and a judge compares its answers with the baseline's.</summary>
public sealed record EvaluationRecipe
{
    /// <summary>The name by which the judge may be the built-in world's oracle.</summary>
    public const string Oracle = "oracle";

    /// <summary>The stage that win rates are against.</summary>
    public string Baseline { get; init; } = "SFT";

    /// <summary>Who compares: oracle, for the built-in world's; a stage's name; that of one of <c>judge.endpoints</c>; the path of a model folder. Where null, the oracle in the built-in world, and elsewhere the first jsft stage or, without one, the model that the run starts from.</summary>
    public string? Judge { get; init; }

    /// <summary>Which held-out prompts: settings are chosen on those of validation, results stand on those of test.</summary>
    public HeldOutSplit Split { get; init; } = HeldOutSplit.Test;

    /// <summary>How many of them; 0 for all.</summary>
    public int Prompts { get; init; }

    /// <summary>Stages whose models also answer by tournament.</summary>
    public IReadOnlyList<string> Rejection { get; init; } = [];

    /// <summary>The numbers of samples in those tournaments.</summary>
    public IReadOnlyList<int> RejectionSamples { get; init; } = [4, 16];
}
