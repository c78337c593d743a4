using System.Runtime.CompilerServices;
using System.Threading.Channels;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Native;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Modeling.Hosting;

/// <summary>
/// One thread owns the device and does all tensor work on it: it loads, samples, judges and trains, and divides each
/// batch among the workers of a CPU. Requests that wait together are run together; generation runs in slices of a few
/// tokens, so that judging, training and new prompts get in between. <see cref="HostScheduler"/> decides what runs next,
/// <see cref="BatchRunner"/> computes it, with the models of a <see cref="ModelStore"/>.
/// </summary>
public sealed class ModelHost : IModelHost, IDisposable
{
    private readonly ModelHostOptions _options;
    private readonly HostDevice _device;
    private readonly BatchRunner _runner;
    private readonly Thread _thread;

    // Held to touch the scheduler or the flag, never while something is computed; pulsed when either changes.
    private readonly object _gate = new();
    private readonly HostScheduler _scheduler;
    private bool _isStopping;

    /// <summary>Starts a host without models.</summary>
    /// <param name="time">By which windows, timeouts and spent time are measured; the system's where it is null.</param>
    /// <exception cref="DeviceException">There is no such device, or it cannot compute with the type of weights.</exception>
    public ModelHost(ModelHostOptions options, TimeProvider? time = null)
    {
        _options = options;
#pragma warning disable RS0030 // Who needs no other time is given the system's here, once.
        Time = time ?? TimeProvider.System;
#pragma warning restore RS0030
        _device = HostDevice.Open(options);
        Meter = new HostMeter(Time);
        Store = new ModelStore(options, _device);
        _scheduler = new HostScheduler(options, Time);
        _runner = new BatchRunner(options, _device, Store, Meter);
        _thread = new Thread(Loop) { IsBackground = true, Name = $"model host {options.Name}" };
        _thread.Start();
    }

    public string Name => _options.Name;

    public TimeProvider Time { get; }

    public string Device => _device.Description;

    public int Workers => _device.Workers;

    public HostStatus Status
    {
        get
        {
            int arrived;
            lock (_gate)
                arrived = _scheduler.Arrived;
            return Meter.Status(arrived, Store.Ids);
        }
    }

    internal HostMeter Meter { get; }

    internal ModelStore Store { get; }

    /// <summary>Tokens that are held of what was read last.</summary>
    internal int HeldTokens => _runner.HeldTokens;

    public ModelDescription DescriptionOf(string model) => Find(model).Description;

    public PromptEncoder EncoderOf(string model) => Find(model).Encoder;

    public long VersionOf(string model) => Find(model).Version;

    public Task LoadAsync(string model, ModelSource source, CancellationToken cancellation) =>
        RunExclusive(model, () => Store.Load(model, source));

    public Task UnloadAsync(string model) => RunExclusive(model, () => Store.Unload(model));

    public Task SaveAsync(string model, string folder, string baseModelName) =>
        RunExclusive(model, () => Store.Save(model, folder, baseModelName));

    public Task<SampledSequence[]> SampleAsync(string model, SamplePrompt prompt, Cohort? cohort, CancellationToken cancellation) =>
        Sample(model, prompt, cohort, null, cancellation);

    public async IAsyncEnumerable<int> StreamAsync(string model, SamplePrompt prompt,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (prompt.Seeds.Count != 1)
            throw new ArgumentException($"a stream is of one sample; asked for are {prompt.Seeds.Count}");
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var tokens = Channel.CreateUnbounded<int>(); // bounded by the length that is asked for
        var sampled = Sample(model, prompt, null, token => tokens.Writer.TryWrite(token), abandoned.Token);
        _ = sampled.ContinueWith(s => tokens.Writer.TryComplete(s.Exception?.InnerException),
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
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

    public Task<JudgeProbabilities[]> JudgeAsync(string model, IReadOnlyList<EncodedJudgePrompt> prompts, Cohort? cohort,
        CancellationToken cancellation)
    {
        RequestChecks.Judging(Find(model), prompts);
        var completion = new TaskCompletionSource<JudgeProbabilities[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        Enqueue(new JudgeWork(model, prompts, completion, cohort, cancellation));
        return completion.Task;
    }

    public Task<double[]> RewardsAsync(string model, IReadOnlyList<ResponseSequence> sequences, Cohort? cohort,
        CancellationToken cancellation)
    {
        RequestChecks.Rewards(Find(model), sequences);
        var completion = new TaskCompletionSource<double[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        Enqueue(new RewardWork(model, sequences, completion, cohort, cancellation));
        return completion.Task;
    }

    public Task<double[]> LogProbsAsync(string model, IReadOnlyList<ResponseSequence> sequences, CancellationToken cancellation)
    {
        RequestChecks.LogProbs(Find(model), sequences);
        return RunExclusive(model, () =>
        {
            cancellation.ThrowIfCancellationRequested();
            return _runner.LogProbs(Find(model).Model, sequences);
        });
    }

    public Task<IPolicyTraining> OpenTrainingAsync(TrainingSpec spec, CancellationToken cancellation) =>
        RunExclusive<IPolicyTraining>(spec.Policy, () =>
        {
            var from = Find(spec.From);
            var reference = spec.Reference is null ? null : Find(spec.Reference);
            var policy = Store.AddPolicy(spec, from);
            var weights = reference?.Weights.Use();
            try
            {
                var trainer = new PolicyTrainer(policy.Model, reference?.Model, _runner.Workers, spec.Optimizer);
                return new PolicyTraining(this, policy, weights, trainer, policy.Model.Adapter?.Config);
            }
            catch
            {
                weights?.Release();
                Store.Unload(spec.Policy);
                throw;
            }
        });

    /// <summary>Ends what is running, refuses what is waiting, and frees every model.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isStopping)
                return;
            _isStopping = true;
            Monitor.PulseAll(_gate);
        }
        _thread.Join();
        _runner.Dispose();
    }

    internal Task<T> RunExclusive<T>(string model, Func<T> body, bool isTraining = false)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Enqueue(new ExclusiveWork(model, () => completion.TrySetResult(body()), e => completion.TrySetException(e),
            isTraining ? WorkKind.Training : WorkKind.Other));
        return completion.Task;
    }

    internal HostedModel Find(string model) => Store.Find(model);

    private Task<bool> RunExclusive(string model, Action body) => RunExclusive(model, () =>
    {
        body();
        return true;
    });

    private Task<SampledSequence[]> Sample(string model, SamplePrompt prompt, Cohort? cohort, Action<int>? onToken,
        CancellationToken cancellation)
    {
        RequestChecks.Sampling(Find(model), prompt);
        var job = new GenerationJob(prompt, cancellation, onToken);
        Enqueue(new GenerateWork(model, job, cohort));
        return job.Result;
    }

    private void Enqueue(HostWork work)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isStopping, this);
            _scheduler.Enqueue(work);
            Monitor.Pulse(_gate);
        }
    }

    private void Loop()
    {
        TorchRuntime.UseOneThread();
        while (Next() is { } steps)
            foreach (var step in steps)
                Run(step);
        lock (_gate)
            _scheduler.FailAll(new ObjectDisposedException(nameof(ModelHost), $"model host {Name} is stopping"));
        _runner.ReleasePrefixes();
        Store.Dispose();
    }

    // What the next turn does, once there is something to do; null when the host is to stop.
    private IReadOnlyList<HostStep>? Next()
    {
        var generating = Store.Models.Where(m => m.IsGenerating).Select(m => m.Id).ToHashSet(StringComparer.Ordinal);
        lock (_gate)
        {
            while (!_isStopping)
            {
                var wait = _scheduler.Receive(generating.Count > 0);
                if (wait == TimeSpan.Zero)
                    return _scheduler.Next(generating);
                // Whole milliseconds: it would not wait for a part of one.
                Monitor.Wait(_gate, TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds)));
            }
            return null;
        }
    }

    private void Run(HostStep step)
    {
        switch (step)
        {
            case Admission admission:
                _runner.Admit(admission);
                break;
            case Reading reading:
                Meter.Measure(WorkKind.Judging, () => _runner.Read(reading));
                break;
            case GenerationSlice:
                Meter.Measure(WorkKind.Sampling, _runner.Generate);
                break;
            case ExclusiveStep { Work: var work }:
                Meter.Measure(work.Kind, () => _runner.RunAlone(work));
                break;
            default:
                throw new InvalidOperationException($"a host does not know what {step.GetType().Name} is");
        }
    }
}
