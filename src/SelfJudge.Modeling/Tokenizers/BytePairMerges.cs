namespace SelfJudge.Modeling.Tokenizers;

/// <summary>
/// The merge loop of byte-pair encoding: of all neighbours that may merge, those of the lowest rank do, leftmost first.
/// O(n log n) in the symbols of a word.
/// </summary>
/// <remarks>
/// Microsoft.ML.Tokenizers 2.0.1 has such loops, but none that can be used: its SentencePiece one breaks ties between equal
/// ranks elsewhere than at the leftmost pair ("!!!!!!" differs from the reference), and its BpeTokenizer takes quadratic
/// time (400,000 letters without a space: 17 seconds), drops characters that byte fallback should spell, and knows no
/// <c>ignore_merges</c>.
/// </remarks>
/// <param name="merges">By the ids of left and right: the rank, lowest first, and the id of what they become.</param>
internal sealed class BytePairMerges(Dictionary<(int Left, int Right), (int Rank, int Merged)> merges)
{
    /// <summary>Appends the ids that remain of a word's symbols when nothing can merge any more.</summary>
    public void Apply(ReadOnlySpan<int> symbols, List<int> output)
    {
        if (symbols.Length < 2)
        {
            output.AddRange(symbols);
            return;
        }
        const int Gone = -1;
        int[] ids = symbols.ToArray(), previous = new int[ids.Length], next = new int[ids.Length];
        // The priority is rank, then position; entries whose symbols have changed meanwhile are passed over.
        var queue = new PriorityQueue<(int Left, int LeftId, int RightId, int Merged), long>();
        void Consider(int left, int right)
        {
            if (left >= 0 && right < ids.Length && merges.TryGetValue((ids[left], ids[right]), out var merge))
                queue.Enqueue((left, ids[left], ids[right], merge.Merged), ((long)merge.Rank << 32) | (uint)left);
        }
        for (var i = 0; i < ids.Length; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1);
            Consider(i, i + 1);
        }
        while (queue.TryDequeue(out var entry, out _))
        {
            var right = next[entry.Left];
            if (ids[entry.Left] != entry.LeftId || right >= ids.Length || ids[right] != entry.RightId)
                continue;
            (ids[entry.Left], ids[right]) = (entry.Merged, Gone);
            next[entry.Left] = next[right];
            if (next[right] < ids.Length)
                previous[next[right]] = entry.Left;
            Consider(previous[entry.Left], entry.Left);
            Consider(entry.Left, next[entry.Left]);
        }
        for (var i = 0; i < ids.Length; i = next[i])
            output.Add(ids[i]);
    }
}
