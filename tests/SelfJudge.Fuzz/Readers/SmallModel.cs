using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Tensors;

namespace SelfJudge.Fuzz.Readers;

/// <summary>The model whose files are the valid ones.</summary>
internal static class SmallModel
{
    public static DecoderConfig Config { get; } = new()
    {
        VocabSize = 24,
        HiddenSize = 8,
        IntermediateSize = 12,
        NumHiddenLayers = 1,
        NumAttentionHeads = 2,
        NumKeyValueHeads = 1,
        HeadDim = 4,
        MaxPositionEmbeddings = 64,
        BosTokenId = 1,
        EosTokenIds = [2],
    };

    public static IReadOnlyList<NamedArray> Tensors(ParameterLayout layout) =>
        [.. layout.Parameters.Select(p =>
            new NamedArray(p.Name, [.. p.Shape], [.. Enumerable.Range(0, (int)p.Size).Select(i => i % 7 * 0.25f - 0.5f)]))];

    /// <summary>The files of a folder, which is then gone.</summary>
    public static Dictionary<string, byte[]> TakeFiles(string folder)
    {
        var files = Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .ToDictionary(f => Path.GetRelativePath(folder, f), File.ReadAllBytes, StringComparer.Ordinal);
        Directory.Delete(folder, recursive: true);
        return files;
    }
}
