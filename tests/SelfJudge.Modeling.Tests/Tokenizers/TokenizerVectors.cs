using System.Text.Json;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Modeling.Tests.Tokenizers;

/// <summary>
/// Texts and the ids that a folder of <c>tests/data</c> says the reference gives: SentencePiece for <c>llama</c>, Hugging
/// Face's tokenizers for <c>gpt2</c> and <c>llama3</c>.
/// </summary>
internal static class TokenizerVectors
{
    /// <summary>The reference's ids of one of the texts.</summary>
    public static int[] Of(string folder, string text) => Read(folder).Single(v => v.Text == text).Ids;

    public static void Hold(string folder, TextTokenizer tokenizer)
    {
        var vectors = Read(folder);
        Assert.True(vectors.Count > 20);
        foreach (var (text, ids) in vectors)
        {
            Assert.Equal(ids, tokenizer.Encode(text));
            // SentencePiece's own space, U+2581, comes back as a space.
            Assert.Equal(text.Replace('▁', ' '), tokenizer.Decode(ids));
        }
    }

    private static List<(string Text, int[] Ids)> Read(string folder)
    {
        using var vectors = JsonDocument.Parse(File.ReadAllText(TestData.Path($"{folder}/tokenizer_vectors.json")));
        return [.. vectors.RootElement.EnumerateArray().Select(v =>
            (v.GetProperty("text").GetString()!, v.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray()))];
    }
}
