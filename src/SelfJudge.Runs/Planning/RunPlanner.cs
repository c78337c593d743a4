using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Planning;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Judging;
using SelfJudge.Runs.Models;
using SelfJudge.Runs.Stages;
using SelfJudge.World;

namespace SelfJudge.Runs.Planning;

/// <summary>On what a run is to be made.</summary>
/// <param name="Device"><c>cpu</c> or <c>cuda:0</c>.</param>
/// <param name="FrozenBytes">Bytes of an element of the frozen base weights.</param>
/// <param name="Memory">Bytes of the device's memory; null where unknown.</param>
public sealed record PlanTarget(string Device, int FrozenBytes, long? Memory, ModelHostOptions Host)
{
    public bool IsCpu => Device == "cpu";

    /// <summary>What shares a batch: the cores of a CPU; other devices take it whole.</summary>
    public int Workers => IsCpu ? Host.Workers : 1;
}

/// <summary>What a run will need, computed from its recipe, its model's shape and the longest of its data, and measured where the model is
/// at hand.</summary>
/// <param name="recipe">With steps in place of epochs where there is data.</param>
/// <param name="data">Null where it is not at hand: every sequence is then taken to be as long as it may be.</param>
public sealed class RunPlanner(Recipe recipe, TrainingData? data, PlanTarget target)
{
    private const int TypicalSteps = 3;

    private readonly DecoderConfig _config = ConfigOf(recipe);
    private readonly List<string> _notes = [];
    private readonly List<MemoryItem> _earlier = []; // what stages before the one that is planned leave in memory

    /// <param name="dryRun">Whether to measure, where the weights are there.</param>
    /// <param name="progress">Is told of each dry run.</param>
    /// <exception cref="InvalidDataException">The model's folder is none, or damaged.</exception>
    /// <exception cref="ArgumentException">A judge template cannot be used with the model's tokenizer and length.</exception>
    /// <exception cref="DataException">No row is kept for training.</exception>
    public async Task<RunPlan> Plan(bool dryRun, Action<string> progress, CancellationToken cancellation)
    {
        var encoder = Encoder();
        var measures = dryRun && CanMeasure(encoder);
        if (data is null)
            _notes.Add($"the data is not at hand (name it with --data): every sequence is taken to be {MaxLength} tokens long");
        else if (encoder is null)
            _notes.Add($"{recipe.Model.Path} holds no tokenizer: every sequence is taken to be {MaxLength} tokens long");
        if (data is not null)
            _notes.AddRange([.. DataFit.Steps(recipe, data).Select(n => n.Text),
                .. encoder is null ? [] : DataFit.Lengths(recipe, data, encoder).Select(n => n.Text)]);
        var stages = new List<StagePlan>();
        var baseline = measures ? DryRun.Baseline(target.Host) : null;
        foreach (var stage in recipe.Stages)
        {
            var plan = PlanStage(stage, encoder);
            if (measures)
            {
                progress($"dry run of {stage.Name}");
                plan = plan with { Measured = await new DryRun(recipe, stage, data!, target.Host).Measure(baseline, cancellation) };
            }
            stages.Add(plan);
        }
        if (measures)
            _notes.Add("evaluation, measurements of the judge and writing checkpoints come on top of the estimated time");
        return new RunPlan(recipe.Name, recipe.Model.Path, ModelMemory.Parameters(_config), target.Device,
            target.Host.Dtype == WeightDtype.Rounded ? $"bfloat16, {WeightDtypes.Rounding}" : target.FrozenBytes == 2 ? "bfloat16"
            : "float32", target.Workers, target.Memory,
            data is null ? null : recipe.Data.WorldPairs > 0 ? "the built-in world"
                : recipe.Data.Pairs ?? recipe.Data.Prompts ?? string.Join(", ", recipe.Data.Sources.Select(s => s.Path)),
            MaxLength, stages, _notes, measures && stages.All(s => s.Steps > 0) ? stages.Sum(s => s.Steps * s.Measured!.StepSeconds)
                : null);
    }

    private int MaxLength => Math.Min(recipe.Model.MaxLength ?? int.MaxValue, _config.MaxPositionEmbeddings);

    private StagePlan PlanStage(StageRecipe stage, PromptEncoder? encoder)
    {
        if (data is not null && (IsOnPrompts(stage) ? data.PromptCount == 0 : data.Pairs.Count == 0))
            throw new DataException(
                $"stage {stage.Name} has nothing to learn from: no row of the data is kept for training; data inspect says why");
        var (load, sequences, longest, typical) = data is null || encoder is null ? Assumed(stage)
            : Read(stage, new LongestStep(recipe, stage, data, encoder));
        var memory = StageMemory.Peak(load);
        IReadOnlyList<MemoryItem> all = [.. memory, .. _earlier];
        var onDevice = DeviceBytes(all);
        bool? fits = target.Memory is { } most ? onDevice <= most : null;
        var output = ModelMemory.FloatBytes * load.TrainedParameters;
        var plan = new StagePlan(stage.Name, stage.Spec.Name, stage.Steps, stage.Epochs,
            ModelMemory.Parameters(_config) + load.TrainedParameters, load.TrainedParameters,
            new BatchPlan(sequences, longest, StageMemory.PackedTokens(load.Trained, load.Workers, load.MaxTokensPerBatch).Sum(), typical,
                (long)load.Prompts.Count * load.Samples * load.MaxNewTokens, load.Judged.Sum(n => (long)n),
                    StageMemory.ActiveSequences(load)),
            all, onDevice, fits, fits == false ? Remedies(load) : [], 3 * output, recipe.KeepCheckpoints, output, null);
        // Its model and what its samples' keys and values took stay on the host to the end of the run.
        _earlier.AddRange(memory.Where(m => m.Role is StageMemory.Policy or StageMemory.Adapter or StageMemory.Cache)
            .Select(m => m with { Role = $"{m.Role} of {stage.Name}" }));
        return plan;
    }

    // On a CPU the host's memory is the device's.
    private long DeviceBytes(IEnumerable<MemoryItem> items) => items.Where(m => m.OnDevice || target.IsCpu).Sum(m => m.Bytes);

    private List<Remedy> Remedies(StageLoad load)
    {
        var remedies = new List<(string Setting, StageLoad Load)>();
        if (load.Lora is null)
            remedies.Add(("an adapter: {r: 8, alpha: 16, targets: [q_proj, v_proj]}",
                load with { Lora = new LoraConfig(8, 16, ["q_proj", "v_proj"]) }));
        if (!load.GradientCheckpointing)
            remedies.Add(("optimizer.gradient_checkpointing: true", load with { GradientCheckpointing = true }));
        var longest = load.Trained.DefaultIfEmpty().Max();
        if (longest < load.MaxTokensPerBatch)
            remedies.Add(($"optimizer.max_tokens_per_batch: {longest}, the longest that a step learns from",
                load with { MaxTokensPerBatch = longest }));
        if (load.FrozenBytes > 2 && !target.IsCpu)
            remedies.Add(("--dtype bfloat16", load with { FrozenBytes = 2 }));
        if (StageMemory.ActiveSequences(load) > load.Workers * load.Samples && SequencesThatFit(load) is { } sequences)
            remedies.Add(($"model.max_active_sequences: {sequences}", load with { MaxActiveSequences = sequences }));
        return [.. remedies.Select(r => new Remedy(r.Setting, DeviceBytes([.. StageMemory.Peak(r.Load), .. _earlier])))
            .Where(r => r.DeviceBytes < DeviceBytes([.. StageMemory.Peak(load), .. _earlier])).OrderBy(r => r.DeviceBytes)];
    }

    // The most that leave room for everything else; one prompt's samples where nothing does.
    private int? SequencesThatFit(StageLoad load)
    {
        for (var n = load.Prompts.Count * load.Samples; n > load.Samples; n -= load.Samples)
            if (DeviceBytes([.. StageMemory.Peak(load with { MaxActiveSequences = n }), .. _earlier]) <= target.Memory)
                return n;
        return load.Samples;
    }

    private PlannedStep Assumed(StageRecipe stage)
    {
        if (!IsOnPrompts(stage))
        {
            var example = new SupervisedExample(new int[MaxLength], new TokenPart[MaxLength]);
            var pair = new PreferencePair(new int[MaxLength], [], []);
            var examples = stage.PolicyExamples + 2 * stage.JudgePairs * recipe.TemplatesOf(stage).Count;
            StepMaterial material = stage.Spec.Data == StepData.Pairs ? new() { Pairs = [.. Enumerable.Repeat(pair, stage.Prompts)] }
                : new() { Examples = [.. Enumerable.Repeat(example, examples)] };
            return Step(stage, Load(stage), material, [material]);
        }
        var prompts = Enumerable.Repeat(MaxLength - Math.Min(recipe.Sampling.MaxNewTokens, MaxLength / 2), stage.Prompts).ToList();
        return OnPrompts(stage, prompts, prompts, [.. Enumerable.Repeat(MaxLength, Judgments(stage))]);
    }

    private PlannedStep Read(StageRecipe stage, LongestStep longest)
    {
        if (!IsOnPrompts(stage))
            return Step(stage, Load(stage), longest.Material(), Enumerable.Range(0, TypicalSteps).Select(longest.Typical.Material));
        var encoder = longest.Encoder;
        int Length(IReadOnlyList<Turn> turns) => encoder.EncodePrompt(turns, recipe.Sampling.MaxNewTokens).Length;
        var prompts = longest.Prompts();
        // A judge against a blank response sees one answer; a reward model sees no template, and not more than that.
        var answers = stage.Spec.IsRewarded ? 1 : 2;
        var judged = prompts.SelectMany(p => recipe.TemplatesOf(stage).Select(JudgeTemplate.ByName).SelectMany(t =>
            Enumerable.Repeat(Math.Min(MaxLength, encoder.EncodeJudge(t, t.Context(p), "", "").Ids.Length
                + answers * recipe.Sampling.MaxNewTokens), 2 * stage.Spec.ComparisonsOfPrompt(stage)))).ToList();
        return OnPrompts(stage, [.. prompts.Select(Length)],
            [.. Enumerable.Range(0, TypicalSteps * stage.Prompts).Select(n => Length(data!.Prompt(n)))], judged);
    }

    // Every answer is taken to be as long as it may be; which tokens they are made of does not matter.
    private PlannedStep OnPrompts(StageRecipe stage, IReadOnlyList<int> prompts, IReadOnlyList<int> typical, IReadOnlyList<int> judged)
    {
        var load = Load(stage) with
        {
            Prompts = prompts,
            Samples = stage.Samples,
            MaxNewTokens = recipe.Sampling.MaxNewTokens,
            Judged = judged,
        };
        return Step(stage, load, Sampled(prompts, onlyLongest: true),
            typical.Chunk(stage.Prompts).Select(p => Sampled(p, onlyLongest: false)));

        StepMaterial Sampled(IReadOnlyCollection<int> lengths, bool onlyLongest)
        {
            IReadOnlyList<int[]> Answers(int prompt) => [.. Enumerable.Repeat(Answer(prompt), stage.Samples)];
            var alike = lengths.Distinct().ToDictionary(n => n, n => (new int[n], Answers(n)));
            return StepMaterial.AsIfJudged(recipe, stage, [.. lengths.Select(n => alike[n])], onlyLongest);
        }

        int[] Answer(int prompt) => new int[Math.Clamp(_config.MaxPositionEmbeddings - prompt, 0, recipe.Sampling.MaxNewTokens)];
    }

    private static PlannedStep Step(StageRecipe stage, StageLoad load, StepMaterial longest, IEnumerable<StepMaterial> typical)
    {
        var objective = StepObjectives.Of(stage, longest)!;
        var sequences = objective.Sequences.ToList();
        var tokens = typical.Average(m => StepObjectives.Of(stage, m)!.Lengths.Sum(n => (double)n));
        return new PlannedStep(load with { Trained = objective.Lengths }, sequences.Count, sequences.Max(), (long)tokens);
    }

    // Pairs of a bracket or of rejection sampling; or each sample by itself.
    private int Judgments(StageRecipe stage) => 2 * stage.Prompts * stage.Spec.ComparisonsOfPrompt(stage) * recipe.TemplatesOf(stage).Count;

    private StageLoad Load(StageRecipe stage) => new()
    {
        Config = _config,
        Lora = StageSpec.ToLora(recipe.AdapterOf(stage)),
        FrozenBytes = target.FrozenBytes,
        IsCpu = target.IsCpu,
        Workers = target.Workers,
        GradientCheckpointing = stage.Optimizer.GradientCheckpointing,
        MaxTokensPerBatch = stage.Optimizer.MaxTokensPerBatch,
        MaxForwardTokens = target.Host.MaxForwardTokens,
        PrefixCacheBytes = target.Host.PrefixCacheBytes,
        MaxActiveSequences = Math.Min(target.Host.MaxActiveSequences, recipe.Model.MaxActiveSequences ?? int.MaxValue),
    };

    private bool CanMeasure(PromptEncoder? encoder)
    {
        if (!target.IsCpu)
            _notes.Add($"nothing was measured: a dry run is made on the CPU, and this plan is for {target.Device}");
        else if (recipe.Model.Path is { } folder && Directory.GetFiles(folder, "*.safetensors").Length == 0)
            _notes.Add($"nothing was measured: {folder} holds no weights, so that all figures are computed from its configuration");
        else if (data is null || encoder is null)
            _notes.Add("nothing was measured: a dry run needs the data and the tokenizer");
        else
            return true;
        return false;
    }

    private PromptEncoder? Encoder()
    {
        var dialogue = DialogueTemplate.ByName(recipe.Model.DialogueTemplate);
        if (recipe.Model.Path is not { } folder)
            return new PromptEncoder(WorldTokenizer.Create(), dialogue, MaxLength);
        return ModelFolder.HasTokenizer(folder) ? new PromptEncoder(ModelFolder.ReadTokenizer(folder, _config), dialogue, MaxLength) : null;
    }

    private static DecoderConfig ConfigOf(Recipe recipe) => recipe.Model.Path is { } folder ? ModelFolder.ReadConfig(folder)
        : RunModels.Chain("plan", recipe, new RunFolder("."), null).Single().ToSource().Initial!.Config;

    private static bool IsOnPrompts(StageRecipe stage) => stage.Spec.IsRollout;

    /// <summary>A step at its longest: what it keeps a host busy with, its sequences, the longest of them, a typical step's
    /// tokens.</summary>
    private sealed record PlannedStep(StageLoad Load, int Sequences, int Longest, long Typical);
}
