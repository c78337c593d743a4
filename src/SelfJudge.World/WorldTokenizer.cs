using SelfJudge.Modeling.Tokenizers;

namespace SelfJudge.World;

/// <summary>The tokenizer of the built-in world: a token for each word.</summary>
public static class WorldTokenizer
{
    /// <summary>Its ids are places in <see cref="Vocabulary.Words"/>.</summary>
    public static TextTokenizer Create() => new WordLevelTokenizer(Vocabulary.Words, Vocabulary.SpecialTokens);
}
