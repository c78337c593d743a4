#pragma warning disable RS0030 // This file is the door that the banned symbols point to.
using TorchSharp;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tensors;

public static partial class Ops
{
    /// <summary>a·b for matrices.</summary>
    public static Tensor MatMul(Tensor a, Tensor b)
    {
        RequireScope();
        return a.mm(b);
    }

    /// <summary>c + a·b, in a new tensor.</summary>
    public static Tensor AddMatMul(Tensor c, Tensor a, Tensor b)
    {
        RequireScope();
        return c.addmm(a, b, 1f, 1f);
    }

    /// <summary>target ← target + scale·a·b.</summary>
    public static void AddMatMulInto(Tensor target, Tensor a, Tensor b, float scale = 1f)
    {
        RequireScope();
        target.addmm_(a, b, 1f, scale);
    }

    /// <summary>target ← a·b.</summary>
    public static void MatMulInto(Tensor target, Tensor a, Tensor b)
    {
        RequireScope();
        target.addmm_(a, b, 0f, 1f);
    }

    /// <summary>The tensor in another type; itself where it is of that already.</summary>
    public static Tensor To(Tensor tensor, ScalarType type)
    {
        RequireScope();
        return tensor.to(type);
    }

    /// <summary>A contiguous copy.</summary>
    public static Tensor Copy(Tensor tensor)
    {
        RequireScope();
        return tensor.clone();
    }

    /// <summary>target ← target + source, broadcast.</summary>
    public static void AddInto(Tensor target, Tensor source)
    {
        RequireScope();
        target.add_(source, One);
    }

    /// <summary>target ← factor·target.</summary>
    public static void ScaleInto(Tensor target, float factor)
    {
        RequireScope();
        Scalar scalar = factor;
        target.mul_(scalar);
        GC.KeepAlive(scalar);
    }

    /// <summary>The sum of the squares of a flat tensor's elements, accumulated in double precision.</summary>
    public static double SumOfSquares(Tensor tensor)
    {
        var sum = 0.0;
        foreach (var (start, length) in Blocks(tensor.NumberOfElements))
        {
            using var scope = Scope();
            var block = tensor.narrow(0, start, length);
            sum += block.mul(block).sum(ScalarType.Float64).item<double>();
        }
        return sum;
    }

    /// <summary>Stretches of a flat tensor, so that what is computed between them takes a few megabytes and not the whole tensor's size
    /// again.</summary>
    public static IEnumerable<(long Start, long Length)> Blocks(long elements)
    {
        for (long start = 0; start < elements; start += BlockElements)
            yield return (start, Math.Min(BlockElements, elements - start));
    }

    /// <summary>target ← target + the sum of the rows of a matrix.</summary>
    public static void AddRowSumInto(Tensor target, Tensor rows)
    {
        RequireScope();
        target.add_(rows.sum([0L]), One);
    }

    public static void CopyInto(Tensor target, Tensor source)
    {
        RequireScope();
        target.copy_(source);
    }

    public static void Zero(Tensor target)
    {
        RequireScope();
        target.zero_();
    }

    /// <summary>Rows of <paramref name="table"/> by index.</summary>
    public static Tensor Rows(Tensor table, Tensor indices)
    {
        RequireScope();
        return table.index_select(0, indices);
    }

    /// <summary>target[indices[i]] ← target[indices[i]] + source[i].</summary>
    public static void AddRowsInto(Tensor target, Tensor indices, Tensor source)
    {
        RequireScope();
        target.index_add_(0, indices, source, One);
    }

    /// <summary>Elementwise a + b, broadcast.</summary>
    public static Tensor Add(Tensor a, Tensor b)
    {
        RequireScope();
        return a.add(b, One);
    }

    /// <summary>Elementwise a − b, broadcast.</summary>
    public static Tensor Subtract(Tensor a, Tensor b)
    {
        RequireScope();
        return a.sub(b);
    }

    /// <summary>Elementwise a·b, broadcast.</summary>
    public static Tensor Multiply(Tensor a, Tensor b)
    {
        RequireScope();
        return a.mul(b);
    }

    /// <summary>Elementwise factor·a + summand.</summary>
    public static Tensor Affine(Tensor a, double factor, double summand)
    {
        RequireScope();
        Scalar f = factor, s = summand;
        var result = a.mul(f).add(s, One);
        GC.KeepAlive(f);
        GC.KeepAlive(s);
        return result;
    }

    /// <summary>1/sqrt(mean of squares over the last dimension + eps), that dimension kept.</summary>
    public static Tensor InverseRms(Tensor x, double eps) => Affine(Multiply(x, x).mean([-1], true), 1, eps).rsqrt();

    public static Tensor Silu(Tensor x)
    {
        RequireScope();
        return nn.functional.silu(x);
    }

    public static Tensor Softmax(Tensor x)
    {
        RequireScope();
        return x.softmax(-1);
    }

    public static Tensor LogSoftmax(Tensor x)
    {
        RequireScope();
        return nn.functional.log_softmax(x, -1);
    }

    /// <summary>a·b over the last two dimensions of batches of matrices.</summary>
    public static Tensor BatchedMatMul(Tensor a, Tensor b)
    {
        RequireScope();
        return a.matmul(b);
    }

    /// <summary>Causal attention [batch, heads, time, dim] with the kernels that LibTorch has for the device.</summary>
    public static Tensor CausalAttention(Tensor q, Tensor k, Tensor v)
    {
        RequireScope();
        return nn.functional.scaled_dot_product_attention(q, k, v, null, 0, true);
    }

    /// <summary>The same over the last <paramref name="window"/> keys of each query.</summary>
    public static Tensor WindowAttention(Tensor q, Tensor k, Tensor v, int window)
    {
        RequireScope();
        var time = q.size(2);
        var mask = ones(time, time, ScalarType.Bool, q.device).tril().triu(1 - window);
        return nn.functional.scaled_dot_product_attention(q, k, v, mask, 0, false);
    }

    /// <summary>Tensors side by side along a dimension.</summary>
    public static Tensor Concatenate(long dimension, params Tensor[] parts)
    {
        RequireScope();
        return cat(parts, dimension);
    }

    /// <summary>x with −∞ where the mask holds.</summary>
    public static Tensor Mask(Tensor x, Tensor mask)
    {
        RequireScope();
        return x.masked_fill(mask, MinusInfinity);
    }

    /// <summary>Whether the integer 0, 1, …, n−1 is at least each of the limits: [limits, n].</summary>
    public static Tensor AtLeast(long n, Tensor limits)
    {
        RequireScope();
        return arange(n, device: limits.device).unsqueeze(0).ge(limits.unsqueeze(1));
    }

    /// <summary>Whether the integer 0, 1, …, n−1 is less than each of the limits: [limits, n].</summary>
    public static Tensor Below(long n, Tensor limits)
    {
        RequireScope();
        return arange(n, device: limits.device).unsqueeze(0).lt(limits.unsqueeze(1));
    }

    /// <summary>target[rows[i], …, columns[i]] ← values[i] along the first and the last dimension of a tensor of four.</summary>
    public static void PutAtEnds(Tensor target, Tensor rows, Tensor columns, Tensor values)
    {
        RequireScope();
        target.index_put_(values, TensorIndex.Tensor(rows), TensorIndex.Colon, TensorIndex.Colon, TensorIndex.Tensor(columns));
    }

    /// <summary>target[rows[i], :, columns[i]] ← values[i] along the first and the third dimension of a tensor of four.</summary>
    public static void PutAtRows(Tensor target, Tensor rows, Tensor columns, Tensor values)
    {
        RequireScope();
        target.index_put_(values, TensorIndex.Tensor(rows), TensorIndex.Colon, TensorIndex.Tensor(columns), TensorIndex.Colon);
    }

    /// <summary>target[rows[i], :] ← source[i, :], for rows that differ.</summary>
    public static void PutRows(Tensor target, Tensor rows, Tensor source)
    {
        RequireScope();
        target.index_copy_(0, rows, source);
    }

    /// <summary>The element of each row that its index names: [rows, 1].</summary>
    public static Tensor Pick(Tensor x, Tensor indices)
    {
        RequireScope();
        return x.gather(1, indices.unsqueeze(1));
    }

    /// <summary>Adds values [rows, 1] to the element of each row that its index names.</summary>
    public static void AddAtPicked(Tensor x, Tensor indices, Tensor values)
    {
        RequireScope();
        x.scatter_add_(1, indices.unsqueeze(1), values);
    }

    /// <summary>target ← target·decay + factor·a·b, elementwise.</summary>
    public static void DecayAndAdd(Tensor target, double decay, Tensor a, Tensor b, double factor)
    {
        RequireScope();
        Scalar d = decay, f = factor;
        target.mul_(d).addcmul_(a, b, f);
        GC.KeepAlive(d);
        GC.KeepAlive(f);
    }

    /// <summary>target ← target + factor·a / (scale·sqrt(b) + eps), elementwise.</summary>
    public static void AddRatio(Tensor target, double factor, Tensor a, Tensor b, double scale, double eps)
    {
        RequireScope();
        Scalar f = factor;
        target.addcdiv_(a, Affine(b.sqrt(), scale, eps), f);
        GC.KeepAlive(f);
    }

    /// <summary>The gradients of Σ dOut·f(inputs) with respect to each input, by LibTorch's own differentiation.</summary>
    public static Tensor[] Gradients(Func<Tensor[], Tensor> f, Tensor dOut, params Tensor[] inputs)
    {
        RequireScope();
        using var mode = enable_grad();
        var leaves = Array.ConvertAll(inputs, i => i.detach().requires_grad_());
        return [.. autograd.grad([f(leaves)], leaves, [dOut])];
    }
}
