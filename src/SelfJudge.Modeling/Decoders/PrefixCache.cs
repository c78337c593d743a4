using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Decoders;

/// <summary>
/// Keys and values of sequences that a model has read, so that one that begins like an earlier one is computed from where it
/// departs from it. Each token has a place, found by the place of the token before it. Nothing is dropped singly: where a
/// reading that has little in common with what is held does not fit, the cache begins anew. Valid while the weights are.
/// </summary>
public sealed class PrefixCache : IDisposable
{
    // Where a token has no place; and what stands before a sequence's first.
    private const int Nowhere = -1, Start = -2;

    private readonly Dictionary<(int Before, int Token), int> _places = [];
    private readonly Tensor[] _layers;

    /// <param name="maxBytes">Memory for keys and values; it is taken as it fills.</param>
    public PrefixCache(DecoderConfig config, long maxBytes)
    {
        Capacity = (int)Math.Min(int.MaxValue, maxBytes / KvCache.BytesOf(config, 1, 1));
        using var scope = Ops.Scope();
        Tensor Layer() => Ops.Keep(Ops.Empty(Ops.Cpu, ScalarType.Float32, Capacity, 2 * config.Heads.KeyValueWidth));
        _layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(_ => Layer())];
    }

    /// <summary>Tokens that there is room for.</summary>
    public int Capacity { get; }

    /// <summary>Tokens that are held, or will be when what was placed last is computed.</summary>
    public int Count => _places.Count;

    /// <summary>[tokens, 2·key and value width] The keys and values of a layer.</summary>
    internal Tensor Layer(int index) => _layers[index];

    /// <summary>
    /// Where the keys and values of sequences are, and where those are to be put that are not there yet: in the sequences' own
    /// order. They are to be computed before the next are placed; if that fails, the cache is to be cleared.
    /// </summary>
    public CachedPrefix[] Place(IReadOnlyList<ReadOnlyMemory<int>> sequences, PrefixOrder order)
    {
        var distinct = order.Lengths.Sum() - order.Shared.Sum();
        if (distinct > Capacity - Count && Walk(sequences, order, mayGrow: false).Found < distinct / 4)
            Clear();
        return Walk(sequences, order, mayGrow: true).Prefixes;
    }

    public void Clear() => _places.Clear();

    public void Dispose()
    {
        foreach (var layer in _layers)
            layer.Dispose();
    }

    private (CachedPrefix[] Prefixes, int Found) Walk(IReadOnlyList<ReadOnlyMemory<int>> sequences, PrefixOrder order, bool mayGrow)
    {
        var (prefixes, found, before) = (new CachedPrefix[order.Count], 0, Count);
        var path = new int[order.Lengths.DefaultIfEmpty().Max()]; // places of the sequence's tokens, of which it shares the first
        for (var k = 0; k < order.Count; k++)
        {
            var sequence = sequences[order.Items[k]].Span;
            var places = new int[sequence.Length];
            var held = 0;
            for (var t = 0; t < sequence.Length; t++)
            {
                var isShared = t < order.Shared[k];
                if (!isShared)
                    path[t] = PlaceOf(t == 0 ? Start : path[t - 1], sequence[t], mayGrow);
                var isHeld = path[t] != Nowhere && path[t] < before;
                if (isHeld)
                    (held, found) = (held + 1, isShared ? found : found + 1);
                places[t] = isHeld || !isShared ? path[t] : Nowhere; // what it shares is put by the sequence before it
            }
            if (held == sequence.Length)
                places[--held] = Nowhere; // the last token is read: it is computed again
            prefixes[order.Items[k]] = new CachedPrefix(held, places);
        }
        return (prefixes, found);
    }

    private int PlaceOf(int before, int token, bool mayGrow)
    {
        if (before == Nowhere)
            return Nowhere;
        if (_places.TryGetValue((before, token), out var place))
            return place;
        if (!mayGrow || Count == Capacity)
            return Nowhere;
        place = Count;
        _places.Add((before, token), place);
        return place;
    }
}

/// <summary>What a <see cref="PrefixCache"/> has of a sequence.</summary>
/// <param name="Held">So many of its first tokens need not be computed; never all.</param>
/// <param name="Places">Of every token, where its keys and values are or are to be put; −1 is nowhere.</param>
public sealed record CachedPrefix(int Held, int[] Places);

/// <summary>A cache and what it has of each of some sequences.</summary>
public sealed record CachedPrefixes(PrefixCache Cache, IReadOnlyList<CachedPrefix> Of);

/// <summary>What the sequences of a packed batch take from a cache, and what they put there.</summary>
/// <param name="Offsets">[sequences + 1] Where in <paramref name="Held"/> each sequence's begin.</param>
/// <param name="Held">Places of tokens between those that a sequence shares with the one before it and its own.</param>
/// <param name="Computed">Packed rows whose keys and values are put into the cache.</param>
/// <param name="Places">Where they are put.</param>
public sealed record PackedPrefixes(PrefixCache Cache, int[] Offsets, int[] Held, int[] Computed, int[] Places);
