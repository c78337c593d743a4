using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Judging;
using SelfJudge.Runs.Models;
using SelfJudge.Runs.Stages;
using SelfJudge.World;

namespace SelfJudge.Bench;

/// <summary>What the benchmarks share: a bare model host with the demo's model on it, briefly trained so that it answers, stops and judges,
/// and a folder for files.</summary>
internal sealed class Workbench : IAsyncDisposable
{
    /// <summary>The id of the demo's model.</summary>
    public const string Demo = "demo";

    private const string Untrained = "untrained";
    private const int PreparationSteps = 150;
    private const int Pairs = 4000;

    private readonly StageRecipe _jsft;
    private readonly IPolicyTraining _training;
    private readonly StageBatches _batches;
    private int _step;

    private Workbench(ModelHost host, Recipe recipe, TrainingData data, StageRecipe jsft, IPolicyTraining training)
    {
        (Host, Recipe, Data, _jsft, _training) = (host, recipe, data, jsft, training);
        _batches = new StageBatches(recipe, jsft, data, host.EncoderOf(Demo));
        Folder = Directory.CreateTempSubdirectory("selfjudge-bench-").FullName;
    }

    public ModelHost Host { get; }

    /// <summary>The demo's recipe, with fewer pairs.</summary>
    public Recipe Recipe { get; }

    public TrainingData Data { get; }

    /// <summary>Deleted at the end.</summary>
    public string Folder { get; }

    public PromptEncoder Encoder => Host.EncoderOf(Demo);
    public SamplingOptions Sampling => Recipe.Sampling;
    public PartWeights LossWeights => _jsft.LossWeights;
    public IReadOnlyList<JudgeTemplate> Templates => [.. Recipe.Judge.Templates.Select(JudgeTemplate.ByName)];

    public static async Task<Workbench> Open()
    {
        var recipe = RecipeFile.Load(Path.Combine(AppContext.BaseDirectory, "recipes", "demo.yaml"), [$"data.world_pairs={Pairs}"]);
        var jsft = recipe.Stages.First(s => s.Spec.TeachesJudging);
        var host = new ModelHost(new ModelHostOptions { Name = "bench" });
        await host.LoadAsync(Untrained, RunModels.Chain("bench", recipe, new RunFolder("."), null).Single().ToSource(),
            CancellationToken.None);
        var optimizer = new OptimizerOptions(jsft.Optimizer.Beta1, jsft.Optimizer.Beta2, WeightDecay: jsft.Optimizer.WeightDecay,
            ClipNorm: jsft.Optimizer.ClipNorm, MaxTokensPerBatch: jsft.Optimizer.MaxTokensPerBatch);
        var training = await host.OpenTrainingAsync(new TrainingSpec(Demo, Untrained, null, null, 1, optimizer), CancellationToken.None);
        var bench = new Workbench(host, recipe, RecipeData.Load(recipe.Data, recipe.Seed), jsft, training);
        for (var i = 0; i < PreparationSteps; i++)
            await bench.Train(bench.NextBatch(), jsft.LearningRate);
        return bench;
    }

    /// <summary>What the next step of the demo's JSFT stage learns from.</summary>
    public IReadOnlyList<SupervisedExample> NextBatch() => _batches.Supervised(_step++);

    /// <summary>A step of the demo's JSFT stage.</summary>
    public Task<StepReport> Train(IReadOnlyList<SupervisedExample> examples, double learningRate) =>
        _training.StepAsync(new SupervisedObjective(examples, _jsft.LossWeights), learningRate);

    /// <summary>The n-th training prompt, to be sampled.</summary>
    public SamplePrompt Prompt(int n, int samples) =>
        new(Encoder.EncodePrompt(Data.Prompt(n)), [.. Enumerable.Range(0, samples).Select(i => Seeds.Derive((ulong)n, i))], Sampling);

    /// <summary>
    /// A Llama of random weights in the shape of llama2.c's stories15M. With this deviation its predictions are as
    /// peaked as a trained model's, on which the cost of drawing a token depends.
    /// </summary>
    public static ModelSource Llama15M() => new(null, new InitialModel(new DecoderConfig
    {
        VocabSize = 32000,
        HiddenSize = 288,
        IntermediateSize = 768,
        NumHiddenLayers = 6,
        NumAttentionHeads = 6,
        NumKeyValueHeads = 6,
        HeadDim = 48,
        MaxPositionEmbeddings = 256,
        TieWordEmbeddings = true,
        InitializerRange = 0.05f,
    }, 1, WorldTokenizer.Create()), null, "world");

    public async ValueTask DisposeAsync()
    {
        await _training.DisposeAsync();
        Host.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
