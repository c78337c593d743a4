using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using SelfJudge.Modeling.Native;

namespace SelfJudge.Modeling.Kernels.Cpu;

/// <summary>
/// c = a·b, plus a matrix where one is given, with b in bfloat16 and a rounded to it (to the nearest, ties to even), which is
/// what processors with avx512_bf16 have an instruction for. .NET has none, so oneDNN's kernel is called, which LibTorch brings.
/// Products are exact, sums and results float32: a result differs from the exact one by 2⁻⁸ of the sum of its terms' sizes at
/// most, and by some 2e-3 of itself on average.
/// </summary>
internal static unsafe class RoundedProduct
{
    // Rows that are rounded at once, rows of one call, and depth of one call: what a call reads stays in the second-level cache.
    private const int RowBlock = 512;
    private const int CallRows = 64;
    private const int MaxDepth = 1024;

    // at::native::cpublas::brgemm(M, N, K, lda, ldb, ldc, add to C, BFloat16 A, BFloat16 B, float C, B's rows in pairs)
    private const string EntryPoint = "_ZN2at6native7cpublas6brgemmEllllllbPKN3c108BFloat16ES5_Pfb";

    // Each keeps oneDNN from instructions that the processor has; its kernel would then end the process.
    private static readonly string[] Limits = ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"];

    private static readonly Lazy<(nint Kernel, string? Problem)> Found = new(Find);

    /// <summary>Why it cannot be computed in this process; null where it can.</summary>
    public static string? Problem => Found.Value.Problem;

    /// <param name="b">[columns of a, columns of c] in bfloat16.</param>
    /// <param name="add">As in <see cref="MatrixProduct.Multiply(MatrixView, MatrixView, MatrixView, float, MatrixView)"/>.</param>
    public static void Multiply(MatrixView a, MatrixView b, MatrixView c, MatrixView add = default)
    {
        MatrixProduct.Check(a, b.Rows, b.Columns, c, add);
        Multiply(a, b, null, c, add);
    }

    /// <summary>The same with a matrix that is packed already.</summary>
    public static void Multiply(MatrixView a, PackedMatrix b, MatrixView c, MatrixView add = default)
    {
        MatrixProduct.Check(a, b.Depth, b.Columns, c, add);
        Multiply(a, default, b, c, add);
    }

    private static void Multiply(MatrixView a, MatrixView b, PackedMatrix? packed, MatrixView c, MatrixView add)
    {
        if (Problem is { } problem)
            throw new InvalidOperationException(problem);
        if (a.ColumnStride != 1 || !(packed?.IsNarrow ?? b.IsNarrow))
            throw new ArgumentException("rows of the first matrix must be contiguous, and the second in bfloat16");
        int depth = a.Columns, stretch = Math.Min(MaxDepth, Simd.RoundUp(depth, 2));
        long roundedWords = RowBlock * stretch / 2, panelWords = PackedMatrix.PanelWords(stretch, isNarrow: true);
        var scratch = Scratch.Open(roundedWords + panelWords);
        var rounded = (ushort*)scratch.Take(roundedWords);
        var panel = (uint*)scratch.Take(panelWords);
        for (var row = 0; row < a.Rows; row += RowBlock)
            for (var k = 0; k < depth; k += stretch)
            {
                var left = a.Part(row, k, Math.Min(RowBlock, a.Rows - row), Math.Min(stretch, depth - k));
                var pairs = Simd.RoundUp(left.Columns, 2);
                Round(left, rounded, pairs);
                for (var j = 0; j < c.Columns; j += PackedMatrix.PanelColumns)
                {
                    var columns = Math.Min(PackedMatrix.PanelColumns, c.Columns - j);
                    if (packed is null)
                        PackedMatrix.PackPanel(b.Part(k, j, left.Columns, columns), panel);
                    var right = packed is null ? panel : packed.Panel(j / PackedMatrix.PanelColumns, k);
                    var target = c.Part(row, j, left.Rows, columns);
                    if (k == 0 && add.Exists)
                        Copy(add.Part(row, j, left.Rows, columns), target);
                    for (var r = 0; r < left.Rows; r += CallRows)
                        Call(Math.Min(CallRows, left.Rows - r), columns, pairs, rounded + (long)r * pairs, right,
                            target.Floats + r * c.RowStride, c.RowStride, k > 0 || add.Exists);
                }
            }
    }

    private static void Call(int rows, int columns, int depth, ushort* a, uint* b, float* c, long cRow, bool adds) =>
        ((delegate* unmanaged<long, long, long, long, long, long, byte, ushort*, uint*, float*, byte, void>)Found.Value.Kernel)(
            rows, columns, depth, depth, PackedMatrix.PanelColumns, cRow, (byte)(adds ? 1 : 0), a, b, c, 1);

    // Rows of an even number of elements; after an odd one comes a zero.
    private static void Round(MatrixView source, ushort* target, int columns)
    {
        for (var i = 0; i < source.Rows; i++, target += columns)
        {
            var row = (uint*)source.Address(i, 0);
            var j = 0;
            for (; j <= source.Columns - Simd.Lanes; j += Simd.Lanes)
                Vector512.Narrow(Rounded(Vector512.Load(row + j)), default).GetLower().Store(target + j);
            for (; j < source.Columns; j++)
                target[j] = (ushort)Rounded(Vector512.CreateScalar(row[j]))[0];
            for (; j < columns; j++)
                target[j] = 0;
        }
    }

    // The upper halves; what is no number stays none.
    private static Vector512<uint> Rounded(Vector512<uint> x)
    {
        var upper = x >>> 16;
        var nearest = (x + Vector512.Create(0x7FFFu) + (upper & Vector512<uint>.One)) >>> 16;
        return Vector512.ConditionalSelect(Vector512.IsNaN(x.AsSingle()).AsUInt32(), upper | Vector512.Create(0x40u), nearest);
    }

    private static void Copy(MatrixView source, MatrixView target)
    {
        if (source.Floats == target.Floats)
            return;
        for (var i = 0; i < source.Rows; i++)
            new ReadOnlySpan<float>(source.Address(i, 0), source.Columns).CopyTo(new Span<float>(target.Address(i, 0), source.Columns));
    }

    private static (nint, string?) Find()
    {
        if (!HasInstruction())
            return (0, "this processor has no avx512_bf16");
        if (Array.Find(Limits, l => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(l))) is { } limit)
            return (0, $"the variable {limit} is set, which may keep oneDNN from avx512_bf16");
        TorchRuntime.EnsureLoaded();
        return NativeLibrary.TryLoad("libtorch_cpu.so", typeof(TorchSharp.torch).Assembly, null, out var library)
            && NativeLibrary.TryGetExport(library, EntryPoint, out var kernel)
            ? (kernel, null)
            : (0, "this LibTorch does not export oneDNN's kernel for bfloat16");
    }

    // CPUID leaf 7, subleaf 1, bit 5 of EAX; AVX-512 itself as the runtime sees it, and with it the operating system.
    private static bool HasInstruction() =>
        Avx512BW.VL.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax & 1 << 5) != 0;
}
