using System.Text.Json;
using System.Text.Json.Serialization;

namespace SelfJudge.Fuzz;

internal enum Outcome { Trying, Accepted, Refused, Fault }

/// <summary>What a worker says of an input: first that it tries it, then what came of it. One line of JSON each.</summary>
/// <param name="Number">Of the input; with the seed it makes the input again.</param>
/// <param name="Size">See <see cref="FuzzInput"/>.</param>
/// <param name="Seconds">Of processor time.</param>
/// <param name="Allocated">Managed bytes.</param>
/// <param name="Resident">Bytes by which the process grew at its peak.</param>
/// <param name="Fault">What was wrong.</param>
internal sealed record Attempt(long Number, long Size, Outcome Outcome, double Seconds = 0, long Allocated = 0, long Resident = 0,
    Fault? Fault = null)
{
    private static readonly JsonSerializerOptions Json = new() { Converters = { new JsonStringEnumConverter() } };

    public string ToLine() => JsonSerializer.Serialize(this, Json);

    public static Attempt Parse(string line) => JsonSerializer.Deserialize<Attempt>(line, Json)!;
}

/// <summary>What must not happen.</summary>
/// <param name="Signature">What faults of one cause have in common.</param>
/// <param name="Description">In full, for who mends it.</param>
internal sealed record Fault(string Signature, string Description)
{
    private const int KeptOfOneSignature = 3;

    /// <summary>Keeps the input of a fault, and what is known of it, where there are not enough of the kind already.</summary>
    public void Keep(string faults, string reader, ulong seed, long number, string input)
    {
        var kind = Path.Combine(faults, reader,
            string.Concat(Signature.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')) is { Length: > 80 } name ? name[..80]
            : string.Concat(Signature.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')));
        Directory.CreateDirectory(kind);
        var kept = Path.Combine(kind, $"seed-{seed}-input-{number}");
        if (Directory.Exists(kept) || Directory.GetDirectories(kind).Length >= KeptOfOneSignature)
            return;
        foreach (var file in Directory.EnumerateFiles(input, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(kept, Path.GetRelativePath(input, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
        File.WriteAllText(Path.Combine(kind, $"seed-{seed}-input-{number}.txt"),
            $"{Signature}\nagain: dotnet run -c Release --project tests/SelfJudge.Fuzz -- {reader} --seed {seed} --input "
            + $"{number}\n\n{Description}\n");
    }
}
