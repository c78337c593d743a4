using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SelfJudge.Modeling.Kernels.Cpu;

/// <summary>
/// A copy of a matrix b [depth, columns] as products read it: panels of 48 columns, each [depth, 48], with zeros after the
/// last column. It does not follow the matrix when that changes.
/// </summary>
internal sealed unsafe class PackedMatrix : IPreparedMatrix
{
    public const int PanelColumns = 3 * RegisterTile.Strip;

    private const int CacheLine = 64;

    private float* _memory;

    private PackedMatrix(int depth, int columns)
    {
        (Depth, Columns) = (depth, columns);
        _memory = (float*)NativeMemory.AlignedAlloc((nuint)Bytes, 4096);
    }

    ~PackedMatrix() => Free();

    public int Depth { get; }
    public int Columns { get; }
    public int Panels => PanelsOf(Columns);
    public long Bytes => BytesOf(Depth, Columns);

    public static int PanelsOf(int columns) => (columns + PanelColumns - 1) / PanelColumns;

    /// <summary>Packs a matrix; null where there is no memory for it.</summary>
    public static PackedMatrix? TryPack(MatrixView matrix)
    {
        PackedMatrix packed;
        try
        {
            packed = new PackedMatrix(matrix.Rows, matrix.Columns);
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
        for (var p = 0; p < packed.Panels; p++)
            PackPanel(matrix.Part(0, p * PanelColumns, matrix.Rows, Math.Min(PanelColumns, matrix.Columns - p * PanelColumns)), packed.Panel(p));
        return packed;
    }

    /// <summary>What a packed matrix takes.</summary>
    public static long BytesOf(long depth, int columns) => depth * PanelsOf(columns) * PanelColumns * sizeof(float);

    public float* Panel(int index) => _memory + (long)index * PanelColumns * Depth;

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>Writes a matrix of at most 48 columns as a panel.</summary>
    public static void PackPanel(MatrixView matrix, float* panel)
    {
        if (matrix.Columns < PanelColumns)
            new Span<float>(panel, matrix.Rows * PanelColumns).Clear();
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

    // Rows of the matrix lie as they do in the panel.
    private static void PackAlong(MatrixView matrix, float* panel)
    {
        for (var i = 0; i < matrix.Rows; i++, panel += PanelColumns)
        {
            var j = 0;
            for (; j <= matrix.Columns - Simd.Lanes; j += Simd.Lanes)
                (matrix.IsNarrow ? Simd.Widen(matrix.Halves + i * matrix.RowStride + j) : Vector512.Load(matrix.Floats + i * matrix.RowStride + j)).StoreAligned(panel + j);
            for (; j < matrix.Columns; j++)
                panel[j] = Element(matrix, i, j);
        }
    }

    // Columns of the matrix lie one after the other: eight by eight elements are turned at a time. A few rows of the panel are
    // finished before the next are begun, so that what is written and what is read next stay in the first-level cache.
    private static void PackAcross(MatrixView matrix, float* panel)
    {
        int i = 0, wide = matrix.RowStride == 1 ? Simd.RoundDown(matrix.Columns, Simd.Width) : 0;
        var line = CacheLine / (matrix.IsNarrow ? sizeof(ushort) : sizeof(float));
        for (; wide > 0 && i <= matrix.Rows - Simd.Width; i += Simd.Width)
        {
            var target = panel + (long)i * PanelColumns;
            // The columns of the next panel are asked for meanwhile: no processor foresees so many streams.
            if (i % line == 0)
                for (var j = 0; j < wide; j++)
                    Simd.Prefetch(matrix.Address(i, j + PanelColumns));
            if (matrix.IsNarrow)
                for (var j = 0; j < wide; j += Simd.Width)
                    Simd.Transpose8(matrix.Halves + j * matrix.ColumnStride + i, matrix.ColumnStride, target + j, PanelColumns);
            else
                for (var j = 0; j < wide; j += Simd.Width)
                    Simd.Transpose8(matrix.Floats + j * matrix.ColumnStride + i, matrix.ColumnStride, target + j, PanelColumns);
            for (var j = wide; j < matrix.Columns; j++)
                for (var r = 0; r < Simd.Width; r++)
                    target[r * PanelColumns + j] = Element(matrix, i + r, j);
        }
        for (; i < matrix.Rows; i++)
            for (var j = 0; j < matrix.Columns; j++)
                panel[(long)i * PanelColumns + j] = Element(matrix, i, j);
    }

    private static float Element(MatrixView matrix, int i, int j)
    {
        var at = i * matrix.RowStride + j * matrix.ColumnStride;
        return matrix.IsNarrow ? BitConverter.UInt32BitsToSingle((uint)matrix.Halves[at] << 16) : matrix.Floats[at];
    }
}
