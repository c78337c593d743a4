using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Modeling.Tests.Tokenizers;

/// <summary>llama.cpp's texts and the ids that Llama 2's tokenizer gives them.</summary>
internal static class Llama2Vectors
{
    public static void Hold(TextTokenizer tokenizer)
    {
        var texts = File.ReadAllText(TestData.Path("shared/tokenizers/vectors/llama2.inp")).Split("\n__ggml_vocab_test__\n");
        var lines = File.ReadAllLines(TestData.Path("shared/tokenizers/vectors/llama2.out"));
        // The last separator ends the file.
        Assert.Equal(lines.Length + 1, texts.Length);
        Assert.Equal(46, lines.Length);
        for (var i = 0; i < lines.Length; i++)
        {
            int[] expected = [.. lines[i].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
            Assert.Equal(expected, tokenizer.Encode(texts[i]));
            Assert.Equal(texts[i], tokenizer.Decode(expected));
        }
    }
}
