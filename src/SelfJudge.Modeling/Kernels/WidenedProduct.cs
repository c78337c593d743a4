using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Kernels;

/// <summary>
/// x·Wᵀ with a matrix held in bfloat16, a block of which is widened to float32 at a time: every weight of such a
/// type is a float32 too, so nothing is rounded, and a few megabytes are all that it takes beside the matrix.
/// </summary>
internal static class WidenedProduct
{
    /// <summary>Elements of the largest block: 16 MiB of float32.</summary>
    private const long BlockElements = 4 << 20;

    public static void Into(Tensor result, Tensor x, Tensor weight)
    {
        long outputs = weight.size(0), inputs = weight.size(1);
        var rows = Math.Max(1, BlockElements / inputs);
        for (long start = 0; start < outputs; start += rows)
        {
            using var scope = Ops.Scope();
            var count = Math.Min(rows, outputs - start);
            Ops.MatMulInto(result.narrow(1, start, count), x, Ops.To(weight.narrow(0, start, count), ScalarType.Float32).t());
        }
    }
}
