using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Decoders;

/// <summary>
/// Keys and values of sequences that are being generated, one slot each. Slots are taken and given back as sequences
/// come and go; the cache grows in slots and in capacity, and keeps what it holds.
/// </summary>
public sealed class KvCache(DecoderConfig config, Device device, IKernels kernels) : IDisposable
{
    private readonly CachedLayer?[] _layers = new CachedLayer?[config.NumHiddenLayers];
    private readonly PriorityQueue<int, int> _free = new();
    private readonly List<int> _lengths = [];
    private int _capacity;

    /// <summary>The bytes of slots that hold so many tokens each: 2 · L · (key and value width) floats per token.</summary>
    public static long BytesOf(DecoderConfig config, long slots, long capacity) =>
        2L * sizeof(float) * config.NumHiddenLayers * config.Heads.KeyValueWidth * slots * capacity;

    public CachedLayer Layer(int index) => _layers[index]!;

    /// <summary>How many tokens a slot holds.</summary>
    public int Length(int slot) => _lengths[slot];

    internal void Advance(int slot, int tokens) => _lengths[slot] += tokens;

    /// <summary>Takes empty slots with room for <paramref name="capacity"/> tokens each; the lowest free ones, so that what a slot is
    /// depends only on what was taken before.</summary>
    public int[] Take(int count, int capacity)
    {
        if (_free.Count < count || capacity > _capacity)
            Grow(Math.Max(_lengths.Count + count - _free.Count, _free.Count < count ? _lengths.Count * 3 / 2 : _lengths.Count),
                Math.Max(_capacity, Round(capacity)));
        var slots = new int[count];
        for (var i = 0; i < count; i++)
            _lengths[slots[i] = _free.Dequeue()] = 0;
        return slots;
    }

    /// <summary>Makes room for <paramref name="capacity"/> tokens in every slot: at least twice what there was, so that growing costs
    /// little.</summary>
    public void Reserve(int capacity)
    {
        if (capacity > _capacity)
            Grow(_lengths.Count, Math.Max(Round(capacity), (int)Math.Min(2L * _capacity, config.MaxPositionEmbeddings)));
    }

    public void GiveBack(int slot) => _free.Enqueue(slot, slot);

    /// <summary>Copies what one slot holds into others: the samples of a prompt share its prefill.</summary>
    public void Fork(int source, int[] targets)
    {
        var length = _lengths[source];
        foreach (var layer in _layers)
            kernels.CopySlot(layer!, source, targets, length);
        foreach (var target in targets)
            _lengths[target] = length;
    }

    public void Dispose()
    {
        foreach (var layer in _layers)
        {
            layer?.Keys.Dispose();
            layer?.Values.Dispose();
        }
    }

    // Capacities in steps, so that prompts a little longer than the last do not each copy the cache.
    private static int Round(int capacity) => (capacity + 31) / 32 * 32;

    private void Grow(int slots, int capacity)
    {
        int held = _lengths.Count, heads = config.NumKeyValueHeads, dim = config.HeadDim;
        using var scope = Ops.Scope();
        for (var i = 0; i < _layers.Length; i++)
        {
            var old = _layers[i];
            var grown = new CachedLayer(Ops.KeptZeros(device, ScalarType.Float32, slots, heads, dim, capacity),
                Ops.KeptZeros(device, ScalarType.Float32, slots, heads, capacity, dim), capacity);
            if (old is not null)
            {
                Ops.CopyInto(grown.Keys.narrow(0, 0, held).narrow(3, 0, old.Capacity), old.Keys);
                Ops.CopyInto(grown.Values.narrow(0, 0, held).narrow(2, 0, old.Capacity), old.Values);
                old.Keys.Dispose();
                old.Values.Dispose();
            }
            _layers[i] = grown;
        }
        for (var slot = held; slot < slots; slot++)
        {
            _lengths.Add(0);
            _free.Enqueue(slot, slot);
        }
        _capacity = capacity;
    }
}
