using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Kernels.Cpu;

/// <summary>
/// A matrix of float32, or of bfloat16, where it lies in host memory: element (i, j) is i·<see cref="RowStride"/> +
/// j·<see cref="ColumnStride"/> elements from its first. Whoever makes a view of a tensor keeps the tensor alive.
/// The default is no matrix.
/// </summary>
internal readonly unsafe struct MatrixView
{
    private readonly void* _start;

    private MatrixView(void* start, int rows, int columns, long rowStride, long columnStride, bool isNarrow)
    {
        _start = start;
        (Rows, Columns) = (rows, columns);
        (RowStride, ColumnStride, IsNarrow) = (rowStride, columnStride, isNarrow);
    }

    public MatrixView(float* start, int rows, int columns, long rowStride)
        : this(start, rows, columns, rowStride, 1, isNarrow: false)
    {
    }

    public int Rows { get; }
    public int Columns { get; }
    public long RowStride { get; }
    public long ColumnStride { get; }

    /// <summary>Whether its elements are bfloat16.</summary>
    public bool IsNarrow { get; }

    public bool Exists => _start != null;
    public MatrixView Transposed => new(_start, Columns, Rows, ColumnStride, RowStride, IsNarrow);

    /// <summary>The first element of a matrix of float32.</summary>
    public float* Floats => (float*)_start;

    /// <exception cref="ArgumentException">The tensor is no matrix of float32 or bfloat16 in host memory.</exception>
    public static MatrixView Of(Tensor matrix)
    {
        if (matrix.dim() != 2)
            throw new ArgumentException($"a tensor of {matrix.dim()} dimensions is no matrix");
        var start = Ops.Start(matrix, out var isNarrow);
        return new MatrixView(start, checked((int)matrix.size(0)), checked((int)matrix.size(1)), matrix.stride(0), matrix.stride(1),
            isNarrow);
    }

    /// <summary>The part of it from a row and a column on.</summary>
    public MatrixView From(int row, int column) => Part(row, column, Rows - row, Columns - column);

    /// <summary>Where an element is, or would be if the matrix went on.</summary>
    public void* Address(long row, long column) =>
        (byte*)_start + (row * RowStride + column * ColumnStride) * (IsNarrow ? sizeof(ushort) : sizeof(float));

    public MatrixView Part(int row, int column, int rows, int columns) =>
        new(Exists ? Address(row, column) : null, rows, columns, RowStride, ColumnStride, IsNarrow);
}
