// Reads the reports of tests/mutation/run: the score of every file, and what survived.
// dotnet run .ci/mutation-score.cs -- EQUIVALENT.tsv FOLDER...

using System.Text.Json;

const double Least = 0.85;

var equivalent = File.ReadLines(args[0]).Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split('\t')).ToList();
var met = new HashSet<string[]>();
var failed = false;
foreach (var folder in args.Skip(1))
{
    using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "reports", "mutation-report.json")));
    var (killedInAll, countedInAll) = (0, 0);
    Console.WriteLine($"{Path.GetFileName(folder),-45} killed  survived  equivalent  timed out  score");
    foreach (var file in report.RootElement.GetProperty("files").EnumerateObject().OrderBy(f => f.Name, StringComparer.Ordinal))
    {
        var lines = file.Value.GetProperty("source").GetString()!.Split('\n');
        var mutants = file.Value.GetProperty("mutants").EnumerateArray().Select(m => Mutant.Of(m, lines)).ToList();
        var survived = mutants.Where(m => m.Status is "Survived" or "NoCoverage").ToList();
        var known = survived.Where(m => Reason(file.Name, m) is not null).ToList();
        int killed = mutants.Count(m => m.Status == "Killed"), timedOut = mutants.Count(m => m.Status == "Timeout");
        var counted = killed + timedOut + survived.Count - known.Count;
        if (counted + known.Count == 0)
            continue;
        (killedInAll, countedInAll) = (killedInAll + killed + timedOut, countedInAll + counted);
        Console.WriteLine($"  {Path.GetRelativePath(Path.GetFullPath("src"), file.Name),-43} {killed,6}  {survived.Count - known.Count,8} "
            + $" {known.Count,10}  {timedOut,9}  {Share(killed + timedOut, counted)}");
        foreach (var mutant in survived.Except(known))
            Console.WriteLine($"      line {mutant.Line}: {mutant.Text}  ->  "
                + $"{mutant.Replacement}{(mutant.Status == "NoCoverage" ? "  (no test comes by)" : "")}");
    }
    Console.WriteLine($"  {"all",-43} {killedInAll,6}  {countedInAll - killedInAll,8}  {"",10}  {"",9}  {Share(killedInAll, countedInAll)}");
    if (countedInAll == 0 || killedInAll < Least * countedInAll)
    {
        Console.WriteLine($"  less than {Least:P0} were killed");
        failed = true;
    }
}
foreach (var entry in equivalent.Where(e => !met.Contains(e)))
    Console.WriteLine($"note: nothing that survived is listed as {string.Join("  ", entry.Take(3))}");
return failed ? 1 : 0;

string? Reason(string file, Mutant mutant)
{
    var entry = equivalent.Find(e => file.EndsWith(e[0], StringComparison.Ordinal) && mutant.Text == e[1] && mutant.Replacement == e[2]);
    if (entry is null)
        return null;
    met.Add(entry);
    return entry[3];
}

static string Share(int killed, int counted) => counted == 0 ? "" : $"{100.0 * killed / counted,4:0.0} %";

/// <summary>A mutant of a report. Texts of several lines are made one.</summary>
internal sealed record Mutant(string Status, int Line, string Text, string Replacement)
{
    public static Mutant Of(JsonElement mutant, string[] lines)
    {
        var (start, end) = (Place("start"), Place("end"));
        string text = start.Line == end.Line ? lines[start.Line][start.Column..end.Column]
            : string.Join(' ', [lines[start.Line][start.Column..], .. lines[(start.Line + 1)..end.Line], lines[end.Line][..end.Column]]);
        return new Mutant(mutant.GetProperty("status").GetString()!, start.Line + 1, OneLine(text),
            OneLine(mutant.GetProperty("replacement").GetString()!));

        (int Line, int Column) Place(string which)
        {
            var place = mutant.GetProperty("location").GetProperty(which);
            return (place.GetProperty("line").GetInt32() - 1, place.GetProperty("column").GetInt32() - 1);
        }
    }

    private static string OneLine(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
