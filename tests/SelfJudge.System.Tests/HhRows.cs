using System.IO.Compression;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

/// <summary>Rows of preference data in the layout of HH-RLHF.</summary>
internal static class HhRows
{
    /// <summary>Our own: every thirteenth row, from the sixth on, is longer than the 512 positions of our checkpoint.</summary>
    public const string Own = "preferences/hh.jsonl.gz";

    /// <summary>Anthropic's.</summary>
    public const string Published = "shared/hh-rlhf/helpful-base/first1500.jsonl.gz";

    public static List<string> First(int count, string file = Own)
    {
        using var rows = new StreamReader(new GZipStream(File.OpenRead(TestData.Path(file)), CompressionMode.Decompress));
        return [.. Enumerable.Range(0, count).Select(_ => rows.ReadLine()!)];
    }
}
