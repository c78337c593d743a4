namespace SelfJudge.Preferences.Statistics;

/// <summary>How much a text repeats itself.</summary>
public static class Repetition
{
    /// <summary>The share of a text's word n-grams that occurred in it before: 0 where nothing repeats, towards 1 in a loop.</summary>
    public static double Of(string text, int n = 3)
    {
        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var total = words.Length - n + 1;
        if (total <= 0)
            return 0;
        var distinct = Enumerable.Range(0, total).Select(i => string.Join(' ', words, i, n)).Distinct(StringComparer.Ordinal).Count();
        return 1 - (double)distinct / total;
    }
}
