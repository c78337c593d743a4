using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.World;

namespace SelfJudge.Tests.Shared;

/// <summary>A request for samples as it reached the host.</summary>
/// <param name="Number">Which call it was, from 1.</param>
internal sealed record SampleCall(int Number, string Model, int[] Prompt, IReadOnlyList<ulong> Seeds, Cohort? Cohort);

/// <summary>A request for judgments as it reached the host.</summary>
internal sealed record JudgeCall(string Model, int Prompts, Cohort? Cohort);

/// <summary>
/// A model host without a model. A completion is a function of prompt and seed; of two responses the longer wins; a
/// model's weights are a hash of every pair that it was trained on, in order, so that equal weights mean equal training.
/// </summary>
internal sealed class FakeModelHost(string name = "fake") : IModelHost
{
    private const string File = "fake-model.txt";

    private static readonly string[] Content =
        [.. Vocabulary.Words.Skip(Vocabulary.SpecialTokens.Count).Where(w => w is not ("A" or "B" or "better"))];

    private static readonly DecoderConfig Config = new()
    {
        VocabSize = Vocabulary.Words.Count,
        HiddenSize = 4,
        IntermediateSize = 4,
        NumHiddenLayers = 1,
        NumAttentionHeads = 1,
        NumKeyValueHeads = 1,
        HeadDim = 4,
        MaxPositionEmbeddings = 128,
        TieWordEmbeddings = true,
        EosTokenIds = [0],
    };

    private readonly PromptEncoder _encoder = new(WorldTokenizer.Create(), DialogueTemplate.World, Config.MaxPositionEmbeddings);
    private readonly ConcurrentDictionary<string, FakeModel> _models = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ulong> _saved = new(StringComparer.Ordinal);
    private int _sampleCalls, _openTrainings;
    private long _sampledTokens, _judgedPrompts, _judgedTokens, _trainedTokens;

    public Recorder<SampleCall> Sampled { get; } = new();
    public Recorder<JudgeCall> Judged { get; } = new();

    /// <summary>What every call for log-probabilities asked of which model.</summary>
    public Recorder<(string Model, IReadOnlyList<ResponseSequence> Responses)> Scored { get; } = new();

    /// <summary>What every call for rewards was to reward.</summary>
    public Recorder<IReadOnlyList<ResponseSequence>> Rewarded { get; } = new();

    /// <summary>The examples of every supervised step.</summary>
    public Recorder<IReadOnlyList<SupervisedExample>> Supervised { get; } = new();

    /// <summary>The responses of every PPO step, with the penalty's coefficient.</summary>
    public Recorder<(IReadOnlyList<RewardedResponse> Responses, double KlCoefficient)> Ppo { get; } = new();

    /// <summary>The pairs of every preference step.</summary>
    public Recorder<IReadOnlyList<PreferencePair>> Trained { get; } = new();

    /// <summary>Before samples are made: to wait, or to fail.</summary>
    public Func<SampleCall, Task> OnSample { get; set; } = _ => Task.CompletedTask;

    /// <summary>Before a training step is made, with the version it starts from: to wait, or to fail.</summary>
    public Func<long, Task> OnStep { get; set; } = _ => Task.CompletedTask;

    /// <summary>Before a trained model's state is put back.</summary>
    public Action OnRestore { get; set; } = () => { };

    /// <summary>The version that samples carry, given the call and the policy's version.</summary>
    public Func<SampleCall, long, long> VersionOfSample { get; set; } = (_, version) => version;

    /// <summary>The words of a completion, given its seed. The end token comes on top.</summary>
    public Func<ulong, int> Length { get; set; } = seed => 1 + (int)(Seeds.Derive(seed, "length") % 12);

    /// <summary>The log-probability of a given response: half a nat for each token, as in its own completions.</summary>
    public Func<ResponseSequence, double> LogProb { get; set; } = s => -0.5 * s.Response.Length;

    /// <summary>What the judge says of a pair; the longer response wins where null.</summary>
    public Func<EncodedJudgePrompt, JudgeProbabilities>? Says { get; set; }

    /// <summary>A judge that always says A, now more surely, now less.</summary>
    public static JudgeProbabilities AlwaysA(EncodedJudgePrompt prompt) =>
        new(0.6 + prompt.Ids.Index().Sum(t => (t.Index + 1) * t.Item) % 100 / 1000.0, 0.2);

    public int OpenTrainings => _openTrainings;
    public string Name => name;
    public TimeProvider Time { get; set; } = TimeProvider.System;
    public string Device => "fake:0";

    public int Workers => 1;

    public HostStatus Status => new(0, null, null, [.. _models.Keys.Order(StringComparer.Ordinal)],
        new HostTotals(_sampledTokens, _judgedPrompts, _judgedTokens, _trainedTokens, 0, 0, 0));

    /// <summary>A model's weights as it was last saved, or as they are.</summary>
    public ulong WeightsOf(string model) => _saved.TryGetValue(model, out var saved) ? saved : Find(model).Weights;

    public void Load(string model, long version = 0) => _models[model] = new FakeModel { Weights = 1, Version = version };

    public Task LoadAsync(string model, ModelSource source, CancellationToken cancellation)
    {
        _models.GetOrAdd(model, _ =>
            new FakeModel
            {
                Weights = source.Initial?.Seed
                ?? ulong.Parse(System.IO.File.ReadAllText(Path.Combine(source.Folder!, File)), CultureInfo.InvariantCulture)
            });
        return Task.CompletedTask;
    }

    public Task UnloadAsync(string model)
    {
        _models.TryRemove(model, out _);
        return Task.CompletedTask;
    }

    public PromptEncoder EncoderOf(string model)
    {
        Find(model);
        return _encoder;
    }

    public ModelDescription DescriptionOf(string model)
    {
        Find(model);
        return new ModelDescription(Config, null, 4) { HasScalarHead = Find(model).HasScalarHead };
    }

    public long VersionOf(string model) => Find(model).Version;

    public async Task<SampledSequence[]> SampleAsync(string model, SamplePrompt prompt, Cohort? cohort, CancellationToken cancellation)
    {
        var call = new SampleCall(Interlocked.Increment(ref _sampleCalls), model, prompt.Prompt, prompt.Seeds, cohort);
        Sampled.Add(call);
        await Find(model).Step.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await OnSample(call).WaitAsync(cancellation);
        var version = VersionOfSample(call, Find(model).Version);
        var samples = prompt.Seeds.Select(seed => Complete(prompt.Prompt, seed, version)).ToArray();
        Interlocked.Add(ref _sampledTokens, samples.Sum(s => s.Ids.Length));
        return samples;
    }

    public Task<JudgeProbabilities[]> JudgeAsync(string model, IReadOnlyList<EncodedJudgePrompt> prompts, Cohort? cohort,
        CancellationToken cancellation)
    {
        Find(model);
        Judged.Add(new JudgeCall(model, prompts.Count, cohort));
        Interlocked.Add(ref _judgedPrompts, prompts.Count);
        Interlocked.Add(ref _judgedTokens, prompts.Sum(p => p.Ids.Length));
        return Task.FromResult(prompts.Select(Compare).ToArray());
    }

    public async IAsyncEnumerable<int> StreamAsync(string model, SamplePrompt prompt,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        foreach (var id in (await SampleAsync(model, prompt, null, cancellation))[0].Ids)
            yield return id;
    }

    /// <summary>The longer the response, the higher its reward.</summary>
    public Task<double[]> RewardsAsync(string model, IReadOnlyList<ResponseSequence> sequences, Cohort? cohort,
        CancellationToken cancellation)
    {
        Find(model);
        Rewarded.Add(sequences);
        return Task.FromResult(sequences.Select(s => 0.1 * s.Response.Length).ToArray());
    }

    public Task<double[]> LogProbsAsync(string model, IReadOnlyList<ResponseSequence> sequences, CancellationToken cancellation)
    {
        Find(model);
        Scored.Add((model, sequences));
        return Task.FromResult(sequences.Select(LogProb).ToArray());
    }

    public Task<IPolicyTraining> OpenTrainingAsync(TrainingSpec spec, CancellationToken cancellation)
    {
        _models[spec.Policy] = new FakeModel { Weights = Find(spec.From).Weights, HasScalarHead = spec.Head != ScalarHead.None };
        Interlocked.Increment(ref _openTrainings);
        return Task.FromResult<IPolicyTraining>(new FakeTraining(this, spec.Policy));
    }

    public Task SaveAsync(string model, string folder, string baseModelName)
    {
        Directory.CreateDirectory(folder);
        _saved[model] = Find(model).Weights;
        return System.IO.File.WriteAllTextAsync(Path.Combine(folder, File), Find(model).Weights.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The completion of a prompt by a seed.</summary>
    public SampledSequence Complete(int[] prompt, ulong seed, long version)
    {
        var random = new CounterRandom(prompt.Aggregate(seed, (hash, id) => Seeds.Derive(hash, id)));
        int[] ids = [.. Enumerable.Range(0, Length(seed)).Select(_ => _encoder.Tokenizer.IdOf(random.Pick(Content))!.Value),
            _encoder.Tokenizer.EosToken];
        return new SampledSequence(ids, [.. ids.Select(_ => -0.5f)], FinishReason.Stop, seed, version);
    }

    private FakeModel Find(string model) =>
        _models.TryGetValue(model, out var found) ? found : throw new UnknownModelException(Name, model);

    private JudgeProbabilities Compare(EncodedJudgePrompt prompt)
    {
        if (Says is not null)
            return Says(prompt);
        int At(string word) => Array.LastIndexOf(prompt.Ids, _encoder.Tokenizer.IdOf(word)!.Value);
        int first = At("B") - At("A"), second = At("better") - At("B");
        return first == second ? new JudgeProbabilities(0.4, 0.4) : first > second ? new JudgeProbabilities(0.7, 0.1)
            : new JudgeProbabilities(0.1, 0.7);
    }

    private sealed class FakeModel
    {
        public ulong Weights { get; set; }
        public long Version { get; set; }
        public bool HasScalarHead { get; init; }

        /// <summary>The training step that is under way: what is asked of the model meanwhile comes after it.</summary>
        public Task Step { get; set; } = Task.CompletedTask;
    }

    private sealed class FakeTraining(FakeModelHost host, string policy) : IPolicyTraining
    {
        public string Policy => policy;

        public async Task<StepReport> StepAsync(Objective objective, double learningRate)
        {
            switch (objective)
            {
                case SupervisedObjective supervised:
                    host.Supervised.Add(supervised.Examples);
                    return await Step(supervised.Examples.SelectMany(e => e.Tokens));
                case PreferenceObjective preference:
                    host.Trained.Add(preference.Pairs);
                    return await Step(preference.Pairs.SelectMany(TokensOf));
                case BradleyTerryObjective reward:
                    return await Step(reward.Pairs.SelectMany(TokensOf));
                case PpoObjective ppo:
                    host.Ppo.Add((ppo.Responses, ppo.KlCoefficient));
                    var report = await Step(ppo.Responses.SelectMany(r => r.Prompt.Concat(r.Response).Append(-1)));
                    // A divergence of twelve nats, twice the usual target.
                    return report with { Metrics = new Dictionary<string, double>(report.Metrics) { ["objective/kl"] = 12 } };
                default:
                    throw new NotSupportedException($"{objective.GetType().Name} is no objective of these tests");
            }
        }

        private static IEnumerable<int> TokensOf(PreferencePair pair) =>
            pair.Prompt.Concat(pair.Chosen).Append(-1).Concat(pair.Rejected).Append(-2);

        // Sixty-four bits are four floats of sixteen bits each, which hold them exactly.
        public Task<TrainingSnapshot> SnapshotAsync(TrainingSnapshot? into = null)
        {
            var model = host.Find(policy);
            NamedArray Array() => new("model.norm.weight", [4],
                [.. Enumerable.Range(0, 4).Select(i => (float)((model.Weights >> (16 * i)) & 0xFFFF))]);
            return Task.FromResult(new TrainingSnapshot(null, [Array()], [Array()], [Array()], model.Version, model.Version));
        }

        public Task RestoreAsync(TrainingSnapshot snapshot)
        {
            host.OnRestore();
            var model = host.Find(policy);
            model.Weights = snapshot.Weights[0].Values.Index().Aggregate(0UL, (bits, v) => bits | ((ulong)v.Item << (16 * v.Index)));
            model.Version = snapshot.Version;
            return Task.CompletedTask;
        }

        public ValueTask DisposeAsync()
        {
            Interlocked.Decrement(ref host._openTrainings);
            return ValueTask.CompletedTask;
        }

        private Task<StepReport> Step(IEnumerable<int> tokens)
        {
            var model = host.Find(policy);
            var step = Step(model, tokens);
            model.Step = step;
            return step;
        }

        private async Task<StepReport> Step(FakeModel model, IEnumerable<int> tokens)
        {
            await host.OnStep(model.Version);
            var seen = tokens.ToList();
            model.Weights = seen.Aggregate(model.Weights, (hash, token) => Seeds.Derive(hash, token));
            model.Version++;
            Interlocked.Add(ref host._trainedTokens, seen.Count);
            return new StepReport(0.5 / model.Version, 1, seen.Count,
                new Dictionary<string, double> { ["rewards/margins"] = model.Version });
        }
    }
}
