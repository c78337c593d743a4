using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Losses;
using SelfJudge.Preferences.Settings;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Preferences.Methods;

/// <summary>One stage of training.</summary>
public sealed record StageRecipe
{
    [Setting("What tables, reports and later stages call it.", IsRequired = true)]
    public string Name { get; init; } = "";

    [Setting("What the stage does.", IsRequired = true)]
    public StageMethod Method { get; init; }

    /// <summary>What its method is.</summary>
    public MethodSpec Spec => StageMethods.Of(Method);

    [Setting("The stage whose model it starts from; the run's model where null. It stays frozen as reference, and as judge where no other "
        + "is named.")]
    public string? From { get; init; }

    [Setting("Optimizer steps.", AtLeast = 0)]
    public int Steps { get; init; }

    [Setting("Passes over the stage's examples, in place of steps, which follows from it once the data is read.", AtLeast = 0,
        AtMost = 1_000_000)]
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

    [Setting("Chosen responses per step; in rest, gathered responses.", AtLeast = 0, AtMost = 1_048_576)]
    public int PolicyExamples { get; init; }

    [Setting("Pairs judged per step, each in both orders.", AtLeast = 0, AtMost = 1_048_576)]
    public int JudgePairs { get; init; }

    [Setting("The answer goes on after the judge token with a rationale (Table 18), where the data has one.")]
    public bool Rationale { get; init; }

    [Setting("What weighs how much in the loss.")]
    public PartWeights LossWeights { get; init; } = new() { PerToken = true };

    [Setting("Prompts per step; in dpo and rm, pairs.", AtLeast = 1, AtMost = 65_536)]
    public int Prompts { get; init; }

    [Setting("Completions per prompt (the paper's K).", AtLeast = 1, AtMost = 1024)]
    public int Samples { get; init; } = 2;

    [Setting("Which pairs of a prompt's bracket become triplets. final: its last match, the paper's choice. all-matches: every one. "
        + "champion-against-losers: the champion against everyone it beat. first-loser: the champion against one of those who lost in the "
        + "first round, drawn at random. all-first-losers: the champion against each of those. Pairs that the bracket did not put together "
        + "are judged too, and make no triplet where the champion is not preferred.")]
    public TripletPattern Triplets { get; init; } = TripletPattern.Final;

    [Setting("What the likelihood of two samples counts beside the judge in a match of the bracket.")]
    public MatchPrior Prior { get; init; } = new();

    [Setting("The loss over a preference pair.")]
    public PreferenceLoss Loss { get; init; } = new();

    [Setting("Who judges. Null: the model that the stage started from, frozen (the paper's choice). policy: the policy as it is (Table "
        + "9). oracle: the built-in world's. start: the model that the run starts from. Else an earlier stage, one of the recipe's "
        + "judge.endpoints, or a model folder by its path, such as ./judge.")]
    public string? Judge { get; init; }

    [Setting("Judge templates in place of the run's own: to be learned, or to judge by. Null: those of the stage it starts from.")]
    public IReadOnlyList<string>? JudgeTemplates { get; init; }

    [Setting("What rewards a response: an earlier stage, start, or a model folder by its path. A reward model scores it; any other model "
        + "judges it against a blank one, and the likelihood of its judge token is the reward (Table 3).")]
    public string? Reward { get; init; }

    [Setting("The temperature β of the acceptance, on the scale of the judge's likelihoods.", AtLeast = 1e-6, AtMost = 1000)]
    public double AcceptanceBeta { get; init; } = 0.1;

    [Setting("Steps that only gather samples, before those that learn.", AtLeast = 0)]
    public int GrowSteps { get; init; }

    [Setting("The reward quantiles of the Improve steps, which share the steps after grow_steps in proportion to what is above each: with "
        + "Σ (1 − q)·samples / policy_examples of them, each is one epoch.", AtLeast = 0, LessThan = 1)]
    public IReadOnlyList<double> Thresholds { get; init; } = [0.7, 0.8, 0.9];

    [Setting("The constants of PPO.")]
    public PpoOptions Ppo { get; init; } = new();

    [Setting("The trainer refuses samples of a policy more steps old than this.", AtLeast = 0)]
    public int MaxStaleness { get; init; }

    [Setting("Steps from one checkpoint to the next.", AtLeast = 1)]
    public int CheckpointEvery { get; init; } = 1;

    [Setting("Steps between measurements of judge accuracy on held-out pairs; 0 measures at the end only.", AtLeast = 0)]
    public int MeasureEvery { get; init; }

    /// <summary>Whether its loss compares with the model that it started from.</summary>
    public bool HasReference => Spec.Loss == MethodLoss.Ppo || Spec.Loss == MethodLoss.Preference && Loss.NeedsReference;

    [Setting("Whether the evaluation samples this stage's model. Off for stages that only show a judge.")]
    public bool Evaluate { get; init; } = true;

    /// <summary>Whether the evaluation has its model answer.</summary>
    public bool IsEvaluated => Evaluate && Spec.IsPolicy;
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

    [Setting("Keep only what enters each layer and compute the rest again in the backward pass: the same gradients, a fraction of the "
        + "memory for activations, a third more time.")]
    public bool GradientCheckpointing { get; init; }
}

/// <summary>A LoRA adapter.</summary>
public sealed record AdapterRecipe
{
    [Setting("The rank.", AtLeast = 1, AtMost = 65_536)]
    public int R { get; init; } = 8;

    [Setting("The adapter counts alpha/r times.", MoreThan = 0, AtMost = 1_000_000)]
    public float Alpha { get; init; } = 16;

    [Setting("The projections that it is on, in PEFT's words: names such as q_proj or self_attn.q_proj, all-linear for all seven, or a "
        + "regular expression of whole module names.")]
    public IReadOnlyList<string> Targets { get; init; } = ["q_proj", "v_proj"];
}
