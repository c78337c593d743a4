using SelfJudge.Preferences.Settings;

namespace SelfJudge.Preferences.Recipes;

/// <summary>The model that the first stages start from.</summary>
public sealed record ModelRecipe
{
    [Setting("A Hugging Face model folder; a random model of init's shape where null.")]
    public string? Path { get; init; }

    [Setting("The shape of a random model.")]
    public InitRecipe Init { get; init; } = new();

    [Setting("The dialogue template by name, or the path of a file with one; \"auto\" for the model's own, where it is a known one, which "
        + "the console resolves before a run.")]
    public string DialogueTemplate { get; init; } = "world";

    [Setting("The longest sequence, prompt and answer together, in tokens; the model's positions where null. Of what is longer, dialogues "
        + "lose their beginning, judge prompts text of their context and responses.", AtLeast = 16, AtMost = 16_777_216)]
    public int? MaxLength { get; init; }

    [Setting("Sequences that a worker of the host generates at once, which bounds the memory of their keys and values; the host's own "
        + "bound where null.", AtLeast = 1, AtMost = 65_536)]
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
