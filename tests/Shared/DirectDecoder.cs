using System.Buffers.Binary;
using System.Text.Json;

namespace SelfJudge.Tests.Shared;

/// <summary>
/// The forward pass of a Llama, Mistral, Qwen2 or Qwen3 in float64, written for plainness and sharing no code with the product: what
/// the product's numbers are held against. Biases and norms of heads are where a file has them.
/// </summary>
internal sealed class DirectDecoder
{
    private readonly Dictionary<string, double[]> _weights = new(StringComparer.Ordinal);
    private readonly int _hidden, _inner, _layers, _heads, _keyValueHeads, _headDim, _vocabulary;
    private readonly double _eps, _theta;
    private readonly int[] _windows;

    /// <summary>Reads a folder with F32 weights, without scaling of rotary positions.</summary>
    public DirectDecoder(string folder)
    {
        using var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json")));
        int Of(string key) => config.RootElement.GetProperty(key).GetInt32();
        (_hidden, _inner, _layers, _heads, _keyValueHeads, _vocabulary) = (Of("hidden_size"), Of("intermediate_size"),
            Of("num_hidden_layers"), Of("num_attention_heads"), Of("num_key_value_heads"), Of("vocab_size"));
        _headDim = config.RootElement.TryGetProperty("head_dim", out var size) && size.ValueKind == JsonValueKind.Number ? size.GetInt32()
            : _hidden / _heads;
        _windows = [.. Enumerable.Range(0, _layers)
            .Select(l => config.RootElement.TryGetProperty("layer_types", out var types) && types[l].GetString() == "full_attention"
            ? int.MaxValue
            : config.RootElement.TryGetProperty("sliding_window", out var window) && window.ValueKind == JsonValueKind.Number
                ? window.GetInt32() : int.MaxValue)];
        (_eps, _theta) = (config.RootElement.GetProperty("rms_norm_eps").GetDouble(),
            config.RootElement.GetProperty("rope_theta").GetDouble());
        var bytes = File.ReadAllBytes(Path.Combine(folder, "model.safetensors"));
        var data = 8 + (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, data - 8));
        foreach (var tensor in header.RootElement.EnumerateObject().Where(t => t.Name != "__metadata__"))
        {
            var offsets = tensor.Value.GetProperty("data_offsets");
            int start = data + offsets[0].GetInt32(), count = (offsets[1].GetInt32() - offsets[0].GetInt32()) / 4;
            _weights[tensor.Name] = [.. Enumerable.Range(0, count)
                .Select(i => (double)BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(start + 4 * i)))];
        }
    }

    public IReadOnlyDictionary<string, double[]> Weights => _weights;

    /// <summary>∂/∂w of <see cref="LogProb"/> for an element of a parameter, by central differences.</summary>
    public double Derivative(string name, int element, int[] ids, int from)
    {
        const double H = 1e-5;
        var w = _weights[name];
        var before = w[element];
        w[element] = before + H;
        var up = LogProb(ids, from);
        w[element] = before - H;
        var down = LogProb(ids, from);
        w[element] = before;
        return (up - down) / (2 * H);
    }

    /// <summary>Σ log p(ids[t] | ids before it) for t from <paramref name="from"/> on, in nats.</summary>
    public double LogProb(int[] ids, int from)
    {
        var keys = Enumerable.Range(0, _layers).Select(_ => new List<double[]>()).ToArray();
        var values = Enumerable.Range(0, _layers).Select(_ => new List<double[]>()).ToArray();
        var sum = 0.0;
        for (var t = 0; t < ids.Length - 1; t++)
        {
            var x = _weights["model.embed_tokens.weight"].AsSpan(ids[t] * _hidden, _hidden).ToArray();
            for (var l = 0; l < _layers; l++)
            {
                var p = $"model.layers.{l}.";
                var n = Norm(x, p + "input_layernorm.weight");
                double[] q = NormHeads(Affine(p + "self_attn.q_proj", n), p + "self_attn.q_norm.weight");
                double[] k = NormHeads(Affine(p + "self_attn.k_proj", n), p + "self_attn.k_norm.weight");
                Rotate(q, t);
                Rotate(k, t);
                keys[l].Add(k);
                values[l].Add(Affine(p + "self_attn.v_proj", n));
                if (keys[l].Count > _windows[l])
                {
                    keys[l].RemoveAt(0);
                    values[l].RemoveAt(0);
                }
                Add(x, Affine(p + "self_attn.o_proj", Attend(q, keys[l], values[l])));
                n = Norm(x, p + "post_attention_layernorm.weight");
                double[] gate = Product(p + "mlp.gate_proj.weight", n), up = Product(p + "mlp.up_proj.weight", n);
                for (var i = 0; i < _inner; i++)
                    up[i] *= gate[i] / (1 + Math.Exp(-gate[i]));
                Add(x, Product(p + "mlp.down_proj.weight", up));
            }
            if (t + 1 < from)
                continue;
            var logits = Product(_weights.ContainsKey("lm_head.weight") ? "lm_head.weight" : "model.embed_tokens.weight",
                Norm(x, "model.norm.weight"));
            var most = logits.Max();
            sum += logits[ids[t + 1]] - most - Math.Log(logits.Sum(v => Math.Exp(v - most)));
        }
        return sum;
    }

    private double[] Norm(double[] x, string name)
    {
        var scale = 1 / Math.Sqrt(x.Sum(v => v * v) / x.Length + _eps);
        return [.. x.Select((v, i) => v * scale * _weights[name][i])];
    }

    private double[] NormHeads(double[] x, string name) => !_weights.ContainsKey(name) ? x
        : [.. Enumerable.Range(0, x.Length / _headDim).SelectMany(h => Norm(x[(h * _headDim)..((h + 1) * _headDim)], name))];

    private double[] Affine(string module, double[] x)
    {
        var y = Product(module + ".weight", x);
        if (_weights.TryGetValue(module + ".bias", out var bias))
            Add(y, bias);
        return y;
    }

    private double[] Product(string name, double[] x)
    {
        var w = _weights[name];
        var y = new double[w.Length / x.Length];
        for (var i = 0; i < y.Length; i++)
            for (var j = 0; j < x.Length; j++)
                y[i] += w[i * x.Length + j] * x[j];
        return y;
    }

    // Halves of a head's dimensions rotate against each other, as in Hugging Face's layout.
    private void Rotate(double[] x, int position)
    {
        for (var head = 0; head < x.Length; head += _headDim)
            for (var i = 0; i < _headDim / 2; i++)
            {
                var (sin, cos) = Math.SinCos(position * Math.Pow(_theta, -2.0 * i / _headDim));
                double a = x[head + i], b = x[head + i + _headDim / 2];
                (x[head + i], x[head + i + _headDim / 2]) = (a * cos - b * sin, b * cos + a * sin);
            }
    }

    private double[] Attend(double[] q, List<double[]> keys, List<double[]> values)
    {
        var result = new double[q.Length];
        for (var h = 0; h < _heads; h++)
        {
            int at = h * _headDim, shared = h / (_heads / _keyValueHeads) * _headDim;
            var scores = new double[keys.Count];
            for (var s = 0; s < scores.Length; s++)
            {
                for (var i = 0; i < _headDim; i++)
                    scores[s] += q[at + i] * keys[s][shared + i];
                scores[s] /= Math.Sqrt(_headDim);
            }
            var most = scores.Max();
            var total = 0.0;
            for (var s = 0; s < scores.Length; s++)
                total += scores[s] = Math.Exp(scores[s] - most);
            for (var s = 0; s < scores.Length; s++)
                for (var i = 0; i < _headDim; i++)
                    result[at + i] += scores[s] / total * values[s][shared + i];
        }
        return result;
    }

    private static void Add(double[] x, double[] y)
    {
        for (var i = 0; i < x.Length; i++)
            x[i] += y[i];
    }
}
