namespace SelfJudge.Modeling.Files;

/// <summary>What often lies in the place of a checkpoint's file.</summary>
internal static class FileKind
{
    private static readonly (byte[] Start, string What)[] Others =
    [
        ("version https://git-lfs"u8.ToArray(),
            "it is a Git LFS pointer, not the file itself: fetch it with 'git lfs pull' in its folder, or download it again"),
        ("GGUF"u8.ToArray(), "it is a GGUF file, which is not supported: use the model's Hugging Face folder with safetensors"),
        ("PK\u0003\u0004"u8.ToArray(), "it is a PyTorch or zip archive: save the model with safe_serialization=True"),
        ("<!doctype html"u8.ToArray(), "it is a web page, not the file itself: download it again, logged in where the model asks for that"),
        ("<html"u8.ToArray(), "it is a web page, not the file itself: download it again, logged in where the model asks for that"),
    ];

    /// <summary>Looks at a file's first bytes.</summary>
    /// <exception cref="InvalidDataException">They are those of something else; the message says of what, and what to do.</exception>
    public static void Check(string path)
    {
        Span<byte> start = stackalloc byte[64];
        using (var file = File.OpenRead(path))
            start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        foreach (var (other, what) in Others)
            if (start.Length >= other.Length && System.Text.Ascii.EqualsIgnoreCase(start[..other.Length], other))
                throw new InvalidDataException(what);
    }
}
