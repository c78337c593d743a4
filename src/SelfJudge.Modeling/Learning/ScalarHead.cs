namespace SelfJudge.Modeling.Learning;

/// <summary>What a model in training has beside its vocabulary's head.</summary>
public enum ScalarHead
{
    None,

    /// <summary>It scores whole responses, and is saved with the model.</summary>
    Reward,

    /// <summary>It predicts the return at every token (PPO). It is kept in checkpoints, not in the model that is saved.</summary>
    Value,
}
