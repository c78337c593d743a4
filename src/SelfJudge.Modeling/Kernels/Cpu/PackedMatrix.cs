using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SelfJudge.Modeling.Kernels.Cpu;

/// <summary>
/// A copy of a matrix b [depth, columns] as products read it: panels of 48 columns with zeros after the last. A panel of
/// float32 is [depth, 48]; one of bfloat16 is [depth / 2, 48] words of 32 bits, each with two elements of a column, the
/// earlier in its lower half. It does not follow the matrix when that changes.
/// </summary>
internal sealed unsafe class PackedMatrix : IPreparedMatrix
{
    public const int PanelColumns = 3 * RegisterTile.Strip;

    private const int LineWords = 64 / sizeof(uint); // of a cache line

    private uint* _memory;

    private PackedMatrix(MatrixView matrix)
    {
        (Depth, Columns, IsNarrow) = (matrix.Rows, matrix.Columns, matrix.IsNarrow);
        _memory = (uint*)NativeMemory.AlignedAlloc((nuint)Bytes, 4096);
    }

    ~PackedMatrix() => Free();

    public int Depth { get; }
    public int Columns { get; }
    public bool IsNarrow { get; }
    public int Panels => PanelsOf(Columns);
    public long Bytes => BytesOf(Depth, Columns, IsNarrow);

    public static int PanelsOf(int columns) => (columns + PanelColumns - 1) / PanelColumns;

    /// <summary>Words of 32 bits that a panel takes.</summary>
    public static long PanelWords(long depth, bool isNarrow) => (isNarrow ? (depth + 1) / 2 : depth) * PanelColumns;

    /// <summary>Packs a matrix; null where there is no memory for it.</summary>
    public static PackedMatrix? TryPack(MatrixView matrix)
    {
        PackedMatrix packed;
        try
        {
            packed = new PackedMatrix(matrix);
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
        for (var p = 0; p < packed.Panels; p++)
            PackPanel(matrix.Part(0, p * PanelColumns, matrix.Rows, Math.Min(PanelColumns, matrix.Columns - p * PanelColumns)),
                packed.Panel(p, 0));
        return packed;
    }

    /// <summary>What a packed matrix takes.</summary>
    public static long BytesOf(long depth, int columns, bool isNarrow = false) =>
        PanelWords(depth, isNarrow) * PanelsOf(columns) * sizeof(uint);

    /// <summary>A panel from an element of depth on, an even one.</summary>
    public uint* Panel(int index, int depth) => _memory + index * PanelWords(Depth, IsNarrow) + PanelWords(depth, IsNarrow);

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>Writes a matrix of at most 48 columns as a panel.</summary>
    public static void PackPanel(MatrixView matrix, uint* panel)
    {
        if (matrix.Columns < PanelColumns)
            new Span<uint>(panel, (int)PanelWords(matrix.Rows, matrix.IsNarrow)).Clear();
        if (matrix.ColumnStride == 1)
            PackAlong(matrix, panel);
        else
            PackAcross(matrix, panel);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }

    // Rows of the matrix lie as they do in the panel; two of bfloat16 become one of words.
    private static void PackAlong(MatrixView matrix, uint* panel)
    {
        var step = matrix.IsNarrow ? 2 : 1;
        for (var i = 0; i < matrix.Rows; i += step, panel += PanelColumns)
        {
            var j = 0;
            if (!matrix.IsNarrow)
                for (; j <= matrix.Columns - Simd.Lanes; j += Simd.Lanes)
                    Vector512.Load((uint*)matrix.Address(i, j)).StoreAligned(panel + j);
            else if (i + 1 < matrix.Rows)
                for (; j <= matrix.Columns - Simd.Lanes; j += Simd.Lanes)
                    (Simd.Words((ushort*)matrix.Address(i, j)) | Simd.Words((ushort*)matrix.Address(i + 1, j)) << 16)
                        .StoreAligned(panel + j);
            for (; j < matrix.Columns; j++)
                panel[j] = Word(matrix, i, j);
        }
    }

    // Columns of the matrix lie one after the other: eight by eight words are turned at a time. A few rows of the panel are
    // finished before the next are begun, so that what is written stays in the first-level cache; what is read is read by whole
    // cache lines, since columns that begin a power of two apart would drive each other out of it.
    private static void PackAcross(MatrixView matrix, uint* panel)
    {
        int perWord = matrix.IsNarrow ? 2 : 1, wide = matrix.RowStride == 1 ? Simd.RoundDown(matrix.Columns, Simd.Width) : 0;
        var turned = wide > 0 ? Simd.RoundDown(matrix.Rows / perWord, Simd.Width) : 0;
        for (var first = 0; first < turned; first += LineWords)
        {
            // The columns of the next panel are asked for meanwhile: no processor foresees so many streams.
            for (var j = 0; j < wide; j++)
                Simd.Prefetch(matrix.Address(first * perWord, j + PanelColumns));
            var end = Math.Min(first + LineWords, turned);
            for (var j = 0; j < wide; j += Simd.Width)
                for (var i = first; i < end; i += Simd.Width)
                {
                    var source = (byte*)matrix.Address(i * perWord, j);
                    Simd.Transpose8(source, (byte*)matrix.Address(i * perWord, j + 1) - source, (float*)panel + i * PanelColumns + j,
                        PanelColumns);
                }
            for (var i = first; i < end; i++)
                for (var j = wide; j < matrix.Columns; j++)
                    panel[i * PanelColumns + j] = Word(matrix, i * perWord, j);
        }
        for (var i = turned; i * perWord < matrix.Rows; i++)
            for (var j = 0; j < matrix.Columns; j++)
                panel[i * PanelColumns + j] = Word(matrix, i * perWord, j);
    }

    // One element, or two of bfloat16; after the last of an odd depth comes a zero.
    private static uint Word(MatrixView matrix, int i, int j) =>
        !matrix.IsNarrow ? *(uint*)matrix.Address(i, j)
        : *(ushort*)matrix.Address(i, j) | (i + 1 < matrix.Rows ? (uint)*(ushort*)matrix.Address(i + 1, j) << 16 : 0);
}
