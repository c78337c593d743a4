using System.Runtime.InteropServices;

namespace SelfJudge.Modeling.Kernels.Cpu;

/// <summary>Aligned working memory of one thread, kept and grown across calls.</summary>
internal sealed unsafe class Scratch
{
    private const int Alignment = 64;

    [ThreadStatic]
    private static Scratch? _current;

    private float* _memory;
    private long _size;
    private long _used;

    ~Scratch() => NativeMemory.AlignedFree(_memory);

    /// <summary>This thread's scratch memory with room for <paramref name="floats"/>, all of it free again.</summary>
    public static Scratch Open(long floats)
    {
        var scratch = _current ??= new Scratch();
        scratch._used = 0;
        if (scratch._size < floats)
        {
            NativeMemory.AlignedFree(scratch._memory);
            scratch._memory = null; // there may be no memory for the new one
            scratch._size = 0;
            scratch._memory = (float*)NativeMemory.AlignedAlloc((nuint)(floats * sizeof(float)), Alignment);
            scratch._size = floats;
        }
        return scratch;
    }

    /// <summary>The next <paramref name="floats"/> of it, of unspecified content.</summary>
    public float* Take(long floats)
    {
        var taken = _memory + _used;
        _used += floats;
        if (_used > _size)
            throw new InvalidOperationException($"scratch memory of {_size} floats is too small for {_used}");
        return taken;
    }
}
