using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Workers;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Sampling;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Sampling;

/// <summary>
/// Continuous batching on one worker: sequences join when they come and leave when they end, each step extends all of
/// them by one token in one pass. The samples of a prompt share its prefill. Token n of a sample is drawn with the n-th
/// number of its seed, so what is drawn does not depend on who else is in the batch.
/// </summary>
public sealed class GenerationEngine(DecoderModel model, int maxPrefillTokens) : IDisposable
{
    // New tokens that a sequence gets room for when it begins: a limit of many more is seldom reached, and the cache grows.
    private const int RoomAhead = 1024;

    private readonly KvCache _cache = new(model.Config, model.Weights.Buffer.Flat.device, model.Kernels);
    private readonly TokenSampler _sampler = new();
    private readonly List<Row> _rows = [];

    /// <summary>Sequences that are being generated.</summary>
    public int Active => _rows.Count;

    /// <summary>Tokens sampled since the engine was made.</summary>
    public long SampledTokens { get; private set; }

    /// <summary>Takes jobs in and draws the first token of every sample.</summary>
    public void Admit(IReadOnlyList<GenerationJob> jobs, long policyVersion)
    {
        foreach (var chunk in WorkShares.Batches([.. Enumerable.Range(0, jobs.Count)], i =>
            jobs[i].Request.Prompt.Length, maxPrefillTokens))
        {
            using var scope = Ops.Scope();
            var requests = Array.ConvertAll(chunk, i => jobs[i].Request);
            var slots = Array.ConvertAll(requests, r => _cache.Take(r.Seeds.Count, r.Prompt.Length + Math.Min(RoomAhead, MaxNewTokens(r))));
            var batch = PackedBatch.Of(Array.ConvertAll(requests, r => (ReadOnlyMemory<int>)r.Prompt));
            var logits = Ops.Floats(Logits(batch, Array.ConvertAll(slots, s => s[0])));
            for (var i = 0; i < chunk.Length; i++)
            {
                _cache.Fork(slots[i][0], slots[i][1..]);
                for (var sample = 0; sample < slots[i].Length; sample++)
                {
                    var row = new Row(jobs[chunk[i]], sample, slots[i][sample], MaxNewTokens(requests[i]), policyVersion);
                    _rows.Add(row);
                    Draw(row, RowOf(logits, i));
                }
            }
        }
        RemoveFinished();
    }

    /// <summary>Extends every sequence by one token; drops those that nobody waits for.</summary>
    public void Step()
    {
        RemoveAbandoned();
        if (_rows.Count == 0)
            return;
        int[] tokens = new int[_rows.Count], slots = new int[_rows.Count], held = new int[_rows.Count];
        for (var i = 0; i < _rows.Count; i++)
            (tokens[i], slots[i], held[i]) = (_rows[i].Ids[^1], _rows[i].Slot, _cache.Length(_rows[i].Slot));
        _cache.Reserve(held.Max() + 1);
        using var scope = Ops.Scope();
        var logits = Ops.Floats(Logits(PackedBatch.Next(tokens, held), slots));
        for (var i = 0; i < _rows.Count; i++)
            Draw(_rows[i], RowOf(logits, i));
        RemoveFinished();
    }

    public void Dispose() => _cache.Dispose();

    // Logits [sequences, vocab] of each sequence's last token, in host memory.
    private Tensor Logits(PackedBatch batch, int[] slots)
    {
        var last = batch.Tokens.Length == batch.Sequences ? null : ScalarReadings.LastRows(batch);
        return Ops.ToHost(model.Logits(model.Hidden(batch, _cache, slots, last)));
    }

    private ReadOnlySpan<float> RowOf(ReadOnlySpan<float> logits, int row) =>
        logits.Slice(row * model.Config.VocabSize, model.Config.VocabSize);

    private void Draw(Row row, ReadOnlySpan<float> logits)
    {
        var (token, logProb) = _sampler.Draw(logits, row.Job.Request.Options, CounterRandom.Uniform(row.Seed, (ulong)row.Ids.Count));
        row.Ids.Add(token);
        row.LogProbs.Add(logProb);
        row.Job.Drawn(token);
        SampledTokens++;
        var stopped = model.Config.EosTokenIds.Contains(token);
        if (!stopped && row.Ids.Count < row.MaxNewTokens)
            return;
        row.IsDone = true;
        row.Job.Finish(row.Sample, new SampledSequence([.. row.Ids], [.. row.LogProbs], stopped ? FinishReason.Stop : FinishReason.Length,
            row.Seed, row.PolicyVersion));
    }

    private void RemoveAbandoned()
    {
        var found = false;
        foreach (var row in _rows)
            if (row.Job.IsAbandoned)
            {
                row.Job.Abandon();
                row.IsDone = found = true;
            }
        if (found)
            RemoveFinished();
    }

    private void RemoveFinished()
    {
        foreach (var row in _rows)
            if (row.IsDone)
                _cache.GiveBack(row.Slot);
        _rows.RemoveAll(static r => r.IsDone);
    }

    // A prompt and its samples never outgrow the positions that the model knows.
    private int MaxNewTokens(SamplePrompt prompt) =>
        Math.Min(model.Config.MaxPositionEmbeddings - prompt.Prompt.Length, prompt.Options.MaxNewTokens);

    private sealed class Row(GenerationJob job, int sample, int slot, int maxNewTokens, long policyVersion)
    {
        public GenerationJob Job { get; } = job;
        public int Sample { get; } = sample;
        public ulong Seed { get; } = job.Request.Seeds[sample];
        public int Slot { get; } = slot;
        public int MaxNewTokens { get; } = maxNewTokens;
        public long PolicyVersion { get; } = policyVersion;
        public List<int> Ids { get; } = [];
        public List<float> LogProbs { get; } = [];
        public bool IsDone { get; set; }
    }
}
