using System.Globalization;
using System.Text;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>
/// Unicode's normalization form C (Unicode Standard Annex 15): canonical decomposition, canonical order of combining marks, and
/// composition. The runtime's own changes nothing where a program's globalization is invariant, and needs a library elsewhere.
/// </summary>
internal static class CanonicalComposition
{
    private const int Syllables = 0xAC00, Leads = 0x1100, Vowels = 0x1161, Tails = 0x11A7; // of Hangul, which is arithmetic
    private const int LeadCount = 19, VowelCount = 21, TailCount = 28;

    private static readonly Lazy<Tables> Unicode = new(Tables.Read);

    public static string Normalize(string text)
    {
        // Nothing below the first combining mark changes by itself or with what is beside it there.
        if (!text.AsSpan().ContainsAnyInRange('\u0300', '\uFFFF'))
            return text;
        var tables = Unicode.Value;
        var points = new List<int>(text.Length);
        for (var i = 0; i < text.Length; i++)
            if (char.IsSurrogatePair(text, i))
                Decompose(char.ConvertToUtf32(text[i], text[++i]), tables, points);
            else
                Decompose(text[i], tables, points);
        Order(points, tables);
        var result = new StringBuilder(text.Length);
        foreach (var point in Compose(points, tables))
            if (point < 0x10000)
                result.Append((char)point); // half a pair stays what it is
            else
                result.Append(char.ConvertFromUtf32(point));
        return result.ToString();
    }

    private static void Decompose(int point, Tables tables, List<int> into)
    {
        if (point - Syllables is >= 0 and < LeadCount * VowelCount * TailCount and var syllable)
        {
            into.Add(Leads + syllable / (VowelCount * TailCount));
            into.Add(Vowels + syllable / TailCount % VowelCount);
            if (syllable % TailCount > 0)
                into.Add(Tails + syllable % TailCount);
        }
        else if (tables.Decompositions.TryGetValue(point, out var parts))
            foreach (var part in parts)
                Decompose(part, tables, into);
        else
            into.Add(point);
    }

    // Marks between two characters of class 0 stand by class, those of one class as they stood.
    private static void Order(List<int> points, Tables tables)
    {
        for (var i = 1; i < points.Count; i++)
        {
            var (point, own) = (points[i], tables.ClassOf(points[i]));
            var to = i;
            for (; own > 0 && to > 0 && tables.ClassOf(points[to - 1]) > own; to--)
                points[to] = points[to - 1];
            points[to] = point;
        }
    }

    // A character joins the last one of class 0 unless one of its class, or of a higher, stands between.
    private static List<int> Compose(List<int> points, Tables tables)
    {
        var result = new List<int>(points.Count);
        var (starter, before) = (-1, 0);
        foreach (var point in points)
        {
            var own = tables.ClassOf(point);
            if (starter >= 0 && (before < own || starter == result.Count - 1) && Pair(result[starter], point, tables) is { } composed)
            {
                result[starter] = composed;
                continue;
            }
            if (own == 0)
                starter = result.Count;
            before = own;
            result.Add(point);
        }
        return result;
    }

    private static int? Pair(int first, int second, Tables tables)
    {
        if (first - Leads is >= 0 and < LeadCount and var lead && second - Vowels is >= 0 and < VowelCount and var vowel)
            return Syllables + (lead * VowelCount + vowel) * TailCount;
        if (first - Syllables is >= 0 and < LeadCount * VowelCount * TailCount and var syllable && syllable % TailCount == 0
            && second - Tails is > 0 and < TailCount and var tail)
            return first + tail;
        return tables.Compositions.TryGetValue((first, second), out var composed) ? composed : null;
    }

    private sealed record Tables(
        Dictionary<int, int[]> Decompositions, Dictionary<(int, int), int> Compositions, Dictionary<int, int> Classes)
    {
        public int ClassOf(int point) => Classes.GetValueOrDefault(point);

        public static Tables Read()
        {
            var tables = new Tables([], [], []);
            using var stream = typeof(CanonicalComposition).Assembly.GetManifestResourceStream("normalization.txt")!;
            using var reader = new StreamReader(stream);
            while (reader.ReadLine() is { } line)
                if (!line.StartsWith('#'))
                    tables.Add(line.Split(' '));
            return tables;
        }

        // "C0 = 41 300" composes again, "340 > 300" does not; "300 314 230" is a range and its class.
        private void Add(string[] words)
        {
            static int Hex(string word) => int.Parse(word, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (words[1] is "=" or ">")
            {
                Decompositions.Add(Hex(words[0]), [.. words[2..].Select(Hex)]);
                if (words[1] == "=")
                    Compositions.Add((Hex(words[2]), Hex(words[3])), Hex(words[0]));
            }
            else
                for (var point = Hex(words[0]); point <= Hex(words[1]); point++)
                    Classes.Add(point, int.Parse(words[2], CultureInfo.InvariantCulture));
        }
    }
}
