using System.Text;
using System.Text.Json.Nodes;
using Google.Protobuf;
using SelfJudge.Fuzz.Mutations;
using SelfJudge.Modeling.Checkpoints;

namespace SelfJudge.Fuzz.Readers;

/// <summary>A tokenizer in the forms that model folders hold, and the files that stand beside it.</summary>
internal sealed class Tokenizers : FuzzedReader
{
    private const string Model = "tokenizer.model", Json = "tokenizer.json", Config = "tokenizer_config.json",
        SpecialTokens = "special_tokens_map.json", AddedTokens = "added_tokens.json", ChatTemplate = "chat_template.jinja";

    // Letters, a space, what is not ASCII, a special token's spelling.
    private const string Text = "ab ba  abc é\n<s>aab</s> 12";

    private static readonly string[] Configs =
    [
        """{"bos_token":"<s>","eos_token":"</s>","unk_token":"<unk>","add_bos_token":true,"add_eos_token":false,"model_max_length":1000000000000000019884624838656,"legacy":true,"chat_template":"{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}","tokenizer_class":"LlamaTokenizer"}""",
        """{"bos_token":{"content":"<s>","special":true},"eos_token":{"content":"</s>"},"added_tokens_decoder":{"0":{"content":"<unk>","special":true,"lstrip":false,"rstrip":false,"normalized":false,"single_word":false},"1":{"content":"<s>","special":true},"2":{"content":"</s>","special":true}},"chat_template":[{"name":"default","template":"[INST] <<SYS>> [/INST]"}]}""",
    ];

    private static readonly string[] Specials = [
        """{"bos_token":"<s>","eos_token":{"content":"</s>","lstrip":false,"normalized":false,"rstrip":false,"single_word":false},"unk_token":"<unk>","pad_token":null}"""];
    private static readonly string[] Added = ["""{"<|im_start|>":40,"<|im_end|>":41}"""];
    private static readonly string[] Templates =
        ["{% for message in messages %}{{ '<|user|>' }}{{ message['content'] }}{{ eos_token }}{{ '<|assistant|>' }}{% endfor %}"];

    private static readonly string[] Jsons = [ByteLevel(), Metaspace(), WordLevel()];
    private static readonly byte[][] Models = [SentencePiece(bytePair: true), SentencePiece(bytePair: false)];

    private static readonly string[] Vocabulary =
    [
        .. TextMutation.Words([.. Jsons, .. Configs, .. Specials]), "Unigram", "WordPiece", "Sequence", "normalizers", "pretokenizers",
            "decoders", "processors", "NFC", "NFKC", "Lowercase", "Strip", "Whitespace", "Punctuation", "Digits", "Split", "Regex",
            "Isolated", "Removed", "MergedWithPrevious", "invert", "Fuse", "ByteFallback", "continuing_subword_prefix",
            "end_of_word_suffix", "(a+)+$", @"\p{N}{1,3}", "dropout", "fuse_unk", "lstrip", "single_word",
    ];

    public override string Name => "tokenizer";

    public override FuzzInput Make(Random random)
    {
        var files = new Dictionary<string, byte[]>();
        if (random.Next(3) == 0)
            files[Model] = random.Next(2) == 0 ? Models[random.Next(Models.Length)] : Mutation.Bytes(random, Models);
        else
            files[Json] = random.Next(2) == 0 ? Encoding.UTF8.GetBytes(Jsons[random.Next(Jsons.Length)])
                : Mutation.Json(random, [Jsons[random.Next(Jsons.Length)]], Vocabulary);
        foreach (var (name, seeds) in new[] { (Config, Configs), (SpecialTokens, Specials), (AddedTokens, Added) })
            if (random.Next(2) == 0)
                files[name] = Mutation.Json(random, seeds, Vocabulary);
        if (random.Next(6) == 0)
            files[ChatTemplate] = Mutation.Text(random, Templates, Vocabulary);
        return FuzzInput.Of(files);
    }

    public override bool Read(string folder, FuzzInput input)
    {
        var tokenizer = ModelFolder.ReadTokenizer(folder);
        var special = tokenizer.SpecialTokens.Values.ToHashSet();
        BrokenPromise.Unless(tokenizer.Contains(tokenizer.EosToken) || special.Contains(tokenizer.EosToken),
            $"the end token {tokenizer.EosToken} is not in the vocabulary");
        var ids = tokenizer.EncodeWithSpecial(Text);
        BrokenPromise.Unless(ids.All(id => tokenizer.Contains(id) || special.Contains(id)),
            $"a text's ids are not all in the vocabulary: {string.Join(' ', ids)}");
        _ = tokenizer.Decode(ids);
        _ = ModelFolder.ReadDialogueTemplate(folder);
        return true;
    }

    // The 256 bytes, some merges, special tokens: what GPT-2 and Llama 3 have.
    private static string ByteLevel()
    {
        var characters = Enumerable.Range(0, 256).Select(b => Modeling.Tokenizers.ByteAlphabet.CharacterOf((byte)b).ToString());
        var vocabulary = new JsonObject([.. characters.Concat(["ab", "aab", "Ġa"])
            .Select((piece, id) => KeyValuePair.Create(piece, (JsonNode?)id))]);
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray(Token(300, "<s>"), Token(301, "</s>")),
            ["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = true },
            ["post_processor"] = new JsonObject
            {
                ["type"] = "TemplateProcessing",
                ["single"] = new JsonArray(new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = "<s>", ["type_id"] = 0 } },
                new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } })
            },
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel" },
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray("a b", "a ab", "Ġ a") },
        }.ToJsonString();
    }

    // Characters with byte fallback: what Llama 2 has.
    private static string Metaspace()
    {
        var vocabulary = new JsonObject([.. new[] { "<unk>", "<s>", "</s>" }.Concat(Enumerable.Range(0, 256).Select(b => $"<0x{b:X2}>"))
            .Concat(["▁", "a", "b", "ab", "▁a"]).Select((piece, id) => KeyValuePair.Create(piece, (JsonNode?)id))]);
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray(Token(0, "<unk>"), Token(1, "<s>"), Token(2, "</s>")),
            ["normalizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["normalizers"] = new JsonArray(new JsonObject { ["type"] = "Prepend", ["prepend"] = "▁" },
                new JsonObject { ["type"] = "Replace", ["pattern"] = new JsonObject { ["String"] = " " }, ["content"] = "▁" })
            },
            ["pre_tokenizer"] = null,
            ["decoder"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["decoders"] = new JsonArray(new JsonObject
                {
                    ["type"] = "Replace",
                    ["pattern"] = new JsonObject { ["String"] = "▁" },
                    ["content"] = " "
                }, new JsonObject { ["type"] = "ByteFallback" }, new JsonObject { ["type"] = "Fuse" },
                new JsonObject { ["type"] = "Strip", ["content"] = " ", ["start"] = 1, ["stop"] = 0 })
            },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["unk_token"] = "<unk>",
                ["fuse_unk"] = true,
                ["byte_fallback"] = true,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray("a b", "▁ a")
            },
        }.ToJsonString();
    }

    private static string WordLevel() =>
        """{"added_tokens":[{"id":0,"content":"<eot>","special":true},{"id":1,"content":"<unk>","special":true}],"model":{"type":"WordLevel","vocab":{"<eot>":0,"<unk>":1,"ab":2,"ba":3},"unk_token":"<unk>"},"pre_tokenizer":{"type":"WhitespaceSplit"}}""";

    private static JsonObject Token(int id, string content) =>
        new()
        {
            ["id"] = id,
            ["content"] = content,
            ["single_word"] = false,
            ["lstrip"] = false,
            ["rstrip"] = false,
            ["normalized"] = false,
            ["special"] = true
        };

    // sentencepiece_model.proto: pieces (1), trainer (2), normalizer (3).
    private static byte[] SentencePiece(bool bytePair)
    {
        var pieces = new List<(string Text, float Score, int Type)> { ("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3) };
        pieces.AddRange(Enumerable.Range(0, 256).Select(b => ($"<0x{b:X2}>", 0f, 6)));
        pieces.AddRange(new[] { "ab", "▁a", "▁", "a", "b", "c", "▁ab" }.Select((piece, i) => (piece, -(float)i, 1)));
        return Message(output =>
        {
            foreach (var piece in pieces)
                Field(output, 1, Message(p =>
                {
                    p.WriteTag(1, WireFormat.WireType.LengthDelimited);
                    p.WriteString(piece.Text);
                    p.WriteTag(2, WireFormat.WireType.Fixed32);
                    p.WriteFloat(piece.Score);
                    p.WriteTag(3, WireFormat.WireType.Varint);
                    p.WriteEnum(piece.Type);
                }));
            Field(output, 2, Message(trainer =>
                Numbers(trainer, (3, bytePair ? 2 : 1), (4, pieces.Count), (35, 1), (40, 0), (41, 1), (42, 2))));
            Field(output, 3, Message(normalizer =>
            {
                normalizer.WriteTag(1, WireFormat.WireType.LengthDelimited);
                normalizer.WriteString("identity");
                Numbers(normalizer, (3, 1), (4, 1), (5, 1));
            }));
        });
    }

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
            write(output);
        return stream.ToArray();
    }

    private static void Field(CodedOutputStream output, int number, byte[] message)
    {
        output.WriteTag(number, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(message));
    }

    private static void Numbers(CodedOutputStream output, params (int Field, int Value)[] fields)
    {
        foreach (var (field, value) in fields)
        {
            output.WriteTag(field, WireFormat.WireType.Varint);
            output.WriteInt32(value);
        }
    }
}
