using System.Runtime.Intrinsics;

namespace SelfJudge.Modeling.Kernels.Cpu;

/// <summary>
/// Products of matrices in float32: c = scale·a·b, plus a matrix where one is given. Every element is summed in the order
/// of depth, in stretches whose length depends on the depth alone, so a row of c has the same bits whatever rows are
/// computed beside it. On the calling thread, with its scratch memory.
/// </summary>
internal static unsafe class MatrixProduct
{
    // Of depth at a time: a panel of so much stays in the second-level cache.
    private const int MaxDepth = 512;

    // Rows that are multiplied with one panel after the other: they stay in the second-level cache too.
    private const int RowBlock = 192;

    // Where a is read across its rows (the gradient of a matrix), so much depth and so many panels of b are packed at once.
    private const int DepthAcross = 256;
    private const int PanelsAcross = 32;

    /// <param name="add">[rows of a, columns of b], or default; it may be <paramref name="c"/>.</param>
    /// <param name="c">[rows of a, columns of b]; its rows are contiguous.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static void Multiply(MatrixView a, MatrixView b, MatrixView c, float scale = 1f, MatrixView add = default)
    {
        Check(a, b.Rows, b.Columns, c, add);
        if (a.ColumnStride == 1)
            ByPanels(a, b, c, scale, add);
        else
            ByRows(a, b, c, scale, add);
    }

    /// <summary>The same with a matrix that is packed already: where few rows are computed, packing would take most of the time.</summary>
    public static void Multiply(MatrixView a, PackedMatrix b, MatrixView c, float scale = 1f, MatrixView add = default)
    {
        Check(a, b.Depth, b.Columns, c, add);
        if (a.ColumnStride != 1)
            throw new ArgumentException("rows of the first matrix must be contiguous");
        var depth = Stretch(b.Depth);
        for (var row = 0; row < a.Rows; row += RowBlock)
            for (var k = 0; k < b.Depth; k += depth)
            {
                int rows = Math.Min(RowBlock, a.Rows - row), stretch = Math.Min(depth, b.Depth - k);
                var left = a.Part(row, k, rows, stretch);
                for (var p = 0; p < b.Panels; p++)
                {
                    // While a panel is multiplied the next one is asked for: else its first use would wait for memory.
                    var panel = new Panel(b.Panel(p, k), b.IsNarrow);
                    var next = p + 1 < b.Panels ? b.Panel(p + 1, k) : panel.Words;
                    var (target, sum) = Targets(c, add, row, p * PackedMatrix.PanelColumns, isFirst: k == 0);
                    TimesPanel(left, panel, next, target, scale, sum);
                }
            }
    }

    private static void ByPanels(MatrixView a, MatrixView b, MatrixView c, float scale, MatrixView add)
    {
        var depth = Stretch(b.Rows);
        var size = PackedMatrix.PanelWords(depth, b.IsNarrow);
        var panel = new Panel((uint*)Scratch.Open(size).Take(size), b.IsNarrow);
        for (var k = 0; k < b.Rows; k += depth)
        {
            var stretch = Math.Min(depth, b.Rows - k);
            var left = a.Part(0, k, a.Rows, stretch);
            for (var j = 0; j < b.Columns; j += PackedMatrix.PanelColumns)
            {
                PackedMatrix.PackPanel(b.Part(k, j, stretch, Math.Min(PackedMatrix.PanelColumns, b.Columns - j)), panel.Words);
                var (target, sum) = Targets(c, add, 0, j, isFirst: k == 0);
                TimesPanel(left, panel, panel.Words, target, scale, sum);
            }
        }
    }

    // A few rows of a are packed, so that their elements lie side by side, and multiplied with all panels.
    private static void ByRows(MatrixView a, MatrixView b, MatrixView c, float scale, MatrixView add)
    {
        int maxRows = RegisterTile.MaxRows, panels = Math.Min(PanelsAcross, PackedMatrix.PanelsOf(b.Columns));
        var panelSize = PackedMatrix.PanelWords(DepthAcross, b.IsNarrow);
        var scratch = Scratch.Open(panels * panelSize + DepthAcross * maxRows);
        var packed = (uint*)scratch.Take(panels * panelSize);
        var rowsOfA = scratch.Take(DepthAcross * maxRows);
        for (var k = 0; k < b.Rows; k += DepthAcross)
        {
            var stretch = Math.Min(DepthAcross, b.Rows - k);
            for (var first = 0; first < b.Columns; first += panels * PackedMatrix.PanelColumns)
            {
                var width = Math.Min(panels * PackedMatrix.PanelColumns, b.Columns - first);
                for (var j = 0; j < width; j += PackedMatrix.PanelColumns)
                    PackedMatrix.PackPanel(b.Part(k, first + j, stretch, Math.Min(PackedMatrix.PanelColumns, width - j)),
                        packed + j / PackedMatrix.PanelColumns * panelSize);
                for (var row = 0; row < a.Rows; row += maxRows)
                {
                    var rows = Math.Min(maxRows, a.Rows - row);
                    Gather(a.Part(row, k, rows, stretch), rowsOfA);
                    var left = new MatrixView(rowsOfA, stretch, rows, rows).Transposed;
                    for (var j = 0; j < width; j += PackedMatrix.PanelColumns)
                    {
                        var panel = new Panel(packed + j / PackedMatrix.PanelColumns * panelSize, b.IsNarrow);
                        var (target, sum) = Targets(c, add, row, first + j, isFirst: k == 0);
                        TimesPanel(left, panel, panel.Words, target, scale, sum);
                    }
                }
            }
        }
    }

    /// <summary>The place of a block of the result and of what it is added to: after the first stretch of depth that is the result so
    /// far.</summary>
    private static (MatrixView Target, MatrixView Add) Targets(MatrixView c, MatrixView add, int row, int column, bool isFirst)
    {
        var target = c.From(row, column);
        return (target, isFirst ? add.From(row, column) : target);
    }

    // c[rows of a, up to 48 columns of the panel]
    private static void TimesPanel(MatrixView a, Panel panel, uint* next, MatrixView c, float scale, MatrixView add)
    {
        var buffer = stackalloc float[8 * PackedMatrix.PanelColumns];
        var third = PackedMatrix.PanelWords(a.Columns, panel.IsNarrow) / 3;
        var lastAhead = next + 2 * third;
        var columns = Math.Min(PackedMatrix.PanelColumns, c.Columns);
        var operands = new TileOperands
        {
            ARow = a.RowStride,
            ADepth = a.ColumnStride,
            Depth = a.Columns,
            IsNarrow = panel.IsNarrow,
            Ahead = next
        };
        for (var row = 0; row < a.Rows;)
        {
            var rows = Math.Min(RegisterTile.MaxRows, a.Rows - row);
            operands.A = a.Floats + row * a.RowStride;
            var target = c.Floats + row * c.RowStride;
            var sum = add.Exists ? add.Floats + row * add.RowStride : null;
            for (var column = 0; column < columns;)
            {
                var strips = Math.Min(RegisterTile.MaxStrips, Simd.RoundUp(columns - column, RegisterTile.Strip) / RegisterTile.Strip);
                var width = Math.Min(strips * RegisterTile.Strip, columns - column);
                operands.B = panel.Words + column;
                if (width % RegisterTile.Strip == 0)
                {
                    operands.C = target + column;
                    operands.Add = sum == null ? null : sum + column;
                    (operands.CRow, operands.AddRow, operands.Scale) = (c.RowStride, add.RowStride, scale);
                    RegisterTile.Multiply(rows, strips, &operands);
                }
                else
                {
                    // The last columns fill no vector: they are computed beside the matrix.
                    operands.C = buffer;
                    operands.Add = null;
                    (operands.CRow, operands.Scale) = (PackedMatrix.PanelColumns, 1f);
                    RegisterTile.Multiply(rows, strips, &operands);
                    for (var r = 0; r < rows; r++)
                        for (var j = 0; j < width; j++)
                        {
                            var value = buffer[r * PackedMatrix.PanelColumns + j];
                            target[r * c.RowStride + column + j] = sum == null ? value * scale
                                : MathF.FusedMultiplyAdd(value, scale, sum[r * add.RowStride + column + j]);
                        }
                }
                column += width;
            }
            operands.Ahead = operands.Ahead < lastAhead ? operands.Ahead + third : next;
            row += rows;
        }
    }

    /// <summary>A panel of a packed matrix, or a stretch of its depth.</summary>
    private readonly struct Panel(uint* words, bool isNarrow)
    {
        public readonly uint* Words = words;
        public readonly bool IsNarrow = isNarrow;
    }

    // target[i][j] = source[j, i]
    private static void Gather(MatrixView source, float* target)
    {
        if (source.Rows == Simd.Width && source.RowStride == 1)
        {
            for (var i = 0; i < source.Columns; i++, target += Simd.Width)
                Vector256.Load(source.Floats + i * source.ColumnStride).StoreAligned(target);
            return;
        }
        for (var i = 0; i < source.Columns; i++, target += source.Rows)
        {
            var column = source.Floats + i * source.ColumnStride;
            for (var j = 0; j < source.Rows; j++)
                target[j] = column[j * source.RowStride];
        }
    }

    private static int Stretch(int depth)
    {
        var stretches = (depth + MaxDepth - 1) / MaxDepth;
        return stretches <= 1 ? depth : Simd.RoundUp((depth + stretches - 1) / stretches, RegisterTile.Strip);
    }

    internal static void Check(MatrixView a, int depth, int columns, MatrixView c, MatrixView add)
    {
        if (a.Columns != depth || c.Rows != a.Rows || c.Columns != columns
            || add.Exists && (add.Rows != c.Rows || add.Columns != c.Columns))
            throw new ArgumentException(
                $"the product of [{a.Rows}, {a.Columns}] and [{depth}, {columns}] does not fit [{c.Rows}, "
                + $"{c.Columns}]{(add.Exists ? $" and [{add.Rows}, {add.Columns}]" : "")}");
        if (a.IsNarrow || c.IsNarrow || add.IsNarrow || c.ColumnStride != 1 || add.Exists && add.ColumnStride != 1)
            throw new ArgumentException("only the second matrix of a product may be bfloat16, and rows of the result must be contiguous");
    }
}
