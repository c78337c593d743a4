namespace SelfJudge.Modeling.Decoders;

/// <summary>What a parameter is for. Initialisation and weight decay go by it.</summary>
public enum ParameterRole
{
    /// <summary>The rows that tokens become; where the two are tied, the output's too.</summary>
    Embedding,

    /// <summary>A projection that reads the residual stream.</summary>
    Matrix,

    /// <summary>A projection that writes to the residual stream.</summary>
    ResidualMatrix,

    /// <summary>The weight of an RMSNorm.</summary>
    Norm,

    /// <summary>What is added to a projection's product.</summary>
    Bias,

    /// <summary>The logits of the words.</summary>
    Head,

    /// <summary>One number of every hidden state.</summary>
    ScalarHead,

    /// <summary>An adapter's A, which reads what the projection reads.</summary>
    AdapterDown,

    /// <summary>An adapter's B, whose product is added to the projection's.</summary>
    AdapterUp,
}

/// <summary>One named parameter and where it lies in a flat buffer.</summary>
/// <param name="Name">Its name in a Hugging Face checkpoint or a PEFT adapter.</param>
public sealed record Parameter(string Name, ParameterRole Role, long[] Shape, long Offset)
{
    public long Size => Shape.Aggregate(1L, (a, b) => a * b);

    /// <summary>Whether weight decay applies: to matrices, not to what scales or shifts an activation.</summary>
    public bool Decays => Role is not (ParameterRole.Norm or ParameterRole.Bias);
}
