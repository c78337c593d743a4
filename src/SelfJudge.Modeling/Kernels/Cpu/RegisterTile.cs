using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace SelfJudge.Modeling.Kernels.Cpu;

/// <summary>What one register tile computes: c[rows, strips·16] = scale·a[rows, depth]·b[depth, strips·16] (+ add).</summary>
/// <remarks>Row r of a at depth i is at A[r·ARow + i·ADepth]; b is a panel of a <see cref="PackedMatrix"/>. Add may be null, or c
/// itself.</remarks>
internal unsafe struct TileOperands
{
    public float* A, C, Add;
    public uint* B;
    public long ARow, ADepth, CRow, AddRow;
    public int Depth;
    public float Scale;

    /// <summary>Whether b holds bfloat16, two to a word.</summary>
    public bool IsNarrow;

    /// <summary>Memory to ask for meanwhile, a cache line for every row of b.</summary>
    public uint* Ahead;
}

/// <summary>
/// The innermost loop of a matrix product: as many rows by as many vectors of 16 columns as stay in registers. Each
/// element is one chain of fused multiply-adds in the order of depth, whatever the tile's shape is: neither the rows
/// beside it nor the width of the processor's vectors change its bits.
/// </summary>
internal static unsafe class RegisterTile
{
    public const int Strip = Simd.Lanes;

    private static Vector512<uint> Upper => Vector512.Create(0xFFFF0000u);

    // 8 × 3 sums, three vectors of b and one of a fill 28 of 32 registers of 512 bits. With registers of 256 bits a vector
    // takes two: 6 × 1 sums, one vector of b and one of a fill 15 of 16.
    public static int MaxRows => Vector512.IsHardwareAccelerated ? 8 : 6;
    public static int MaxStrips => Vector512.IsHardwareAccelerated ? 3 : 1;

    private static readonly delegate*<TileOperands*, void>[] Tiles =
    [
        &Multiply<One, One>, &Multiply<One, Two>, &Multiply<One, Three>,
        &Multiply<Two, One>, &Multiply<Two, Two>, &Multiply<Two, Three>,
        &Multiply<Three, One>, &Multiply<Three, Two>, &Multiply<Three, Three>,
        &Multiply<Four, One>, &Multiply<Four, Two>, &Multiply<Four, Three>,
        &Multiply<Five, One>, &Multiply<Five, Two>, &Multiply<Five, Three>,
        &Multiply<Six, One>, &Multiply<Six, Two>, &Multiply<Six, Three>,
        &Multiply<Seven, One>, &Multiply<Seven, Two>, &Multiply<Seven, Three>,
        &Multiply<Eight, One>, &Multiply<Eight, Two>, &Multiply<Eight, Three>,
    ];

    private static readonly delegate*<TileOperands*, void>[] NarrowTiles =
    [
        &MultiplyNarrow<One, One>, &MultiplyNarrow<One, Two>, &MultiplyNarrow<One, Three>,
        &MultiplyNarrow<Two, One>, &MultiplyNarrow<Two, Two>, &MultiplyNarrow<Two, Three>,
        &MultiplyNarrow<Three, One>, &MultiplyNarrow<Three, Two>, &MultiplyNarrow<Three, Three>,
        &MultiplyNarrow<Four, One>, &MultiplyNarrow<Four, Two>, &MultiplyNarrow<Four, Three>,
        &MultiplyNarrow<Five, One>, &MultiplyNarrow<Five, Two>, &MultiplyNarrow<Five, Three>,
        &MultiplyNarrow<Six, One>, &MultiplyNarrow<Six, Two>, &MultiplyNarrow<Six, Three>,
        &MultiplyNarrow<Seven, One>, &MultiplyNarrow<Seven, Two>, &MultiplyNarrow<Seven, Three>,
        &MultiplyNarrow<Eight, One>, &MultiplyNarrow<Eight, Two>, &MultiplyNarrow<Eight, Three>,
    ];

    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    /// <param name="strips">1 to <see cref="MaxStrips"/>.</param>
    public static void Multiply(int rows, int strips, TileOperands* operands) =>
        (operands->IsNarrow ? NarrowTiles : Tiles)[(rows - 1) * 3 + strips - 1](operands);

    // Rows and strips are constants to the compiler, which drops what a smaller tile does not have.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply<TRows, TStrips>(TileOperands* o)
        where TRows : struct, ICount
        where TStrips : struct, ICount
    {
        Sums c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default, c7 = default;
        uint* b = o->B, ahead = o->Ahead;
        float* a0 = o->A, a1 = a0 + o->ARow, a2 = a1 + o->ARow, a3 = a2 + o->ARow, a4 = a3 + o->ARow, a5 = a4 + o->ARow, a6 = a5 + o->ARow,
            a7 = a6 + o->ARow;
        long step = o->ADepth, at = 0;
        for (var i = o->Depth; i > 0; i--, at += step, b += PackedMatrix.PanelColumns, ahead += Strip)
        {
            var x = Vector512.LoadAligned(b).AsSingle();
            var y = TStrips.Value > 1 ? Vector512.LoadAligned(b + Strip).AsSingle() : default;
            var z = TStrips.Value > 2 ? Vector512.LoadAligned(b + 2 * Strip).AsSingle() : default;
            Simd.Prefetch(ahead);
            c0.Add<TStrips>(a0[at], x, y, z);
            if (TRows.Value > 1)
                c1.Add<TStrips>(a1[at], x, y, z);
            if (TRows.Value > 2)
                c2.Add<TStrips>(a2[at], x, y, z);
            if (TRows.Value > 3)
                c3.Add<TStrips>(a3[at], x, y, z);
            if (TRows.Value > 4)
                c4.Add<TStrips>(a4[at], x, y, z);
            if (TRows.Value > 5)
                c5.Add<TStrips>(a5[at], x, y, z);
            if (TRows.Value > 6)
                c6.Add<TStrips>(a6[at], x, y, z);
            if (TRows.Value > 7)
                c7.Add<TStrips>(a7[at], x, y, z);
        }
        c0.Store<TStrips>(o, 0);
        if (TRows.Value > 1)
            c1.Store<TStrips>(o, 1);
        if (TRows.Value > 2)
            c2.Store<TStrips>(o, 2);
        if (TRows.Value > 3)
            c3.Store<TStrips>(o, 3);
        if (TRows.Value > 4)
            c4.Store<TStrips>(o, 4);
        if (TRows.Value > 5)
            c5.Store<TStrips>(o, 5);
        if (TRows.Value > 6)
            c6.Store<TStrips>(o, 6);
        if (TRows.Value > 7)
            c7.Store<TStrips>(o, 7);
    }

    // The same from bfloat16, two to a word: the earlier is widened by a shift, the later by a mask.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyNarrow<TRows, TStrips>(TileOperands* o)
        where TRows : struct, ICount
        where TStrips : struct, ICount
    {
        Sums c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default, c7 = default;
        uint* b = o->B, ahead = o->Ahead;
        float* a0 = o->A, a1 = a0 + o->ARow, a2 = a1 + o->ARow, a3 = a2 + o->ARow, a4 = a3 + o->ARow, a5 = a4 + o->ARow, a6 = a5 + o->ARow,
            a7 = a6 + o->ARow;
        long step = o->ADepth, at = 0;
        for (var i = o->Depth; i > 0; i -= 2, b += PackedMatrix.PanelColumns, ahead += Strip)
        {
            var x = Vector512.LoadAligned(b);
            var y = TStrips.Value > 1 ? Vector512.LoadAligned(b + Strip) : default;
            var z = TStrips.Value > 2 ? Vector512.LoadAligned(b + 2 * Strip) : default;
            Simd.Prefetch(ahead);
            var (x0, y0, z0) = ((x << 16).AsSingle(), (y << 16).AsSingle(), (z << 16).AsSingle());
            c0.Add<TStrips>(a0[at], x0, y0, z0);
            if (TRows.Value > 1)
                c1.Add<TStrips>(a1[at], x0, y0, z0);
            if (TRows.Value > 2)
                c2.Add<TStrips>(a2[at], x0, y0, z0);
            if (TRows.Value > 3)
                c3.Add<TStrips>(a3[at], x0, y0, z0);
            if (TRows.Value > 4)
                c4.Add<TStrips>(a4[at], x0, y0, z0);
            if (TRows.Value > 5)
                c5.Add<TStrips>(a5[at], x0, y0, z0);
            if (TRows.Value > 6)
                c6.Add<TStrips>(a6[at], x0, y0, z0);
            if (TRows.Value > 7)
                c7.Add<TStrips>(a7[at], x0, y0, z0);
            at += step;
            if (i == 1)
                break; // an odd depth
            var (x1, y1, z1) = ((x & Upper).AsSingle(), (y & Upper).AsSingle(), (z & Upper).AsSingle());
            c0.Add<TStrips>(a0[at], x1, y1, z1);
            if (TRows.Value > 1)
                c1.Add<TStrips>(a1[at], x1, y1, z1);
            if (TRows.Value > 2)
                c2.Add<TStrips>(a2[at], x1, y1, z1);
            if (TRows.Value > 3)
                c3.Add<TStrips>(a3[at], x1, y1, z1);
            if (TRows.Value > 4)
                c4.Add<TStrips>(a4[at], x1, y1, z1);
            if (TRows.Value > 5)
                c5.Add<TStrips>(a5[at], x1, y1, z1);
            if (TRows.Value > 6)
                c6.Add<TStrips>(a6[at], x1, y1, z1);
            if (TRows.Value > 7)
                c7.Add<TStrips>(a7[at], x1, y1, z1);
            at += step;
        }
        c0.Store<TStrips>(o, 0);
        if (TRows.Value > 1)
            c1.Store<TStrips>(o, 1);
        if (TRows.Value > 2)
            c2.Store<TStrips>(o, 2);
        if (TRows.Value > 3)
            c3.Store<TStrips>(o, 3);
        if (TRows.Value > 4)
            c4.Store<TStrips>(o, 4);
        if (TRows.Value > 5)
            c5.Store<TStrips>(o, 5);
        if (TRows.Value > 6)
            c6.Store<TStrips>(o, 6);
        if (TRows.Value > 7)
            c7.Store<TStrips>(o, 7);
    }

    /// <summary>The sums of one row, in registers.</summary>
    private struct Sums
    {
        private Vector512<float> _x, _y, _z;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add<TStrips>(float a, Vector512<float> x, Vector512<float> y, Vector512<float> z)
            where TStrips : struct, ICount
        {
            var f = Vector512.Create(a);
            _x = Vector512.FusedMultiplyAdd(f, x, _x);
            if (TStrips.Value > 1)
                _y = Vector512.FusedMultiplyAdd(f, y, _y);
            if (TStrips.Value > 2)
                _z = Vector512.FusedMultiplyAdd(f, z, _z);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store<TStrips>(TileOperands* o, int row)
            where TStrips : struct, ICount
        {
            var scale = Vector512.Create(o->Scale);
            float* c = o->C + row * o->CRow, add = o->Add == null ? null : o->Add + row * o->AddRow;
            Put(_x, scale, add, c, 0);
            if (TStrips.Value > 1)
                Put(_y, scale, add, c, Strip);
            if (TStrips.Value > 2)
                Put(_z, scale, add, c, 2 * Strip);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Put(Vector512<float> sum, Vector512<float> scale, float* add, float* c, int column) =>
            (add == null ? sum * scale : Vector512.FusedMultiplyAdd(sum, scale, Vector512.Load(add + column))).Store(c + column);
    }

    /// <summary>A number that is a constant to the compiler.</summary>
    private interface ICount
    {
        static abstract int Value { get; }
    }

    private readonly struct One : ICount { public static int Value => 1; }
    private readonly struct Two : ICount { public static int Value => 2; }
    private readonly struct Three : ICount { public static int Value => 3; }
    private readonly struct Four : ICount { public static int Value => 4; }
    private readonly struct Five : ICount { public static int Value => 5; }
    private readonly struct Six : ICount { public static int Value => 6; }
    private readonly struct Seven : ICount { public static int Value => 7; }
    private readonly struct Eight : ICount { public static int Value => 8; }
}
