using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tokenizers;

namespace SelfJudge.Modeling.Hosting;

/// <summary>Base weights and how many hosted models stand on them.</summary>
internal sealed class SharedWeights(DecoderWeights weights)
{
    private int _users;

    public DecoderWeights Weights { get; } = weights;

    public SharedWeights Use()
    {
        _users++;
        return this;
    }

    public void Release()
    {
        if (--_users == 0)
            Weights.Dispose();
    }
}

/// <summary>A model that a host has loaded. Its tensors and lanes belong to the device thread.</summary>
internal sealed class HostedModel : IDisposable
{
    private readonly SharedWeights _weights;
    private readonly LoraAdapter? _adapter;
    private long _version;

    public HostedModel(string id, SharedWeights weights, LoraAdapter? adapter, DecoderModel model, PromptEncoder encoder, int workers,
        int maxForwardTokens)
    {
        (Id, _weights, _adapter, Model, Encoder) = (id, weights.Use(), adapter, model, encoder);
        Lanes = [.. Enumerable.Range(0, workers).Select(_ => new Lane(model, maxForwardTokens))];
    }

    public string Id { get; }
    public DecoderModel Model { get; }
    public PromptEncoder Encoder { get; private set; }
    public ModelDescription Description =>
        new(Model.Config, _adapter?.Config, (_adapter?.Buffer ?? Model.Weights.Buffer).Layout.Size)
        {
            HasScalarHead =
            Model.Score is not null
        };
    public SharedWeights Weights => _weights;

    /// <summary>Whether its scalar head is a value head, which is part of its training and not of the model.</summary>
    public bool HasValueHead { get; init; }

    /// <summary>One for each worker.</summary>
    public Lane[] Lanes { get; }

    public bool IsGenerating => Lanes.Any(l => !l.IsEmpty);

    /// <summary>Read from any thread.</summary>
    public long Version
    {
        get => Interlocked.Read(ref _version);
        set => Interlocked.Exchange(ref _version, value);
    }

    /// <summary>Sequences that each lane generates at once, where the host's bound is not lower.</summary>
    public int MaxActiveSequences { get; private set; } = int.MaxValue;

    /// <summary>Keeps its prompts and examples to so many tokens, where that is fewer than its positions, and its lanes to so many
    /// sequences.</summary>
    public HostedModel Within(int? maxLength, int? maxActiveSequences)
    {
        MaxActiveSequences = maxActiveSequences ?? int.MaxValue;
        if (maxLength < Encoder.MaxLength)
            Encoder = new PromptEncoder(Encoder.Tokenizer, Encoder.Dialogue, maxLength.Value);
        return this;
    }

    public void Dispose()
    {
        foreach (var lane in Lanes)
            lane.Dispose();
        _adapter?.Dispose();
        _weights.Release();
    }
}

/// <summary>What one worker generates with one model: sequences in generation, and jobs that wait for room.</summary>
internal sealed class Lane(DecoderModel model, int maxForwardTokens) : IDisposable
{
    private readonly Queue<GenerationJob> _waiting = new();
    private readonly List<GenerationJob> _running = [];
    private GenerationEngine? _engine;

    /// <summary>Sequences in generation.</summary>
    public int Active => _engine?.Active ?? 0;

    /// <summary>Sequences in generation and in waiting.</summary>
    public int Load => Active + _waiting.Sum(j => j.Request.Seeds.Count);

    public bool IsEmpty => _waiting.Count == 0 && Active == 0;

    public void Add(GenerationJob job) => _waiting.Enqueue(job);

    /// <summary>
    /// Takes in what there is room for, then extends everything by up to <paramref name="tokens"/> tokens. A failure fails the
    /// lane's jobs, as it is <paramref name="told"/>, not the host. Returns the number of tokens sampled.
    /// </summary>
    public long Run(int tokens, int maxActive, long policyVersion, Func<Exception, Exception> told)
    {
        try
        {
            _engine ??= new GenerationEngine(model, maxForwardTokens);
            var before = _engine.SampledTokens;
            for (var i = 0; i < tokens && !IsEmpty; i++)
            {
                Admit(maxActive, policyVersion);
                _engine.Step();
            }
            _running.RemoveAll(j => j.Result.IsCompleted);
            return _engine.SampledTokens - before;
        }
#pragma warning disable CA1031 // Whoever asked for the samples gets the failure.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Fail(told(e));
            return 0;
        }
    }

    /// <summary>Fails all of its jobs and lets go of what they hold.</summary>
    public void Fail(Exception reason)
    {
        foreach (var job in _running.Concat(_waiting))
            job.Fail(reason);
        _running.Clear();
        _waiting.Clear();
        _engine?.Dispose();
        _engine = null;
    }

    public void Dispose() => Fail(new ObjectDisposedException(nameof(ModelHost), "the model host is stopping"));

    private void Admit(int maxActive, long policyVersion)
    {
        var admitted = new List<GenerationJob>();
        var active = _engine!.Active;
        while (_waiting.TryPeek(out var job) && (active == 0 || active + job.Request.Seeds.Count <= maxActive))
        {
            _waiting.Dequeue();
            if (job.IsAbandoned)
            {
                job.Abandon();
                continue;
            }
            admitted.Add(job);
            active += job.Request.Seeds.Count;
        }
        if (admitted.Count == 0)
            return;
        _running.AddRange(admitted);
        _engine.Admit(admitted, policyVersion);
    }
}
