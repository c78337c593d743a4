using System.Collections.Concurrent;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Modeling.Workers;
using SelfJudge.Preferences.Templates;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Hosting;

/// <summary>
/// The models of a host: where they come from, whose weights they stand on, what is ready for generation, and when it is freed.
/// Any thread may look a model up; all else is the device thread's.
/// </summary>
internal sealed class ModelStore(ModelHostOptions options, HostDevice device) : IDisposable
{
    private readonly ConcurrentDictionary<string, HostedModel> _models = new(StringComparer.Ordinal);

    // Models whose matrices are packed for generation. Weights change by exclusive work alone, before which they are given back.
    private readonly List<HostedModel> _packed = [];

    /// <summary>Ids of the loaded models, in order.</summary>
    public IReadOnlyList<string> Ids => [.. _models.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The loaded models.</summary>
    public ICollection<HostedModel> Models => _models.Values;

    /// <summary>The loaded model of an id.</summary>
    /// <exception cref="UnknownModelException">There is none.</exception>
    public HostedModel Find(string model) => TryFind(model) ?? throw new UnknownModelException(options.Name, model);

    /// <summary>The loaded model of an id, or null.</summary>
    public HostedModel? TryFind(string model) => _models.GetValueOrDefault(model);

    /// <summary>Loads a model under an id, or does nothing where the id is loaded already.</summary>
    public void Load(string id, ModelSource source)
    {
        if (!_models.ContainsKey(id))
            _models[id] = Read(id, source).Within(source.MaxLength, source.MaxActiveSequences);
    }

    /// <summary>Frees a model, if it is there. Weights that another stands on stay.</summary>
    public void Unload(string id)
    {
        if (_models.TryRemove(id, out var hosted))
            hosted.Dispose();
    }

    /// <summary>Makes the model that a training trains, in place of an earlier one of its id.</summary>
    /// <exception cref="ArgumentException">The policy is to take the place of what it starts from or is compared with.</exception>
    public HostedModel AddPolicy(TrainingSpec spec, HostedModel from)
    {
        if (spec.Policy == spec.From || spec.Policy == spec.Reference)
            throw new ArgumentException($"'{spec.Policy}' cannot be trained in its own place: give the policy an id of its own");
        Unload(spec.Policy);
        return _models[spec.Policy] = NewPolicy(spec, from).Within(from.Encoder.MaxLength, from.MaxActiveSequences);
    }

    /// <summary>
    /// After its last step a model is one of those that are not trained: as it would be if it were loaded from its folder,
    /// at version 0, without a value head and, where it was trained whole, in their type, so that a resumed run has what an
    /// uninterrupted one has.
    /// </summary>
    public void Freeze(HostedModel trained)
    {
        trained.Version = 0;
        var isWhole = trained.Model.Adapter is null;
        if (TryFind(trained.Id) != trained || !trained.HasValueHead && (!isWhole || device.FrozenType == ScalarType.Float32))
            return;
        var weights = isWhole ? new SharedWeights(Frozen(trained)) : trained.Weights;
        var adapter = trained.Model.Adapter is { } own ? WithoutHead(own) : null;
        var (tokenizer, dialogue) = (trained.Encoder.Tokenizer, trained.Encoder.Dialogue);
        _models[trained.Id] = NewModel(trained.Id, weights, adapter, tokenizer, dialogue)
            .Within(trained.Encoder.MaxLength, trained.MaxActiveSequences);
        trained.Dispose();
    }

    /// <summary>Writes a model: base weights as a Hugging Face folder, an adapter as a PEFT folder.</summary>
    public void Save(string model, string folder, string baseModelName)
    {
        // A value head serves its training only: what is left of it is a language model.
        var hosted = Find(model);
        var dropsHead = hosted.HasValueHead;
        IReadOnlyList<NamedArray> Saved(FlatBuffer buffer) => dropsHead ? WithoutHead(buffer) : buffer.ToArrays();
        if (hosted.Model.Adapter is { } adapter)
        {
            var config = adapter.Config with { ScalarHead = adapter.Config.ScalarHead && !dropsHead };
            AdapterFolder.Write(folder, config, baseModelName, Saved(adapter.Buffer));
        }
        else
        {
            var config = hosted.Model.Config with { ScalarHead = hosted.Model.Config.ScalarHead && !dropsHead };
            ModelFolder.Write(folder, config, Saved(hosted.Model.Weights.Buffer), hosted.Encoder.Tokenizer);
        }
    }

    /// <summary>
    /// Packs the matrices of all that generates: a host of many models does not hold two copies of each. What has ended keeps its
    /// own until another model begins, or weights may change. Where one of them cannot be packed, <paramref name="failed"/> is told, and
    /// the others are.
    /// </summary>
    public void PackGenerating(WorkerPool workers, Action<HostedModel, Exception> failed)
    {
        List<HostedModel> generating = [.. _models.Values.Where(m => m.IsGenerating)];
        if (generating.TrueForAll(_packed.Contains))
            return;
        ReleasePacked();
        foreach (var hosted in generating)
        {
            try
            {
                workers.Run(worker => hosted.Model.Prepare(worker, workers.Count));
                _packed.Add(hosted);
            }
#pragma warning disable CA1031 // Whoever asked for the samples gets the failure.
            catch (Exception e)
#pragma warning restore CA1031
            {
                hosted.Model.Release(); // what was half packed
                failed(hosted, e);
            }
        }
    }

    /// <summary>Gives the packed matrices back: before weights may change.</summary>
    public void ReleasePacked()
    {
        foreach (var hosted in _packed)
            hosted.Model.Release();
        _packed.Clear();
    }

    public void Dispose()
    {
        ReleasePacked();
        foreach (var model in _models.Values)
            model.Dispose();
        _models.Clear();
    }

    private DecoderWeights Frozen(HostedModel trained)
    {
        if (!trained.HasValueHead)
            return trained.Model.Weights.Clone(device.FrozenType);
        var copy = new DecoderWeights(trained.Model.Config with { ScalarHead = false }, device.Torch, device.FrozenType);
        copy.Buffer.CopyFrom(WithoutHead(trained.Model.Weights.Buffer));
        return copy;
    }

    private LoraAdapter WithoutHead(LoraAdapter adapter)
    {
        var copy = new LoraAdapter(adapter.Model, adapter.Config with { ScalarHead = false }, device.Torch);
        copy.Buffer.CopyFrom(WithoutHead(adapter.Buffer));
        return copy;
    }

    private static IReadOnlyList<NamedArray> WithoutHead(FlatBuffer buffer) =>
        [.. buffer.ToArrays().Where(a => a.Name is not (TensorNames.Score or TensorNames.AdapterScore))];

    private HostedModel Read(string id, ModelSource source)
    {
        var dialogue = DialogueTemplate.ByName(source.DialogueTemplate);
        if (source.Initial is { } initial)
        {
            var drawn = DecoderWeights.Random(initial.Config, initial.Seed, device.Torch, device.FrozenType);
            return NewModel(id, new SharedWeights(drawn), null, initial.Tokenizer, dialogue);
        }
        var folder = source.Folder ?? throw new ArgumentException($"model '{id}': neither a folder nor an initial model is given");
        if (source.Base is { } baseId)
        {
            var @base = Find(baseId);
            if (@base.Model.Adapter is not null)
                throw new ArgumentException($"model '{id}': '{baseId}' is an adapter itself; an adapter stands on whole weights");
            var adapter = AdapterFolder.Read(folder, @base.Model.Config, device.Torch);
            return NewModel(id, @base.Weights, adapter, @base.Encoder.Tokenizer, dialogue);
        }
        var config = ModelFolder.ReadConfig(folder);
        var text = ModelFolder.ReadTokenizer(folder, config);
        // Sampling stops at whatever may end an answer: the configuration's tokens, and the template's.
        var ending = new PromptEncoder(text, dialogue, config.MaxPositionEmbeddings).EosToken;
        var ends = config.EosTokenIds.Union(ModelFolder.ReadGenerationEos(folder)).Append(ending).Distinct();
        config = config with { EosTokenIds = [.. ends] };
        var weights = ModelFolder.ReadWeights(folder, config, device.Torch, device.FrozenType);
        return NewModel(id, new SharedWeights(weights), null, text, dialogue);
    }

    private HostedModel NewPolicy(TrainingSpec spec, HostedModel from)
    {
        var (tokenizer, dialogue) = (from.Encoder.Tokenizer, from.Encoder.Dialogue);
        var withHead = spec.Head != ScalarHead.None;
        if (spec.Lora is null && from.Model.Adapter is null)
        {
            var whole = withHead ? from.Model.Weights.CloneWithScalarHead() : from.Model.Weights.Clone(ScalarType.Float32);
            return NewModel(spec.Policy, new SharedWeights(whole), null, tokenizer, dialogue, spec.Head);
        }
        if (withHead && spec.Lora is null && from.Model.Score is null)
            throw new ArgumentException($"'{spec.From}' has an adapter without a scalar head: "
                + "merge it first, or train an adapter of another shape on its base");
        if (spec.Lora is not null && from.Model.Adapter is not null)
            throw new ArgumentException($"'{spec.From}' has an adapter already: "
                + "train that one on (leave the adapter's shape out), or merge it first");
        var adapter = spec.Lora is { } lora
            ? LoraAdapter.Random(from.Model.Config, lora with { ScalarHead = withHead }, device.Torch, spec.Seed)
            : from.Model.Adapter!.Clone();
        return NewModel(spec.Policy, from.Weights, adapter, tokenizer, dialogue, spec.Head);
    }

    private HostedModel NewModel(string id, SharedWeights weights, LoraAdapter? adapter, TextTokenizer tokenizer,
        DialogueTemplate dialogue, ScalarHead head = ScalarHead.None)
    {
        var config = weights.Weights.Config;
        var rotary = new RotaryTable(RotaryFrequencies.Compute(config), config.MaxPositionEmbeddings);
        var model = new DecoderModel(weights.Weights, adapter, device.Kernels, rotary);
        var encoder = new PromptEncoder(tokenizer, dialogue, config.MaxPositionEmbeddings);
        return new HostedModel(id, weights, adapter, model, encoder, device.Workers, options.MaxForwardTokens)
        {
            HasValueHead = head == ScalarHead.Value,
        };
    }
}
