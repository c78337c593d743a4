namespace SelfJudge.Modeling.Tokenizers;

/// <summary>Text to token ids and back, as a checkpoint's own tokenizer does it.</summary>
public abstract class TextTokenizer
{
    /// <summary>Tokens that mean something to the model and never come from plain text.</summary>
    public abstract IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <summary>The token that begins every sequence, where the model has one.</summary>
    public abstract int? BosToken { get; }

    /// <summary>The token that ends a response in training data.</summary>
    public abstract int EosToken { get; }

    /// <summary>Ids of plain text; the spelling of a special token in it is text like any other. Adds no begin or end token.</summary>
    public abstract int[] Encode(string text);

    /// <summary>The text of ids, special tokens left out.</summary>
    public abstract string Decode(IEnumerable<int> ids);

    /// <summary>The id of an entry of the vocabulary as it is spelled there; null if there is none.</summary>
    public abstract int? IdOf(string piece);

    /// <summary>Writes the files from which a Hugging Face tokenizer is loaded.</summary>
    public abstract void Save(string folder);
}
