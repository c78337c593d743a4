using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Modeling.Decoders;

/// <summary>The four matrix products of a layer; projections that share an input are fused into one.</summary>
public enum FusedProjection { Qkv, Output, GateUp, Down }

/// <summary>One of the seven projections of a layer and its rows in the fused matrix.</summary>
/// <param name="Module">Its name in a checkpoint and in an adapter's <c>target_modules</c>.</param>
/// <param name="Block">The block of the layer it belongs to, <c>self_attn</c> or <c>mlp</c>.</param>
/// <param name="Start">Its first row in the fused matrix.</param>
public sealed record Projection(string Module, string Block, FusedProjection Fused, int Start, int Outputs, int Inputs)
{
    public static IReadOnlyList<string> Modules => LoraTargets.Modules;

    /// <summary>Its name in the model.</summary>
    public string NameIn(int layer) => TensorNames.Module(layer, this);

    /// <summary>Whether a target means the projection of a name: that name, or the end of it from a dot on.</summary>
    public static bool Means(string target, string name) =>
        name.EndsWith(target, StringComparison.Ordinal) && (name.Length == target.Length || name[name.Length - target.Length - 1] == '.');

    public bool IsNamed(int layer, string target) => Means(target, NameIn(layer));

    public static IReadOnlyList<Projection> All(DecoderConfig config)
    {
        int hidden = config.HiddenSize, inner = config.IntermediateSize, q = config.Heads.QueryWidth, kv = config.Heads.KeyValueWidth;
        return
        [
            new("q_proj", "self_attn", FusedProjection.Qkv, 0, q, hidden),
            new("k_proj", "self_attn", FusedProjection.Qkv, q, kv, hidden),
            new("v_proj", "self_attn", FusedProjection.Qkv, q + kv, kv, hidden),
            new("o_proj", "self_attn", FusedProjection.Output, 0, hidden, q),
            new("gate_proj", "mlp", FusedProjection.GateUp, 0, inner, hidden),
            new("up_proj", "mlp", FusedProjection.GateUp, inner, inner, hidden),
            new("down_proj", "mlp", FusedProjection.Down, 0, hidden, inner),
        ];
    }
}
