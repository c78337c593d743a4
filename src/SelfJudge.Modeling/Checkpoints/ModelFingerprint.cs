using System.IO.Hashing;
using System.Text;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>
/// What tells a model folder from another, and from itself after it was written anew: names and lengths of its files, and
/// their beginnings and ends. Weights that were trained on differ in all places, so that they need not be read whole.
/// </summary>
public static class ModelFingerprint
{
    private const int BlockSize = 1 << 16;

    public static string Of(string folder)
    {
        var hash = new XxHash128();
        var block = new byte[BlockSize];
        foreach (var path in Directory.GetFiles(folder).Order(StringComparer.Ordinal))
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            hash.Append(Encoding.UTF8.GetBytes($"{Path.GetFileName(path)}\n{file.Length}\n"));
            hash.Append(block.AsSpan(0, file.ReadAtLeast(block, BlockSize, throwOnEndOfStream: false)));
            file.Seek(-Math.Min(BlockSize, file.Length), SeekOrigin.End);
            hash.Append(block.AsSpan(0, file.ReadAtLeast(block, BlockSize, throwOnEndOfStream: false)));
        }
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }
}
