using System.Numerics.Tensors;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Judging;

namespace SelfJudge.Modeling.Learning;

/// <summary>Reads the judge tokens' probabilities off a model: one forward pass over what the prompts do not share, one position per
/// prompt.</summary>
public static class JudgeTokens
{
    /// <summary>p_A and p_B after each prompt, over the full vocabulary (section 3.1).</summary>
    public static JudgeProbabilities[] Probabilities(
        DecoderModel model, IReadOnlyList<EncodedJudgePrompt> prompts, CachedPrefixes? prefixes = null)
    {
        var shared = new SharedBatch([.. prompts.Select(p => (ReadOnlyMemory<int>)p.Ids)], prefixes);
        var logits = Ops.ToHost(model.Logits(model.HiddenOf(shared.Batch, shared.LastRows)));
        var values = Ops.Floats(logits);
        var vocabulary = model.Config.VocabSize;
        for (var i = 0; i < shared.LastRows.Length; i++)
        {
            var row = values.Slice(i * vocabulary, vocabulary);
            TensorPrimitives.SoftMax(row, row);
        }
        var result = new JudgeProbabilities[prompts.Count];
        for (var i = 0; i < prompts.Count; i++)
        {
            var row = values.Slice(shared.Readings[i] * vocabulary, vocabulary);
            result[i] = new JudgeProbabilities(row[prompts[i].TokenA], row[prompts[i].TokenB]);
        }
        return result;
    }
}
