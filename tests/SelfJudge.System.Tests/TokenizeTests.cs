using SelfJudge.SystemTests.Processes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

public sealed class TokenizeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Of our vocabulary the ids that SentencePiece gives, see <c>tests/data/make</c>; of Llama 2's those that everyone
    /// knows.</summary>
    [Theory]
    [InlineData("llama", "452,504,453,463,292,263,272,463,462")]
    [InlineData("shared/tokenizers/llama2", "15043,3186")]
    public async Task Lines_of_text_become_lines_of_ids_and_back(string tokenizer, string hello)
    {
        var model = TestData.Path(tokenizer);
        var texts = _folder.Write("texts.jsonl", "\"Hello world\"", "\"</s> \\n🦙\"", "\"\"");
        var tokenized = await _folder.Client("tokenize", "--model", model, "--in", texts);
        Assert.Equal($"[{hello}]", tokenized.Output.Split('\n')[0]);
        Assert.Equal("[]", tokenized.Output.Split('\n')[2]);
        Assert.StartsWith($"[1,{hello}]\n", (await _folder.Client("tokenize", "--model", model, "--in", texts, "--special")).Output,
            StringComparison.Ordinal);
        var ids = _folder.Write("ids.jsonl", tokenized.Output.Split('\n')[..3]);
        Assert.Equal(File.ReadAllLines(texts), (await _folder.Client("detokenize", "--model", model, "--in", ids)).Output.Split('\n')[..3]
            .Select(l => l.Replace("\\uD83E\\uDD99", "🦙")));
    }

    [Theory]
    [InlineData("tokenize", "not json", "each line must be a JSON string")]
    [InlineData("tokenize", "[1]", "each line must be a JSON string")]
    [InlineData("detokenize", "\"text\"", "each line must be a JSON array of token ids")]
    [InlineData("detokenize", "[1, 1.5]", "1.5 is not a token id")]
    [InlineData("detokenize", "[512]", "512 is not an id of this vocabulary")]
    public async Task A_bad_line_is_named(string command, string line, string message)
    {
        var file = _folder.Write("lines.jsonl", command == "tokenize" ? "\"good\"" : "[5]", line);
        var ended = await _folder.Client(command, "--model", TestData.Path("llama"), "--in", file);
        Assert.Equal(1, ended.ExitCode);
        Assert.Contains($"{file}:2: {message}", ended.ToString());
    }
}
