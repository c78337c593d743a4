using System.Text.RegularExpressions;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Preferences.Recipes;

/// <summary>A whole run: the data, the model it starts from, the stages it goes through, how it is measured. Every key of a recipe file is a property here, in snake_case.</summary>
public sealed record Recipe
{
    [Setting("What tables and reports call the run, and what its folder is named after.")]
    public string Name { get; init; } = "run";

    [Setting("All randomness of the run derives from it.")]
    public ulong Seed { get; init; } = 1;

    [Setting("Requests of a step form batches of fixed composition, so that on a CPU the run repeats bit for bit.")]
    public bool Deterministic { get; init; } = true;

    [Setting("Where prompts and preference pairs come from.")]
    public DataRecipe Data { get; init; } = new();

    [Setting("The model that the first stages start from.")]
    public ModelRecipe Model { get; init; } = new();

    [Setting("How pairs are judged.")]
    public JudgeRecipe Judge { get; init; } = new();

    [Setting("How completions are drawn.")]
    public SamplingOptions Sampling { get; init; } = new();

    [Setting("The stages of training, in their order.")]
    public IReadOnlyList<StageRecipe> Stages { get; init; } = [];

    [Setting("Measurement at the end; none where left out.")]
    public EvaluationRecipe? Evaluation { get; init; }

    [Setting("Checkpoints kept; older ones are deleted. At least 2, so that a damaged one has one before it.", AtLeast = 2, AtMost = 1_000_000)]
    public int KeepCheckpoints { get; init; } = 2;

    /// <summary>
    /// The recipe with what follows from the rest of it. On files that hold prompts out, a run whose recipe has no evaluation
    /// compares every evaluated stage with the model that it starts from; a baseline that is left out is the stage SFT where
    /// there is one, or on files else that model.
    /// </summary>
    public Recipe Completed()
    {
        var isOnFiles = Data.WorldPairs == 0;
        var evaluation = Evaluation ?? (isOnFiles && Data.HasPairs && Stages.Any(s => s.IsEvaluated) ? new EvaluationRecipe() : null);
        return this with { Evaluation = evaluation is null or { Baseline: not null } ? evaluation : evaluation with { Baseline = isOnFiles && Stages.All(s => s.Name != EvaluationRecipe.Sft) ? EvaluationRecipe.Start : EvaluationRecipe.Sft } };
    }

    /// <summary>The held-out pairs that the models of stages are measured on as judges, at most; null for all of them.</summary>
    public int? JudgedPairs => Judge.HeldOutPairs ?? (Data.WorldPairs > 0 ? null : JudgeRecipe.HeldOutPairsOfFiles);

    /// <summary>The held-out prompts of the evaluation, at most; null for all of them.</summary>
    public int? EvaluatedPrompts => Evaluation?.Prompts is { } named ? (named == 0 ? null : named) : Data.WorldPairs > 0 ? null : EvaluationRecipe.PromptsOfFiles;

    /// <summary>The judge templates of a stage: its own, else those of the stage it starts from, else the run's.</summary>
    public IReadOnlyList<string> TemplatesOf(StageRecipe stage) =>
        stage.JudgeTemplates ?? (stage.From is { } from ? TemplatesOf(Stages.Single(s => s.Name == from)) : Judge.Templates);

    /// <summary>The adapter of a stage's model: the one that it adds, else the one that it trains on, of the stage it starts from; null where it trains all weights.</summary>
    public AdapterRecipe? AdapterOf(StageRecipe stage) => stage.Adapter ?? (StartOf(stage) is { } start ? AdapterOf(start) : null);

    /// <summary>The stage whose whole weights a stage's adapter stands on; null for the model that the run starts from.</summary>
    public string? BaseOf(StageRecipe stage) => stage.Adapter is null && StartOf(stage) is { } start && AdapterOf(start) is not null ? BaseOf(start) : stage.From;

    private StageRecipe? StartOf(StageRecipe stage) => stage.From is { } from ? Stages.First(s => s.Name == from) : null;
}

/// <summary>Where prompts and preference pairs come from.</summary>
public sealed record DataRecipe
{
    [Setting("The built-in world, with this many preference pairs; 0 where files are given.", AtLeast = 0, AtMost = 10_000_000)]
    public int WorldPairs { get; init; }

    [Setting("Preference pairs, a file or a folder: HH-RLHF, UltraFeedback, or prompt, chosen, rejected.")]
    public string? Pairs { get; init; }

    [Setting("Prompts for on-policy stages; those of the training pairs where null.")]
    public string? Prompts { get; init; }

    [Setting("Several files or folders of pairs, weighted, in place of pairs.")]
    public IReadOnlyList<DataSource> Sources { get; init; } = [];

    [Setting("Pairs of the built-in world by a better writer, whose chosen responses the policy learns beyond those of world_pairs; the judge never sees them (Table 2: HH's online split, an aligned model's).", AtLeast = 0, AtMost = 10_000_000)]
    public int WorldExtraAnswers { get; init; }

    [Setting("A file or folder of pairs whose chosen responses the policy learns beyond the pairs' own; the judge never sees them (Table 2: HH's online split).")]
    public string? ExtraAnswers { get; init; }

    /// <summary>Whether files of pairs are named.</summary>
    public bool HasPairs => Pairs is not null || Sources.Count > 0;

    [Setting("The share of rows that may be malformed; with more the run does not start.", AtLeast = 0, AtMost = 1)]
    public double MaxMalformed { get; init; } = 0.01;
}

/// <summary>One of several places that pairs come from.</summary>
public sealed record DataSource
{
    [Setting("A file or folder of pairs.", IsRequired = true)]
    public string Path { get; init; } = "";

    [Setting("How often each training pair is taken: 2 is twice, 0.5 a half of them drawn by the run's seed.", MoreThan = 0, AtMost = 1000)]
    public double Weight { get; init; } = 1;
}

/// <summary>The model that the first stages start from.</summary>
public sealed record ModelRecipe
{
    [Setting("A Hugging Face model folder; a random model of init's shape where null.")]
    public string? Path { get; init; }

    [Setting("The shape of a random model.")]
    public InitRecipe Init { get; init; } = new();

    [Setting("The dialogue template by name, or the path of a file with one; \"auto\" for the model's own, where it is a known one, which the console resolves before a run.")]
    public string DialogueTemplate { get; init; } = "world";

    [Setting("The longest sequence, prompt and answer together, in tokens; the model's positions where null. Of what is longer, dialogues lose their beginning, judge prompts text of their context and responses.", AtLeast = 16, AtMost = 16_777_216)]
    public int? MaxLength { get; init; }

    [Setting("Sequences that a worker of the host generates at once, which bounds the memory of their keys and values; the host's own bound where null.", AtLeast = 1, AtMost = 65_536)]
    public int? MaxActiveSequences { get; init; }
}

/// <summary>The shape of a model of random weights over the built-in world's words.</summary>
public sealed record InitRecipe
{
    [Setting("Elements of a hidden state.", AtLeast = 1, AtMost = 65_536)]
    public int HiddenSize { get; init; } = 64;

    [Setting("Elements within the feed-forward blocks.", AtLeast = 1, AtMost = 1_048_576)]
    public int IntermediateSize { get; init; } = 176;

    [Setting("Transformer layers.", AtLeast = 1, AtMost = 1024)]
    public int Layers { get; init; } = 4;

    [Setting("Attention heads; they divide hidden_size into heads of an even size.", AtLeast = 1, AtMost = 1024)]
    public int Heads { get; init; } = 8;

    [Setting("Heads of keys and values; they divide heads.", AtLeast = 1, AtMost = 1024)]
    public int KeyValueHeads { get; init; } = 8;

    [Setting("The longest sequence, in tokens.", AtLeast = 16, AtMost = 1_048_576)]
    public int MaxPositions { get; init; } = 256;

    [Setting("Standard deviation of the normal distribution that matrices are drawn from.", MoreThan = 0, AtMost = 10)]
    public float InitializerRange { get; init; } = 0.08f;
}

/// <summary>How pairs are judged.</summary>
public sealed record JudgeRecipe
{
    [Setting("Judge templates by name; several vote.")]
    public IReadOnlyList<string> Templates { get; init; } = ["world"];

    /// <summary>The pairs of files that are judged where <see cref="HeldOutPairs"/> does not say.</summary>
    public const int HeldOutPairsOfFiles = 500;

    [Setting("At a stage's end its model is measured as a judge on so many held-out pairs, at most. Null: on all of the built-in world's, on 500 of files.", AtLeast = 1)]
    public int? HeldOutPairs { get; init; }

    [Setting("In off-policy, self-judge and rso a comparison whose two orders of presentation disagree makes no preference. Where false, the mean over both orders decides it (section 3.1).")]
    public bool RequireAgreement { get; init; }

    [Setting("Before a stage that samples, its judge or reward model is measured on so many held-out pairs, at most, where the data holds any out; 0 does not measure. What looks like chance is warned of.", AtLeast = 0, AtMost = 1_000_000)]
    public int GatePairs { get; init; } = 200;

    [Setting("The swap consistency that it needs: the share of judgments whose two orders agree, of which one half is chance.", AtLeast = 0, AtMost = 1)]
    public double GateSwapConsistency { get; init; } = 0.6;

    [Setting("Whether a judge that looks like chance, or is below gate_swap_consistency, stops the run instead.")]
    public bool Gate { get; init; }

    [Setting("Judges that are no models of ours, for stages and the evaluation to name.")]
    public IReadOnlyList<JudgeEndpoint> Endpoints { get; init; } = [];

    /// <summary>The endpoint of a name; null where a judge so named is something else.</summary>
    public JudgeEndpoint? EndpointOf(string? judge) => Endpoints.FirstOrDefault(e => e.Name == judge);
}

/// <summary>A chat model behind an OpenAI-compatible address as a judge, as OAIF has it (Guo et al. 2024).</summary>
public sealed partial record JudgeEndpoint
{
    [Setting("What a judge key calls it.", IsRequired = true)]
    public string Name { get; init; } = "";

    [Setting("Up to where /chat/completions follows, such as https://HOST/v1.", IsRequired = true)]
    public string Address { get; init; } = "";

    [Setting("As the server names it.", IsRequired = true)]
    public string Model { get; init; } = "";

    [Setting("The environment variable of the silos that holds the key; null where none is asked for. The key itself stands nowhere.")]
    public string? KeyEnv { get; init; }

    [Setting("Judge templates that it is asked by; several vote.")]
    public IReadOnlyList<string> Templates { get; init; } = [JudgeTemplate.UltraFeedback.Name];

    [Setting("Requests that are under way at once, at most, for each silo.", AtLeast = 1, AtMost = 1024)]
    public int Requests { get; init; } = 8;

    /// <summary>What is wrong with it; null where nothing is.</summary>
    public string? FindProblem() => FindAddressProblem()
        ?? (string.IsNullOrWhiteSpace(Model) ? $"name the model that is to judge at {Address}"
        : Templates.Count == 0 ? "name at least one template"
        : RecipeKeys.FindProblem(this));

    /// <summary>What is wrong with the address or the name of its key's variable; null where nothing is. Neither is repeated where it may hold a secret.</summary>
    public string? FindAddressProblem() =>
        !Uri.TryCreate(Address, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") || address.Host.Length == 0 ? "write the address as https://HOST/v1"
        : address.UserInfo.Length > 0 || Address.AsSpan().IndexOfAny('?', '#') >= 0 ? "leave name, password and whatever follows ? or # out of the address; a key goes into an environment variable, which is named"
        : KeyEnv is not null && !VariableName().IsMatch(KeyEnv) ? "the environment variable that holds the key has no such name; write its name, never the key itself"
        : KeyEnv is not null && address.Scheme == "http" && !address.IsLoopback ? $"the key would go to {address.Host} in clear; write the address as https://HOST/v1"
        : null;

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$", RegexOptions.CultureInvariant)]
    private static partial Regex VariableName();
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

    [Setting("What tables, reports and later stages call it.", IsRequired = true)]
    public string Name { get; init; } = "";

    [Setting("What the stage does.", IsRequired = true)]
    public StageMethod Method { get; init; }

    [Setting("The stage whose model it starts from; the run's model where null. It stays frozen as reference, and as judge where no other is named.")]
    public string? From { get; init; }

    [Setting("Optimizer steps.", AtLeast = 0)]
    public int Steps { get; init; }

    [Setting("Passes over the stage's examples, in place of steps, which follows from it once the data is read.", AtLeast = 0, AtMost = 1_000_000)]
    public double Epochs { get; init; }

    [Setting("The peak of the learning rate.", MoreThan = 0, AtMost = 10, IsRequired = true)]
    public double LearningRate { get; init; }

    [Setting("How the learning rate goes on from its peak.")]
    public DecayShape Schedule { get; init; } = DecayShape.Constant;

    [Setting("Share of the steps in which the learning rate rises to its peak.", AtLeast = 0, AtMost = 1)]
    public double Warmup { get; init; }

    [Setting("AdamW and its batches.")]
    public OptimizerRecipe Optimizer { get; init; } = new();

    [Setting("Trains an adapter of this shape; all weights where null.")]
    public AdapterRecipe? Adapter { get; init; }

    [Setting("Chosen responses per step; in rest, gathered responses.", AtLeast = 0, AtMost = 1_048_576, Methods = [StageMethod.Sft, StageMethod.Jsft, StageMethod.Rest])]
    public int PolicyExamples { get; init; }

    [Setting("Pairs judged per step, each in both orders.", AtLeast = 0, AtMost = 1_048_576, Methods = [StageMethod.Jsft])]
    public int JudgePairs { get; init; }

    [Setting("The answer goes on after the judge token with a rationale (Table 18), where the data has one.", Methods = [StageMethod.Jsft])]
    public bool Rationale { get; init; }

    [Setting("What weighs how much in the loss.", Methods = [StageMethod.Sft, StageMethod.Jsft, StageMethod.Rest, StageMethod.Raft])]
    public PartWeights LossWeights { get; init; } = new() { PerToken = true };

    [Setting("Prompts per step; in dpo and rm, pairs.", AtLeast = 1, AtMost = 65_536, Methods = [StageMethod.Dpo, StageMethod.Rm, StageMethod.OffPolicy, StageMethod.SelfJudge, StageMethod.Rso, StageMethod.Rest, StageMethod.Raft, StageMethod.Ppo])]
    public int Prompts { get; init; }

    [Setting("Completions per prompt (the paper's K).", AtLeast = 1, AtMost = 1024, Methods = [StageMethod.OffPolicy, StageMethod.SelfJudge, StageMethod.Rso, StageMethod.Rest, StageMethod.Raft, StageMethod.Ppo])]
    public int Samples { get; init; } = 2;

    [Setting("Which matches of a prompt's bracket become triplets.", Methods = [StageMethod.OffPolicy, StageMethod.SelfJudge])]
    public TripletPattern Triplets { get; init; } = TripletPattern.Final;

    [Setting("The loss over a preference pair.", Methods = [StageMethod.Dpo, StageMethod.OffPolicy, StageMethod.SelfJudge, StageMethod.Rso])]
    public PreferenceLoss Loss { get; init; } = new();

    [Setting("Who judges. Null: the model that the stage started from, frozen (the paper's choice). policy: the policy as it is (Table 9). oracle: the built-in world's. start: the model that the run starts from. Else an earlier stage, one of the recipe's judge.endpoints, or a model folder by its path, such as ./judge.", Methods = [StageMethod.OffPolicy, StageMethod.SelfJudge, StageMethod.Rso])]
    public string? Judge { get; init; }

    [Setting("Judge templates in place of the run's own: to be learned, or to judge by. Null: those of the stage it starts from.")]
    public IReadOnlyList<string>? JudgeTemplates { get; init; }

    [Setting("What rewards a response: an earlier stage, start, or a model folder by its path. A reward model scores it; any other model judges it against a blank one, and the likelihood of its judge token is the reward (Table 3).", Methods = [StageMethod.Rest, StageMethod.Raft, StageMethod.Ppo])]
    public string? Reward { get; init; }

    [Setting("The temperature β of the acceptance, on the scale of the judge's likelihoods.", AtLeast = 1e-6, AtMost = 1000, Methods = [StageMethod.Rso])]
    public double AcceptanceBeta { get; init; } = 0.1;

    [Setting("Steps that only gather samples, before those that learn.", AtLeast = 0, Methods = [StageMethod.Rest])]
    public int GrowSteps { get; init; }

    [Setting("The reward quantiles of the Improve steps, which share the steps after grow_steps in proportion to what is above each: with Σ (1 − q)·samples / policy_examples of them, each is one epoch.", AtLeast = 0, LessThan = 1, Methods = [StageMethod.Rest])]
    public IReadOnlyList<double> Thresholds { get; init; } = [0.7, 0.8, 0.9];

    [Setting("The constants of PPO.", Methods = [StageMethod.Ppo])]
    public PpoOptions Ppo { get; init; } = new();

    [Setting("The trainer refuses samples of a policy more steps old than this.", AtLeast = 0, Methods = [StageMethod.SelfJudge, StageMethod.Ppo])]
    public int MaxStaleness { get; init; }

    [Setting("Steps from one checkpoint to the next.", AtLeast = 1)]
    public int CheckpointEvery { get; init; } = 1;

    [Setting("Steps between measurements of judge accuracy on held-out pairs; 0 measures at the end only.", AtLeast = 0, Methods = [StageMethod.Jsft])]
    public int MeasureEvery { get; init; }

    [Setting("Whether the evaluation samples this stage's model. Off for stages that only show a judge.")]
    public bool Evaluate { get; init; } = true;

    /// <summary>Whether the evaluation has its model answer.</summary>
    public bool IsEvaluated => Evaluate && Method.IsPolicy();
}

/// <summary>AdamW.</summary>
public sealed record OptimizerRecipe
{
    [Setting("Decay of the gradient's mean.", AtLeast = 0, LessThan = 1)]
    public double Beta1 { get; init; } = 0.9;

    [Setting("Decay of the gradient's square.", AtLeast = 0, LessThan = 1)]
    public double Beta2 { get; init; } = 0.999;

    [Setting("Decoupled weight decay.", AtLeast = 0, AtMost = 100)]
    public double WeightDecay { get; init; }

    [Setting("The gradient is scaled down to this norm; 0 leaves it as it is.", AtLeast = 0, AtMost = 1_000_000)]
    public double ClipNorm { get; init; } = 1.0;

    [Setting("Packed tokens that pass through the model at once; larger steps accumulate gradients.", AtLeast = 1, AtMost = 100_000_000)]
    public int MaxTokensPerBatch { get; init; } = 4096;

    [Setting("Keep only what enters each layer and compute the rest again in the backward pass: the same gradients, a fraction of the memory for activations, a third more time.")]
    public bool GradientCheckpointing { get; init; }
}

/// <summary>A LoRA adapter.</summary>
public sealed record AdapterRecipe
{
    [Setting("The rank.", AtLeast = 1, AtMost = 65_536)]
    public int R { get; init; } = 8;

    [Setting("The adapter counts alpha/r times.", MoreThan = 0, AtMost = 1_000_000)]
    public float Alpha { get; init; } = 16;

    [Setting("The projections that it is on, in PEFT's words: names such as q_proj or self_attn.q_proj, all-linear for all seven, or a regular expression of whole module names.")]
    public IReadOnlyList<string> Targets { get; init; } = ["q_proj", "v_proj"];
}

/// <summary>Prompts that training never sees.</summary>
public enum HeldOutSplit { Test, Validation }

/// <summary>Measurement at the end: every evaluated stage's model answers held-out prompts, and a judge compares its answers with the baseline's.</summary>
public sealed record EvaluationRecipe
{
    /// <summary>The name by which the judge may be the built-in world's oracle.</summary>
    public const string Oracle = "oracle";

    /// <summary>The name of the model that the run starts from, before any stage.</summary>
    public const string Start = "start";

    /// <summary>A model of the run, as people read of it.</summary>
    public static string Called(string model) => model == Start ? "the model that the run starts from" : model;

    /// <summary>The prompts of files that are answered where <see cref="Prompts"/> does not say.</summary>
    public const int PromptsOfFiles = 100;

    internal const string Sft = "SFT";

    [Setting("What win rates are against: a stage, or start for the model that the run starts from. Where null, the stage SFT, and on files without one start.")]
    public string? Baseline { get; init; }

    [Setting("Who compares: oracle, for the built-in world's; a stage's name; start, for the model that the run starts from; the name of one of judge.endpoints; the path of a model folder, such as ./judge. Where null, the oracle in the built-in world, and elsewhere the first jsft stage or, without one, the model that the run starts from.")]
    public string? Judge { get; init; }

    [Setting("What a pair of answers counts as on which the judge's two orders disagree: a tie, or the mean over both orders decides.")]
    public InconsistentPairs Inconsistent { get; init; } = InconsistentPairs.Tie;

    [Setting("Which held-out prompts: settings are chosen on those of validation, results stand on those of test.")]
    public HeldOutSplit Split { get; init; } = HeldOutSplit.Test;

    [Setting("How many of them, at most; 0 for all. Null: all of the built-in world's, 100 of files.", AtLeast = 0)]
    public int? Prompts { get; init; }

    [Setting("Stages, or start, whose models also answer by tournament.")]
    public IReadOnlyList<string> Rejection { get; init; } = [];

    [Setting("The numbers of samples in those tournaments.", AtLeast = 1, AtMost = 1024)]
    public IReadOnlyList<int> RejectionSamples { get; init; } = [4, 16];
}
