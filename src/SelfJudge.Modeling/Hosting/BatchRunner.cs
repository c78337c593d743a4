using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Workers;

namespace SelfJudge.Modeling.Hosting;

/// <summary>
/// Computes batches: divides each among the workers, and hands its results, or its failure, to whoever asked for them. Used by
/// the device thread alone.
/// </summary>
internal sealed class BatchRunner(ModelHostOptions options, HostDevice device, ModelStore store, HostMeter meter) : IDisposable
{
    // What the model that was read last has read, until weights may change or another model is read.
    private (HostedModel Model, PrefixCache Cache)? _prefixes;

    /// <summary>Among which batches are divided.</summary>
    public WorkerPool Workers { get; } = new(device.Workers);

    /// <summary>Tokens that are held of what was read last.</summary>
    public int HeldTokens => _prefixes?.Cache.Count ?? 0;

    /// <summary>Divides the samples that begin among the lanes of their model.</summary>
    public void Admit(Admission admission)
    {
        var work = admission.Work;
        if (store.TryFind(admission.Model) is not { } hosted)
        {
            foreach (var w in work)
                w.Fail(new UnknownModelException(options.Name, w.Model));
            return;
        }
        var tokens = work.Select(w => (int)Math.Min(int.MaxValue, (long)w.Job.Request.Prompt.Length * w.Job.Request.Seeds.Count));
        var shares = WorkShares.Balance([.. tokens], Workers.Count);
        // A single request goes to the worker with the least to do.
        var order = Enumerable.Range(0, Workers.Count).OrderBy(i => hosted.Lanes[i].Load).ToArray();
        for (var i = 0; i < shares.Length; i++)
            foreach (var index in shares[i])
                hosted.Lanes[order[i]].Add(work[index].Job);
    }

    /// <summary>Advances all that generates by a slice of tokens.</summary>
    public void Generate()
    {
        store.PackGenerating(Workers, (hosted, failure) =>
        {
            foreach (var lane in hosted.Lanes)
                lane.Fail(Told(failure, WorkKind.Sampling, hosted.Id));
        });
        var sampled = new long[Workers.Count];
        Workers.Run(worker =>
        {
            foreach (var model in store.Models)
            {
                var maxActive = Math.Min(options.MaxActiveSequences, model.MaxActiveSequences);
                sampled[worker] += model.Lanes[worker].Run(options.SliceTokens, maxActive, model.Version,
                    e => Told(e, WorkKind.Sampling, model.Id));
            }
        });
        meter.AddSampled(sampled.Sum());
    }

    /// <summary>Runs a batch of readings.</summary>
    public void Read(Reading reading)
    {
        if (reading.Work[0] is JudgeWork)
            Read([.. reading.Work.Cast<JudgeWork>()], p => p.Ids, JudgeTokens.Probabilities);
        else
            Read([.. reading.Work.Cast<RewardWork>()], s => s.Ids(), ScalarReadings.Rewards);
    }

    /// <summary>log π(response | prompt) of each sequence, in nats.</summary>
    public double[] LogProbs(DecoderModel model, IReadOnlyList<ResponseSequence> sequences)
    {
        var lengths = sequences.Select(s => s.Prompt.Length + s.Response.Length).ToArray();
        if (lengths.DefaultIfEmpty().Max() is var longest && longest > model.Config.MaxPositionEmbeddings)
        {
            var rotary = new RotaryTable(RotaryFrequencies.Compute(model.Config), longest);
            model = new DecoderModel(model.Weights, model.Adapter, model.Kernels, rotary);
        }
        var result = new double[sequences.Count];
        var shares = WorkShares.Balance(lengths, Workers.Count);
        Workers.Run(worker =>
        {
            foreach (var batch in WorkShares.Batches(shares[worker], i => lengths[i], options.MaxForwardTokens))
            {
                using var scope = Ops.Scope();
                var responses = new ResponseBatch([.. batch.Select(i => (sequences[i].Prompt, sequences[i].Response))]);
                var hidden = model.Hidden(responses.Batch);
                var sums = responses.Sums(TokenLogProbs.Forward(model, hidden, responses.Rows, responses.Targets));
                foreach (var (i, sum) in batch.Zip(sums))
                    result[i] = sum;
            }
        });
        return result;
    }

    /// <summary>Runs what is to run alone, once what was made from weights that it may change is given back.</summary>
    public void RunAlone(ExclusiveWork work)
    {
        try
        {
            store.ReleasePacked();
            ReleasePrefixes();
            using var scope = Ops.Scope();
            work.Run();
        }
#pragma warning disable CA1031 // Whoever asked for it gets the failure.
        catch (Exception e)
#pragma warning restore CA1031
        {
            work.Fail(Told(e, work.Kind, work.Model));
        }
    }

    /// <summary>Lets go of what is held of what was read last.</summary>
    public void ReleasePrefixes()
    {
        _prefixes?.Cache.Dispose();
        _prefixes = null;
    }

    /// <summary>Ends the workers.</summary>
    public void Dispose() => Workers.Dispose();

    private void Read<TItem, TResult>(List<ReadWork<TItem, TResult>> work, Func<TItem, int[]> ids,
        Func<DecoderModel, IReadOnlyList<TItem>, CachedPrefixes?, TResult[]> read)
    {
        foreach (var cancelled in work.Where(w => w.Cancellation.IsCancellationRequested))
            cancelled.Completion.TrySetCanceled(cancelled.Cancellation);
        try
        {
            var items = work.SelectMany(w => w.Items).ToList();
            ReadOnlyMemory<int>[] sequences = [.. items.Select(i => (ReadOnlyMemory<int>)ids(i))];
            var (hosted, order) = (store.Find(work[0].Model), new PrefixOrder(sequences));
            var prefixes = PrefixesOf(hosted) is { } cache ? new CachedPrefixes(cache, cache.Place(sequences, order)) : null;
            var results = ReadShared(hosted.Model, items, prefixes is null ? order : order.With(prefixes.Of), prefixes, read);
            meter.AddJudged(items.Count, order.Lengths.Sum());
            var at = 0;
            foreach (var w in work)
            {
                w.Completion.TrySetResult(results[at..(at + w.Items.Count)]);
                at += w.Items.Count;
            }
        }
#pragma warning disable CA1031 // Whoever asked for the readings gets the failure.
        catch (Exception e)
#pragma warning restore CA1031
        {
            ReleasePrefixes(); // some of what was placed may not have been computed
            var told = Told(e, WorkKind.Judging, work[0].Model);
            work.ForEach(w => w.Fail(told));
        }
    }

    private TResult[] ReadShared<TItem, TResult>(DecoderModel model, List<TItem> items, PrefixOrder order, CachedPrefixes? prefixes,
        Func<DecoderModel, IReadOnlyList<TItem>, CachedPrefixes?, TResult[]> read)
    {
        var results = new TResult[items.Count];
        var shares = WorkShares.Balance(order, Workers.Count);
        Workers.Run(worker =>
        {
            foreach (var batch in WorkShares.Batches(order, shares[worker], options.MaxForwardTokens))
            {
                using var scope = Ops.Scope();
                var indices = order.Items[batch];
                var held = prefixes is null ? null : new CachedPrefixes(prefixes.Cache, Array.ConvertAll(indices, i => prefixes.Of[i]));
                foreach (var (i, result) in indices.Zip(read(model, Array.ConvertAll(indices, i => items[i]), held)))
                    results[i] = result;
            }
        });
        return results;
    }

    // On a CPU a row has the same bits whatever is held of its sequence; on a GPU results would depend on what was read before.
    private PrefixCache? PrefixesOf(HostedModel hosted)
    {
        if (!device.IsCpu)
            return null;
        if (_prefixes is not { } held || held.Model != hosted)
        {
            ReleasePrefixes();
            _prefixes = held = (hosted, new PrefixCache(hosted.Model.Config, options.PrefixCacheBytes));
        }
        return held.Cache;
    }

    // Whoever asked for a piece of work gets its failure, and the host goes on.
    private Exception Told(Exception failure, WorkKind kind, string model) => HostMemory.Told(failure, options.Name, kind, model);
}
