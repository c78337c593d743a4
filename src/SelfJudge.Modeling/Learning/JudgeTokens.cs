using System.Numerics.Tensors;
using SelfJudge.Modeling.Llama;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Judging;

namespace SelfJudge.Modeling.Learning;

/// <summary>Reads the judge tokens' probabilities off a model: one forward pass, one position per prompt.</summary>
public static class JudgeTokens
{
    /// <summary>p_A and p_B after each prompt, over the full vocabulary (section 3.1).</summary>
    public static JudgeProbabilities[] Probabilities(LlamaModel model, IReadOnlyList<EncodedJudgePrompt> prompts)
    {
        var batch = PackedBatch.Of([.. prompts.Select(p => (ReadOnlyMemory<int>)p.Ids)]);
        var hidden = model.Hidden(batch);
        var last = Ops.Rows(hidden, Ops.FromArray(ScalarReadings.LastRows(batch), hidden.device));
        var logits = Ops.ToHost(model.Logits(last));
        var result = new JudgeProbabilities[prompts.Count];
        var row = new float[model.Config.VocabSize];
        for (var i = 0; i < prompts.Count; i++)
        {
            TensorPrimitives.SoftMax(Ops.Floats(logits).Slice(i * row.Length, row.Length), row);
            result[i] = new JudgeProbabilities(row[prompts[i].TokenA], row[prompts[i].TokenB]);
        }
        return result;
    }
}
