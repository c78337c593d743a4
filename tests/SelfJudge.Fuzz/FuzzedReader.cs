using System.Text;
using SelfJudge.Client;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Fuzz;

/// <summary>Files to be read, by their paths within a folder.</summary>
/// <param name="Size">The bytes that a reader has to do with, by which its time and memory are bounded: of a compressed file what it
/// expands to.</param>
internal sealed record FuzzInput(IReadOnlyDictionary<string, byte[]> Files, long Size)
{
    public static FuzzInput Of(params IEnumerable<(string Name, byte[] Content)> files)
    {
        var named = files.ToDictionary(f => f.Name, f => f.Content, StringComparer.Ordinal);
        return new FuzzInput(named, named.Values.Sum(f => (long)f.Length));
    }

    public static FuzzInput Of(IReadOnlyDictionary<string, byte[]> files) => Of(files.Select(f => (f.Key, f.Value)));

    public void Write(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        foreach (var (name, content) in Files)
        {
            var path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, content);
        }
    }
}

/// <summary>A reader of the product, and inputs for it.</summary>
internal abstract class FuzzedReader
{
    /// <summary>As the command line calls it.</summary>
    public abstract string Name { get; }

    /// <summary>An input: valid, damaged or made up. The same draws make the same.</summary>
    public abstract FuzzInput Make(Random random);

    /// <summary>Reads the input that lies in a folder as the product does, and checks what it made of it.</summary>
    /// <returns>Whether anything in it was accepted.</returns>
    /// <exception cref="BrokenPromise">What was accepted is not what it must be.</exception>
    public abstract bool Read(string folder, FuzzInput input);

    /// <summary>Whether an exception is one by which the reader says that its input is bad: those that the console prints as they
    /// are.</summary>
    public virtual bool IsRefusal(Exception e) =>
        e is UserError or ChatEndpointException or RecipeException or DataException or IOException or InvalidDataException
            or UnauthorizedAccessException;

    /// <summary>What is wrong with a message by which an input was refused; null where it says what it has to.</summary>
    public virtual string? FindProblem(string message, string folder, FuzzInput input) =>
        input.Files.Keys.Any(f => message.Contains(Path.GetFileName(f), StringComparison.Ordinal))
            || message.Contains(folder, StringComparison.Ordinal) ? null
        : "the message names no file";

    protected static string[] Words(IEnumerable<byte[]> seeds) => Mutations.TextMutation.Words(seeds.Select(Encoding.UTF8.GetString));
}

/// <summary>A reader accepted an input, and what it gave back is not what it must be.</summary>
internal sealed class BrokenPromise(string message) : Exception(message)
{
    public static void Unless(bool holds, string otherwise)
    {
        if (!holds)
            throw new BrokenPromise(otherwise);
    }
}
