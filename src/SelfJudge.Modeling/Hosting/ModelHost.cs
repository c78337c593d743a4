using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Llama;
using SelfJudge.Modeling.Native;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Modeling.Workers;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Templates;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Hosting;

/// <summary>
/// One thread owns the device and does all tensor work on it: it loads, samples, judges and trains, and divides each
/// batch among the workers of a CPU. Requests that wait together are run together; generation runs in slices of a few
/// tokens, so that judging, training and new prompts get in between.
/// </summary>
public sealed class ModelHost : IModelHost, IDisposable
{
    private readonly ModelHostOptions _options;
    private readonly TimeProvider _time;
    private readonly BlockingCollection<HostWork> _queue;
    private readonly ConcurrentDictionary<string, HostedModel> _models = new(StringComparer.Ordinal);
    private readonly Thread _thread;
    private readonly CancellationTokenSource _stopping = new();
    private readonly HostMeter _meter;
    private readonly Device _device;
    private readonly ScalarType _frozenType;
    private readonly IKernels _kernels;

    // Below here: the device thread's alone.
    private readonly WorkerPool _workers;
    private readonly CohortGathering _cohorts;
    private readonly List<Batch> _pending = [];

    // Models whose matrices are ready for generation. Weights change by exclusive work alone, before which they are given back.
    private readonly List<HostedModel> _prepared = [];

    // What the model that was read last has read, until weights may change or another model is read.
    private (HostedModel Model, PrefixCache Cache)? _prefixes;

    public ModelHost(ModelHostOptions options, TimeProvider? time = null)
    {
        _options = options;
        var device = TorchDevices.Resolve(options.Device);
        if (WeightDtypes.Problem(options.Dtype, device) is { } problem)
            throw new DeviceException($"dtype {options.Dtype}: {problem}");
        var rounds = options.Dtype == WeightDtype.Rounded;
        Device = rounds ? $"{device}, {WeightDtypes.Rounding}" : device;
        _time = time ?? TimeProvider.System;
        _queue = new BlockingCollection<HostWork>(options.QueueCapacity);
        _meter = new HostMeter(_time);
        _cohorts = new CohortGathering(options.CohortTimeout, _time);
        TorchRuntime.EnsureLoaded();
        _device = Ops.DeviceNamed(device);
        var isCpu = device == TorchDevices.Cpu;
        _frozenType = rounds || options.Dtype == WeightDtype.BFloat16 || options.Dtype == WeightDtype.Auto && !isCpu ? ScalarType.BFloat16 : ScalarType.Float32;
        _kernels = options.Kernels ?? (rounds ? CpuKernels.Rounding : isCpu ? CpuKernels.Instance : TorchKernels.Instance);
        _workers = new WorkerPool(isCpu ? options.Workers : 1);
        _thread = new Thread(Loop) { IsBackground = true, Name = $"model host {options.Name}" };
        _thread.Start();
    }

    public string Name => _options.Name;

    public string Device { get; }

    public HostStatus Status => _meter.Status(_queue.Count, [.. _models.Keys.Order(StringComparer.Ordinal)]);

    public int Workers => _workers.Count;

    public ModelDescription DescriptionOf(string model) => Find(model).Description;

    public PromptEncoder EncoderOf(string model) => Find(model).Encoder;

    public long VersionOf(string model) => Find(model).Version;

    public Task LoadAsync(string model, ModelSource source, CancellationToken cancellation) => RunExclusive(model, () =>
    {
        if (!_models.ContainsKey(model))
            _models[model] = Load(model, source).Within(source.MaxLength, source.MaxActiveSequences);
        return true;
    });

    public Task UnloadAsync(string model) => RunExclusive(model, () =>
    {
        if (_models.TryRemove(model, out var hosted))
            hosted.Dispose();
        return true;
    });

    public Task<SampledSequence[]> SampleAsync(string model, SamplePrompt prompt, Cohort? cohort, CancellationToken cancellation) =>
        Sample(model, prompt, cohort, null, cancellation);

    public async IAsyncEnumerable<int> StreamAsync(string model, SamplePrompt prompt, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (prompt.Seeds.Count != 1)
            throw new ArgumentException($"a stream is of one sample; asked for are {prompt.Seeds.Count}");
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var tokens = Channel.CreateUnbounded<int>(); // bounded by the length that is asked for
        var sampled = Sample(model, prompt, null, token => tokens.Writer.TryWrite(token), abandoned.Token);
        _ = sampled.ContinueWith(s => tokens.Writer.TryComplete(s.Exception?.InnerException), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            await foreach (var token in tokens.Reader.ReadAllAsync(cancellation))
                yield return token;
        }
        finally
        {
            // Whoever stops reading wants no more.
            await abandoned.CancelAsync();
        }
    }

    private Task<SampledSequence[]> Sample(string model, SamplePrompt prompt, Cohort? cohort, Action<int>? onToken, CancellationToken cancellation)
    {
        var hosted = Find(model);
        if (prompt.Options.Problem() is { } problem)
            throw new ArgumentException(problem);
        if (prompt.Seeds.Count == 0)
            throw new ArgumentException("no sample is asked for: a prompt is sampled once for each seed");
        if (prompt.Prompt.Length is 0 || prompt.Prompt.Length >= hosted.Model.Config.MaxPositionEmbeddings)
            throw new ArgumentException($"the prompt has {prompt.Prompt.Length} tokens; model '{model}' takes 1 to {hosted.Model.Config.MaxPositionEmbeddings - 1} and needs room for an answer");
        CheckTokens(hosted, "the prompt", prompt.Prompt);
        var job = new GenerationJob(prompt, cancellation, onToken);
        Enqueue(new GenerateWork(model, job, cohort));
        return job.Result;
    }

    public Task<JudgeProbabilities[]> JudgeAsync(string model, IReadOnlyList<EncodedJudgePrompt> prompts, Cohort? cohort, CancellationToken cancellation)
    {
        var hosted = Find(model);
        foreach (var (i, p) in prompts.Index())
        {
            CheckLength(hosted, $"judge prompt {i}", p.Ids.Length);
            CheckTokens(hosted, $"judge prompt {i}", [.. p.Ids, p.TokenA, p.TokenB]);
        }
        var completion = new TaskCompletionSource<JudgeProbabilities[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        Enqueue(new JudgeWork(model, prompts, completion, cohort, cancellation));
        return completion.Task;
    }

    public Task<double[]> RewardsAsync(string model, IReadOnlyList<ResponseSequence> sequences, Cohort? cohort, CancellationToken cancellation)
    {
        var hosted = Find(model);
        if (hosted.Model.Score is null)
            throw new ArgumentException($"model '{model}' has no scalar head: it is no reward model");
        foreach (var (i, s) in sequences.Index())
        {
            CheckLength(hosted, $"sequence {i}", s.Prompt.Length + s.Response.Length);
            CheckTokens(hosted, $"sequence {i}", [.. s.Prompt, .. s.Response]);
        }
        var completion = new TaskCompletionSource<double[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        Enqueue(new RewardWork(model, sequences, completion, cohort, cancellation));
        return completion.Task;
    }

    public Task<double[]> LogProbsAsync(string model, IReadOnlyList<ResponseSequence> sequences, CancellationToken cancellation)
    {
        var hosted = Find(model);
        foreach (var (i, s) in sequences.Index())
        {
            if (s.Prompt.Length == 0)
                throw new ArgumentException($"sequence {i}: a response needs a prompt of at least one token: nothing else predicts its first token");
            CheckTokens(hosted, $"sequence {i}", [.. s.Prompt, .. s.Response]);
        }
        return RunExclusive(model, () => cancellation.IsCancellationRequested ? throw new OperationCanceledException(cancellation) : LogProbs(Find(model).Model, sequences));
    }

    public Task<IPolicyTraining> OpenTrainingAsync(TrainingSpec spec, CancellationToken cancellation) => RunExclusive<IPolicyTraining>(spec.Policy, () =>
    {
        var from = Find(spec.From);
        var reference = spec.Reference is null ? null : Find(spec.Reference);
        if (_models.TryRemove(spec.Policy, out var earlier))
            earlier.Dispose();
        var hosted = NewPolicy(spec, from).Within(from.Encoder.MaxLength, from.MaxActiveSequences);
        _models[spec.Policy] = hosted;
        return new PolicyTraining(this, hosted, reference?.Weights.Use(), new PolicyTrainer(hosted.Model, reference?.Model, _workers, spec.Optimizer), hosted.Model.Adapter?.Config);
    });

    public Task SaveAsync(string model, string folder, string baseModelName) => RunExclusive(model, () =>
    {
        // A value head serves its training only: what is left of it is a language model.
        var hosted = Find(model);
        IReadOnlyList<NamedArray> Saved(FlatBuffer buffer) => hosted.HasValueHead ? [.. buffer.ToArrays().Where(a => a.Name is not (ParameterLayout.Score or ParameterLayout.AdapterScore))] : buffer.ToArrays();
        if (hosted.Model.Adapter is { } adapter)
            AdapterFolder.Write(folder, adapter.Config with { ScalarHead = adapter.Config.ScalarHead && !hosted.HasValueHead }, baseModelName, Saved(adapter.Buffer));
        else
            ModelFolder.Write(folder, hosted.Model.Config with { ScalarHead = hosted.Model.Config.ScalarHead && !hosted.HasValueHead }, Saved(hosted.Model.Weights.Buffer), hosted.Encoder.Tokenizer);
        return true;
    });

    /// <summary>Ends what is running, refuses what is waiting, and frees every model.</summary>
    public void Dispose()
    {
        if (_stopping.IsCancellationRequested)
            return;
        _stopping.Cancel();
        _thread.Join();
        _workers.Dispose();
        _queue.Dispose();
        _stopping.Dispose();
    }

    internal Task<T> RunExclusive<T>(string model, Func<T> body, bool isTraining = false)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Enqueue(new ExclusiveWork(model, () => completion.TrySetResult(body()), e => completion.TrySetException(e), isTraining));
        return completion.Task;
    }

    /// <summary>
    /// After its last step a model is one of those that are not trained: as it would be if it were loaded from its folder,
    /// at version 0 and, where it was trained whole, in their type, so that a resumed run has what an uninterrupted one has.
    /// </summary>
    internal void Freeze(HostedModel trained)
    {
        trained.Version = 0;
        if (trained.Model.Adapter is not null || _frozenType == ScalarType.Float32 || !_models.TryGetValue(trained.Id, out var hosted) || hosted != trained)
            return;
        var weights = new SharedWeights(trained.Model.Weights.Clone(_frozenType));
        _models[trained.Id] = NewModel(trained.Id, weights, null, trained.Encoder.Tokenizer, trained.Encoder.Dialogue);
        trained.Dispose();
    }

    internal HostMeter Meter => _meter;

    internal HostedModel Find(string model) => _models.TryGetValue(model, out var hosted) ? hosted : throw new UnknownModelException(Name, model);

    // What a request asks for is looked at before it is batched with others', which would fail with it.
    private static void CheckTokens(HostedModel hosted, string what, ReadOnlySpan<int> ids)
    {
        var vocabulary = hosted.Model.Config.VocabSize;
        if (IndexCheck.FirstOutside(ids, vocabulary) is { } id)
            throw new ArgumentException($"{what}: the token {id} is not in the vocabulary of {vocabulary}");
    }

    private static void CheckLength(HostedModel hosted, string what, int tokens)
    {
        if (tokens < 1 || tokens > hosted.Model.Config.MaxPositionEmbeddings)
            throw new ArgumentException($"{what} has {tokens} tokens; model '{hosted.Id}' takes 1 to {hosted.Model.Config.MaxPositionEmbeddings}");
    }

    private void Enqueue(HostWork work)
    {
        ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, this);
        if (!_queue.TryAdd(work))
            throw new HostBusyException(Name, _options.QueueCapacity);
    }

    private void Loop()
    {
        TorchRuntime.UseOneThread();
        while (!_stopping.IsCancellationRequested)
        {
            Receive();
            _cohorts.FailOverdue();
            var (readings, exclusive) = Dispatch();
            foreach (var batch in readings)
                _meter.Measure(WorkKind.Judging, () =>
                {
                    if (batch[0] is JudgeWork)
                        Read([.. batch.Cast<JudgeWork>()], p => p.Ids, JudgeTokens.Probabilities);
                    else
                        Read([.. batch.Cast<RewardWork>()], s => s.Ids(), ScalarReadings.Rewards);
                });
            if (_models.Values.Any(m => m.IsGenerating))
                _meter.Measure(WorkKind.Sampling, Generate);
            if (exclusive is not null)
                _meter.Measure(exclusive.IsTraining ? WorkKind.Training : WorkKind.Other, () => RunOne(exclusive));
        }
        Shutdown();
    }

    // Blocks while there is nothing to do. The first request after a pause is given company: others that come within
    // the batch window join its batch.
    private void Receive()
    {
        var idle = _pending.Count == 0 && !_models.Values.Any(m => m.IsGenerating);
        try
        {
            if (idle && _queue.TryTake(out var first, _cohorts.IsEmpty ? Timeout.Infinite : 1000, _stopping.Token))
            {
                Accept(first);
                var since = _time.GetTimestamp();
                while (_pending.Exists(b => !b.IsCohort && b.Work[0] is not ExclusiveWork) && _options.BatchWindow - _time.GetElapsedTime(since) is { Ticks: > 0 } left)
                    if (_queue.TryTake(out var next, left))
                        Accept(next);
            }
            while (_queue.TryTake(out var more))
                Accept(more);
        }
        catch (OperationCanceledException)
        {
            // The host is stopping; the loop sees it.
        }
    }

    private void Accept(HostWork work)
    {
        if (_cohorts.Add(work) is { } batch)
            _pending.Add(batch);
    }

    /// <summary>Hands generations to their lanes, and picks what else can run now. Batches on one model stay in order around exclusive work and cohorts.</summary>
    private (List<List<ReadWork>> Readings, ExclusiveWork? Exclusive) Dispatch()
    {
        var held = new HashSet<string>(StringComparer.Ordinal);
        var cohorts = new List<List<ReadWork>>();
        var joint = new Dictionary<(string Model, Type Kind), List<ReadWork>>();
        ExclusiveWork? exclusive = null;
        var waiting = new List<Batch>();
        foreach (var batch in _pending)
        {
            var generating = _models.TryGetValue(batch.Model, out var hosted) && hosted.IsGenerating;
            var mustWait = held.Contains(batch.Model) || batch.Work[0] switch
            {
                ExclusiveWork => exclusive is not null || generating || joint.Keys.Any(k => k.Model == batch.Model),
                GenerateWork => batch.IsCohort && generating,
                _ => false,
            };
            if (mustWait)
            {
                held.Add(batch.Model);
                waiting.Add(batch);
                continue;
            }
            switch (batch.Work[0])
            {
                case ExclusiveWork work:
                    exclusive = work;
                    held.Add(batch.Model);
                    break;
                case GenerateWork:
                    AddToLanes(hosted, [.. batch.Work.Cast<GenerateWork>()]);
                    if (batch.IsCohort)
                        held.Add(batch.Model);
                    break;
                case ReadWork when batch.IsCohort:
                    cohorts.Add([.. batch.Work.Cast<ReadWork>()]);
                    break;
                case ReadWork work:
                    if (!joint.TryGetValue((batch.Model, work.GetType()), out var together))
                        joint[(batch.Model, work.GetType())] = together = [];
                    together.Add(work);
                    break;
            }
        }
        _pending.Clear();
        _pending.AddRange(waiting);
        cohorts.AddRange(joint.Values);
        return (cohorts, exclusive);
    }

    private void AddToLanes(HostedModel? hosted, List<GenerateWork> work)
    {
        foreach (var w in work.Where(_ => hosted is null))
            w.Fail(new UnknownModelException(Name, w.Model));
        if (hosted is null)
            return;
        var shares = WorkShares.Balance([.. work.Select(w => (int)Math.Min(int.MaxValue, (long)w.Job.Request.Prompt.Length * w.Job.Request.Seeds.Count))], _workers.Count);
        // A single request goes to the worker with the least to do.
        var order = Enumerable.Range(0, _workers.Count).OrderBy(i => hosted.Lanes[i].Load).ToArray();
        for (var i = 0; i < shares.Length; i++)
            foreach (var index in shares[i])
                hosted.Lanes[order[i]].Add(work[index].Job);
    }

    private void Generate()
    {
        Prepare();
        var sampled = new long[_workers.Count];
        _workers.Run(worker =>
        {
            foreach (var model in _models.Values)
                sampled[worker] += model.Lanes[worker].Run(_options.SliceTokens, Math.Min(_options.MaxActiveSequences, model.MaxActiveSequences),
                    model.Version, e => Told(e, WorkKind.Sampling, model.Id));
        });
        _meter.AddSampled(sampled.Sum());
    }

    // Whoever asked for a piece of work gets its failure, and the host goes on.
    private Exception Told(Exception failure, WorkKind kind, string model) => HostMemory.Told(failure, Name, kind, model);

    // Only what generates now is kept ready: a host of many models does not hold two copies of each.
    private void Prepare()
    {
        List<HostedModel> generating = [.. _models.Values.Where(m => m.IsGenerating)];
        if (generating.TrueForAll(_prepared.Contains))
            return;
        ReleasePrepared();
        foreach (var hosted in generating)
        {
            try
            {
                _workers.Run(worker => hosted.Model.Prepare(worker, _workers.Count));
                _prepared.Add(hosted);
            }
#pragma warning disable CA1031 // Whoever asked for the samples gets the failure.
            catch (Exception e)
#pragma warning restore CA1031
            {
                hosted.Model.Release(); // what was half ready
                foreach (var lane in hosted.Lanes)
                    lane.Fail(Told(e, WorkKind.Sampling, hosted.Id));
            }
        }
    }

    private void ReleasePrepared()
    {
        foreach (var hosted in _prepared)
            hosted.Model.Release();
        _prepared.Clear();
    }

    private void Read<TItem, TResult>(List<ReadWork<TItem, TResult>> work, Func<TItem, int[]> ids,
        Func<LlamaModel, IReadOnlyList<TItem>, CachedPrefixes?, TResult[]> read)
    {
        foreach (var cancelled in work.Where(w => w.Cancellation.IsCancellationRequested))
            cancelled.Completion.TrySetCanceled(cancelled.Cancellation);
        try
        {
            var items = work.SelectMany(w => w.Items).ToList();
            ReadOnlyMemory<int>[] sequences = [.. items.Select(i => (ReadOnlyMemory<int>)ids(i))];
            var (hosted, order) = (Find(work[0].Model), new PrefixOrder(sequences));
            var prefixes = PrefixesOf(hosted) is { } cache ? new CachedPrefixes(cache, cache.Place(sequences, order)) : null;
            var results = ReadShared(hosted.Model, items, prefixes is null ? order : order.With(prefixes.Of), prefixes, read);
            _meter.AddJudged(items.Count, order.Lengths.Sum());
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

    // On a CPU a row has the same bits whatever is held of its sequence; on a GPU results would depend on what was read before.
    private PrefixCache? PrefixesOf(HostedModel hosted)
    {
        if (Device != TorchDevices.Cpu)
            return null;
        if (_prefixes is not { } held || held.Model != hosted)
        {
            ReleasePrefixes();
            _prefixes = held = (hosted, new PrefixCache(hosted.Model.Config, _options.PrefixCacheBytes));
        }
        return held.Cache;
    }

    /// <summary>Tokens that are held of what was read last.</summary>
    internal int HeldTokens => _prefixes?.Cache.Count ?? 0;

    private void ReleasePrefixes()
    {
        _prefixes?.Cache.Dispose();
        _prefixes = null;
    }

    private TResult[] ReadShared<TItem, TResult>(LlamaModel model, List<TItem> items, PrefixOrder order, CachedPrefixes? prefixes,
        Func<LlamaModel, IReadOnlyList<TItem>, CachedPrefixes?, TResult[]> read)
    {
        var results = new TResult[items.Count];
        var shares = WorkShares.Balance(order, _workers.Count);
        _workers.Run(worker =>
        {
            foreach (var batch in WorkShares.Batches(order, shares[worker], _options.MaxForwardTokens))
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

    private double[] LogProbs(LlamaModel model, IReadOnlyList<ResponseSequence> sequences)
    {
        var lengths = sequences.Select(s => s.Prompt.Length + s.Response.Length).ToArray();
        if (lengths.DefaultIfEmpty().Max() is var longest && longest > model.Config.MaxPositionEmbeddings)
            model = new LlamaModel(model.Weights, model.Adapter, model.Kernels, new RotaryTable(RotaryFrequencies.Compute(model.Config), longest));
        var result = new double[sequences.Count];
        var shares = WorkShares.Balance(lengths, _workers.Count);
        _workers.Run(worker =>
        {
            foreach (var batch in WorkShares.Batches(shares[worker], i => lengths[i], _options.MaxForwardTokens))
            {
                using var scope = Ops.Scope();
                var responses = new ResponseBatch([.. batch.Select(i => (sequences[i].Prompt, sequences[i].Response))]);
                var sums = responses.Sums(TokenLogProbs.Forward(model, model.Hidden(responses.Batch), responses.Rows, responses.Targets));
                foreach (var (i, sum) in batch.Zip(sums))
                    result[i] = sum;
            }
        });
        return result;
    }

    private void RunOne(ExclusiveWork work)
    {
        try
        {
            ReleasePrepared();
            ReleasePrefixes();
            using var scope = Ops.Scope();
            work.Run();
        }
#pragma warning disable CA1031 // Whoever asked for it gets the failure.
        catch (Exception e)
#pragma warning restore CA1031
        {
            work.Fail(Told(e, work.IsTraining ? WorkKind.Training : WorkKind.Other, work.Model));
        }
    }

    private HostedModel Load(string id, ModelSource source)
    {
        var dialogue = DialogueTemplate.ByName(source.DialogueTemplate);
        if (source.Initial is { } initial)
            return NewModel(id, new SharedWeights(LlamaWeights.Random(initial.Config, initial.Seed, _device, _frozenType)), null, initial.Tokenizer, dialogue);
        var folder = source.Folder ?? throw new ArgumentException($"model '{id}': neither a folder nor an initial model is given");
        if (source.Base is { } baseId)
        {
            var @base = Find(baseId);
            if (@base.Model.Adapter is not null)
                throw new ArgumentException($"model '{id}': '{baseId}' is an adapter itself; an adapter stands on whole weights");
            return NewModel(id, @base.Weights, AdapterFolder.Read(folder, @base.Model.Config, _device), @base.Encoder.Tokenizer, dialogue);
        }
        var config = ModelFolder.ReadConfig(folder);
        var text = ModelFolder.ReadTokenizer(folder, config);
        // Sampling stops at whatever may end an answer: the configuration's tokens, and the template's.
        var ending = new PromptEncoder(text, dialogue, config.MaxPositionEmbeddings).EosToken;
        config = config with { EosTokenIds = [.. config.EosTokenIds.Union(ModelFolder.ReadGenerationEos(folder)).Append(ending).Distinct()] };
        return NewModel(id, new SharedWeights(ModelFolder.ReadWeights(folder, config, _device, _frozenType)), null, text, dialogue);
    }

    private HostedModel NewPolicy(TrainingSpec spec, HostedModel from)
    {
        var config = from.Model.Config;
        var withHead = spec.Head != ScalarHead.None;
        if (spec.Lora is null && from.Model.Adapter is null)
            return NewModel(spec.Policy, new SharedWeights(withHead ? from.Model.Weights.CloneWithScalarHead() : from.Model.Weights.Clone(ScalarType.Float32)), null, from.Encoder.Tokenizer, from.Encoder.Dialogue, spec.Head);
        if (withHead && spec.Lora is null && from.Model.Score is null)
            throw new ArgumentException($"'{spec.From}' has an adapter without a scalar head: merge it first, or train an adapter of another shape on its base");
        if (spec.Lora is not null && from.Model.Adapter is not null)
            throw new ArgumentException($"'{spec.From}' has an adapter already: train that one on (leave the adapter's shape out), or merge it first");
        var adapter = spec.Lora is { } lora ? LoraAdapter.Random(config, lora with { ScalarHead = withHead }, _device, spec.Seed) : from.Model.Adapter!.Clone();
        return NewModel(spec.Policy, from.Weights, adapter, from.Encoder.Tokenizer, from.Encoder.Dialogue, spec.Head);
    }

    private HostedModel NewModel(string id, SharedWeights weights, LoraAdapter? adapter, TextTokenizer tokenizer, DialogueTemplate dialogue, ScalarHead head = ScalarHead.None)
    {
        var config = weights.Weights.Config;
        var rotary = new RotaryTable(RotaryFrequencies.Compute(config), config.MaxPositionEmbeddings);
        var model = new LlamaModel(weights.Weights, adapter, _kernels, rotary);
        var encoder = new PromptEncoder(tokenizer, dialogue, config.MaxPositionEmbeddings);
        return new HostedModel(id, weights, adapter, model, encoder, _workers.Count, _options.MaxForwardTokens) { HasValueHead = head == ScalarHead.Value };
    }

    private void Shutdown()
    {
        var reason = new ObjectDisposedException(nameof(ModelHost), $"model host {Name} is stopping");
        while (_queue.TryTake(out var work))
            work.Fail(reason);
        _cohorts.FailAll(reason);
        foreach (var work in _pending.SelectMany(b => b.Work))
            work.Fail(reason);
        ReleasePrepared();
        ReleasePrefixes();
        foreach (var model in _models.Values)
            model.Dispose();
        _models.Clear();
    }
}
