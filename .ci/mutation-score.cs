// Reads the reports of tests/mutation/run: the score of every file, and what survived.
// dotnet run .ci/mutation-score.cs -- EQUIVALENT.tsv FOLDER...

using System.Text.Json;

const double Least = 0.85;

var equivalent = File.ReadLines(args[0]).Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split('\t')).ToList();
var failed = false;
foreach (var folder in args.Skip(1))
{
    using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "reports", "mutation-report.json")));
    var all = new List<Mutant>();
    Console.WriteLine($"{Path.GetFileName(folder),-45} killed  survived  equivalent  undecided  score");
    foreach (var file in report.RootElement.GetProperty("files").EnumerateObject().OrderBy(f => f.Name, StringComparer.Ordinal))
    {
        var lines = file.Value.GetProperty("source").GetString()!.Split('\n');
        var mutants = file.Value.GetProperty("mutants").EnumerateArray()
            .Select(m => Judged(file.Name, Mutant.Of(m, lines))).ToList();
        if (!mutants.Exists(m => m.Fate != Fate.Untried))
            continue;
        all.AddRange(mutants);
        Print(Path.GetRelativePath(Path.GetFullPath("src"), file.Name), mutants);
        foreach (var mutant in mutants.Where(m => m.Fate is Fate.Survived or Fate.Undecided))
        {
            var note = mutant.Fate == Fate.Undecided ? ", undecided" : "";
            Console.WriteLine($"      line {mutant.Line}{note}: {mutant.Text}  ->  {mutant.Replacement}");
        }
    }
    Print("all", all);
    if (ScoreOf(all) is not >= Least)
    {
        Console.WriteLine($"  less than {Least:P0} were killed");
        failed = true;
    }
}
return failed ? 1 : 0;

Mutant Judged(string file, Mutant mutant) => mutant.Fate == Fate.Survived
    && equivalent.Exists(e => file.EndsWith(e[0], StringComparison.Ordinal) && mutant.Text == e[1] && mutant.Replacement == e[2])
    ? mutant with { Fate = Fate.Equivalent } : mutant;

static double? ScoreOf(IReadOnlyCollection<Mutant> mutants) =>
    mutants.Count(m => m.Fate is Fate.Killed or Fate.Survived) is > 0 and var decided
        ? (double)mutants.Count(m => m.Fate == Fate.Killed) / decided : null;

static void Print(string name, IReadOnlyCollection<Mutant> mutants)
{
    int Of(Fate fate) => mutants.Count(m => m.Fate == fate);
    var score = ScoreOf(mutants) is { } share ? $"{100 * share:0.0} %" : "";
    Console.WriteLine($"  {name,-43} {Of(Fate.Killed),6}  {Of(Fate.Survived),8}  {Of(Fate.Equivalent),10}  "
        + $"{Of(Fate.Undecided),9}  {score}");
}

/// <summary>What became of a mutant. Undecided are those whose tests ran out of time, which may be the machine's doing, and those in
/// static initialisers, which a process that is used again does not run again.</summary>
internal enum Fate { Untried, Killed, Survived, Equivalent, Undecided }

/// <summary>A mutant of a report. Texts of several lines are made one.</summary>
internal sealed record Mutant(Fate Fate, int Line, string Text, string Replacement)
{
    public static Mutant Of(JsonElement mutant, string[] lines)
    {
        var (start, end) = (Place("start"), Place("end"));
        var text = start.Line == end.Line ? lines[start.Line][start.Column..end.Column]
            : string.Join(' ', [lines[start.Line][start.Column..], .. lines[(start.Line + 1)..end.Line], lines[end.Line][..end.Column]]);
        var isStatic = mutant.TryGetProperty("static", out var property) && property.GetBoolean();
        var fate = mutant.GetProperty("status").GetString() switch
        {
            "Killed" => Fate.Killed,
            "Survived" or "NoCoverage" => isStatic ? Fate.Undecided : Fate.Survived,
            "Timeout" => Fate.Undecided,
            _ => Fate.Untried,
        };
        return new Mutant(fate, start.Line + 1, OneLine(text), OneLine(mutant.GetProperty("replacement").GetString()!));

        (int Line, int Column) Place(string which)
        {
            var place = mutant.GetProperty("location").GetProperty(which);
            return (place.GetProperty("line").GetInt32() - 1, place.GetProperty("column").GetInt32() - 1);
        }
    }

    private static string OneLine(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
