using SelfJudge.Abstractions;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.World;

namespace SelfJudge.Runs.Judging;

/// <summary>Wire types to a model host's, and the way to call a host that may be busy.</summary>
internal static class HostCalls
{
    private const int Attempts = 8;

    /// <summary>Tries again, ever later, while the host's queue is full. After eight refusals, some thirteen seconds, the refusal is the
    /// caller's.</summary>
    public static async Task<T> WithBackOff<T>(TimeProvider time, Func<Task<T>> call, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
            try
            {
                return await call();
            }
            catch (HostBusyException) when (attempt < Attempts)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100 * Math.Pow(2, attempt - 1)), time, cancellation);
            }
    }

    public static ModelSource ToSource(this ModelReference model) =>
        new(model.Folder, model.Initial?.ToInitialModel(), model.BaseId, model.DialogueTemplate, model.MaxLength, model.MaxActiveSequences);

    private static InitialModel ToInitialModel(this InitialModelSettings s) => new(new DecoderConfig
    {
        VocabSize = Vocabulary.Words.Count,
        HiddenSize = s.HiddenSize,
        IntermediateSize = s.IntermediateSize,
        NumHiddenLayers = s.Layers,
        NumAttentionHeads = s.Heads,
        NumKeyValueHeads = s.KeyValueHeads,
        HeadDim = s.HiddenSize / s.Heads,
        MaxPositionEmbeddings = s.MaxPositions,
        TieWordEmbeddings = true,
        InitializerRange = s.InitializerRange,
        EosTokenIds = [0], // the vocabulary's first word is the end token
    }, s.Seed, WorldTokenizer.Create());
}
