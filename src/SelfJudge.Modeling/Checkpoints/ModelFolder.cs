using System.Text.Json;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Files;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Templates;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>A Hugging Face model folder: <c>config.json</c>, safetensors weights whole or in shards, tokenizer files.</summary>
public static class ModelFolder
{
    private const string ConfigFile = "config.json";
    private const string WeightsFile = "model.safetensors";
    private const string GenerationFile = "generation_config.json";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <exception cref="InvalidDataException">The configuration is missing, damaged, or of another architecture.</exception>
    public static DecoderConfig ReadConfig(string folder)
    {
        var path = Path.Combine(folder, ConfigFile);
        if (!File.Exists(path))
            throw new InvalidDataException($"{folder} is not a model folder: it has no {ConfigFile}"
                + (Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.gguf").Any()
                    ? ", and GGUF files are not supported: use the model's Hugging Face folder with safetensors" : ""));
        var config = JsonFile.Read(path, ModelConfigFile.Parse);
        // Chat models often name a further end token, that of a turn, only here.
        var generation = Path.Combine(folder, GenerationFile);
        return File.Exists(generation)
            ? config with
            {
                EosTokenIds =
                [.. config.EosTokenIds.Union(JsonFile.Read(generation, json => ModelConfigFile.ParseEos(json, config.VocabSize)))]
            }
            : config;
    }

    /// <summary>Checks that a folder's configuration, tokenizer and weights are there and fit each other. Allocates nothing for the
    /// weights.</summary>
    /// <exception cref="InvalidDataException">They do not; the message names what.</exception>
    public static void Check(string folder)
    {
        var config = ReadConfig(folder);
        _ = ReadTokenizer(folder, config);
        CheckWeights(folder, config);
    }

    /// <summary>Checks from the headers that the weights are there, in the shapes that the configuration asks for; where a run wrote them,
    /// that they are what it wrote. Allocates nothing for them.</summary>
    /// <exception cref="InvalidDataException">A file or tensor is missing, misshapen, of a type that is not supported, or has no place in
    /// the model; the message names it.</exception>
    public static void CheckWeights(string folder, DecoderConfig config)
    {
        using var tensors = OpenWeights(folder, config);
        CheckSeal(folder);
    }

    /// <summary>Of a folder that a run wrote, checks that its weights are what it wrote; its small files are its user's to edit.</summary>
    /// <exception cref="CheckpointException">They have changed.</exception>
    internal static void CheckSeal(string folder)
    {
        if (FolderSeal.HashOf(folder) is not null)
            FolderSeal.Check(folder, name => name.EndsWith(".safetensors", StringComparison.Ordinal));
    }

    /// <summary>Reads weights onto a device, straight from the memory map into their place, or into a narrower type by way of a small
    /// block.</summary>
    /// <exception cref="InvalidDataException">As <see cref="CheckWeights"/>; or a weight is not finite.</exception>
    public static DecoderWeights ReadWeights(string folder, DecoderConfig config, Device device, ScalarType type = ScalarType.Float32)
    {
        using var tensors = OpenWeights(folder, config);
        var weights = new DecoderWeights(config, device, type);
        try
        {
            tensors.ReadInto(weights.Buffer);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>The weights as <see cref="CheckWeights"/> found them in order, to be read.</summary>
    internal static CheckpointTensors OpenWeights(string folder, DecoderConfig config)
    {
        var tensors = CheckpointTensors.OfModel(folder);
        try
        {
            // Older checkpoints hold the rotary frequencies, which follow from the configuration; tied ones may hold the embedding twice.
            tensors.Check(ParameterLayout.Of(config), extra =>
                extra.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal) || config.TieWordEmbeddings && extra == TensorNames.Head);
            return tensors;
        }
        catch
        {
            tensors.Dispose();
            throw;
        }
    }

    /// <summary>The tokenizer of a model, all of whose tokens the model knows.</summary>
    /// <exception cref="InvalidDataException">The folder holds none that is supported, or one with an id beyond the model's
    /// vocabulary.</exception>
    public static TextTokenizer ReadTokenizer(string folder, DecoderConfig config)
    {
        var tokenizer = ReadTokenizer(folder);
        return tokenizer.Entries.Where(t => t.Id >= config.VocabSize).MinBy(t => t.Id) is not { } beyond ? tokenizer
            : throw new InvalidDataException(
                $"{Path.Combine(folder, beyond.File)}: the token '{beyond.Piece}' has the id {beyond.Id}, but the model knows the ids 0 "
                + $"to {config.VocabSize - 1} only (vocab_size {config.VocabSize} in {ConfigFile}): use the tokenizer that the model was "
                + $"trained with, or resize the model's embeddings to this one");
    }

    /// <summary>What turns dialogues into the ids of a folder's model.</summary>
    /// <param name="maxLength">The longest sequence in tokens, where that is to be shorter than the model's positions.</param>
    /// <exception cref="InvalidDataException">As <see cref="ReadTokenizer(string, DecoderConfig)"/>.</exception>
    public static PromptEncoder ReadEncoder(string folder, DialogueTemplate dialogue, int? maxLength = null)
    {
        var config = ReadConfig(folder);
        return new PromptEncoder(ReadTokenizer(folder, config), dialogue,
            Math.Min(maxLength ?? int.MaxValue, config.MaxPositionEmbeddings));
    }

    /// <summary>Whether a folder has a tokenizer, supported or not.</summary>
    public static bool HasTokenizer(string folder) =>
        File.Exists(Path.Combine(folder, "tokenizer.json")) || File.Exists(Path.Combine(folder, "tokenizer.model"));

    /// <summary>The tokenizer that a folder holds.</summary>
    /// <exception cref="InvalidDataException">It holds none that is supported.</exception>
    public static TextTokenizer ReadTokenizer(string folder)
    {
        string json = Path.Combine(folder, "tokenizer.json"), model = Path.Combine(folder, "tokenizer.model");
        if (File.Exists(model))
            return SentencePieceText.Load(model);
        if (File.Exists(json))
            return TokenizerSettings.ReadJson(json, TokenizerJson.TypeOf) == "WordLevel" ? WordLevelTokenizer.Load(json)
                : BytePairTokenizer.Load(json);
        throw new InvalidDataException($"{folder} holds no tokenizer: neither tokenizer.model nor tokenizer.json");
    }

    /// <summary>The tokens at which <c>generation_config.json</c> stops; none where it is not there or names none.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static IReadOnlyList<int> ReadGenerationEos(string folder)
    {
        var path = Path.Combine(folder, "generation_config.json");
        return !File.Exists(path) ? [] : TokenizerSettings.ReadJson<IReadOnlyList<int>>(path, json =>
            !json.TryGetProperty("eos_token_id", out var eos) || eos.ValueKind == JsonValueKind.Null ? []
            : eos.ValueKind == JsonValueKind.Array ? [.. eos.EnumerateArray().Select(id => id.GetInt32())] : [eos.GetInt32()]);
    }

    /// <summary>The dialogue template that a model was taught, as far as its <c>chat_template</c> shows it; null for a model that has
    /// none.</summary>
    /// <exception cref="InvalidDataException">It has one that is not known; the message says what to do.</exception>
    public static DialogueTemplate? ReadDialogueTemplate(string folder) =>
        TokenizerSettings.Read(folder).ChatTemplate is not { } chatTemplate ? null
        : DialogueTemplate.Recognise(chatTemplate)
            ?? throw new InvalidDataException(
            $"{folder}: its chat_template is none of those known: name the dialogue template with --template (in a recipe: "
            + $"model.dialogue_template); known are {DialogueTemplate.Known}");

    /// <summary>Writes a whole model folder, which then exists whole or not at all.</summary>
    public static void Write(string folder, DecoderConfig config, IReadOnlyList<NamedArray> weights, TextTokenizer tokenizer) =>
        AtomicFolder.Write(folder, temporary =>
        {
            File.WriteAllText(Path.Combine(temporary, ConfigFile), ModelConfigFile.Render(config).ToJsonString(Indented));
            SafeTensors.Write(Path.Combine(temporary, WeightsFile), weights);
            File.WriteAllText(Path.Combine(temporary, GenerationFile), ModelConfigFile.RenderGeneration(config).ToJsonString(Indented));
            tokenizer.Save(temporary);
            FolderSeal.Write(temporary);
        });
}
