using System.CommandLine;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using SelfJudge.CommandLine;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Tokenizers;

namespace SelfJudge.Client.Commands;

/// <summary>Text to token ids and back, a line at a time.</summary>
internal static class TokenizeCommands
{
    // Text stays readable; only what JSON itself must escape is escaped.
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static IEnumerable<Command> Create()
    {
        var special = new Option<bool>("--special")
        {
            Description =
            "Put the begin and end tokens around each text that the model's configuration asks for."
        };
        var tokenize = Create("tokenize", "Text to token ids: of each line, a JSON string, a JSON array of ids.", (parse, tokenizer) =>
        {
            var isSpecial = parse.GetValue(special);
            return line => Encode(tokenizer, line, isSpecial);
        });
        tokenize.Add(special);
        return [tokenize, Create("detokenize",
            "Token ids to text: of each line, a JSON array of ids, a JSON string. Special tokens have no text.", (_, tokenizer) => line =>
            Decode(tokenizer, line))];
    }

    private static Command Create(string name, string description, Func<ParseResult, TextTokenizer, Func<string, string>> convert)
    {
        var model = new Option<string>("--model") { Description = "The model's folder, for its tokenizer.", Required = true };
        var input = new Option<string>("--in")
        {
            Description = "The file to read; - or left out: standard input.",
            DefaultValueFactory = _ => "-"
        };
        var command = new Command(name, description) { model, input };
        command.SetAction((parse, cancellation) =>
        {
            var folder = parse.GetValue(model)!;
            if (!Directory.Exists(folder))
                throw new UserError($"--model {folder}: there is no such folder");
            return Run(convert(parse, ModelFolder.ReadTokenizer(folder)), parse.GetValue(input)!, cancellation);
        });
        return command;
    }

    /// <exception cref="UserError">The file is not there, or a line is wrong; the message names file and line.</exception>
    private static async Task<int> Run(Func<string, string> convert, string file, CancellationToken cancellation)
    {
        var isStandard = file == "-";
        if (!isStandard && !File.Exists(file))
            throw new UserError($"--in {file}: {(Directory.Exists(file) ? "is a folder: name a file" : "there is no such file")}");
        // Bytes that are no UTF-8 are an error like any other, not a replacement character.
        var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        using var reader = new StreamReader(isStandard ? Console.OpenStandardInput() : File.OpenRead(file), utf8);
        await using var writer = new StreamWriter(Console.OpenStandardOutput(), utf8, bufferSize: 1 << 16);
        for (var number = 1; ; number++)
            try
            {
                // Nothing but a line ends the reading of standard input: who is to stop leaves it to itself.
                if (await (isStandard ? Task.Run(reader.ReadLine, CancellationToken.None).WaitAsync(cancellation)
                    : reader.ReadLineAsync(cancellation).AsTask()) is not { } line)
                    return RunExecutor.Succeeded;
                var converted = convert(line);
                await writer.WriteLineAsync(Console.IsOutputRedirected ? converted : VisibleText.Of(converted));
                // Who writes a line to a pipe waits for its answer.
                if (isStandard)
                    await writer.FlushAsync(cancellation);
            }
            catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException or DecoderFallbackException
                or InvalidDataException)
            {
                throw new UserError($"{(isStandard ? "standard input" : file)}:{number}: "
                    + $"{(e is DecoderFallbackException ? "not UTF-8" : e.Message)}");
            }
    }

    /// <exception cref="FormatException">The line is not a JSON string.</exception>
    internal static string Encode(TextTokenizer tokenizer, string line, bool special)
    {
        using var json = Parse(line, JsonValueKind.String, "a JSON string");
        var text = json.RootElement.GetString()!;
        return JsonSerializer.Serialize(special ? tokenizer.EncodeWithSpecial(text) : tokenizer.Encode(text));
    }

    /// <exception cref="FormatException">The line is not a JSON array of ids of the vocabulary.</exception>
    internal static string Decode(TextTokenizer tokenizer, string line)
    {
        using var json = Parse(line, JsonValueKind.Array, "a JSON array of token ids");
        var ids = new List<int>();
        foreach (var element in json.RootElement.EnumerateArray())
        {
            var id = element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var number) ? number
                : throw new FormatException($"{element.GetRawText()} is not a token id");
            ids.Add(tokenizer.Contains(id) ? id : throw new FormatException($"{id} is not an id of this vocabulary"));
        }
        return JsonSerializer.Serialize(tokenizer.Decode(ids), Readable);
    }

    private static JsonDocument Parse(string line, JsonValueKind kind, string what)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(line);
        }
        catch (JsonException)
        {
            throw new FormatException($"each line must be {what}");
        }
        if (document.RootElement.ValueKind == kind)
            return document;
        document.Dispose();
        throw new FormatException($"each line must be {what}");
    }
}
