using System.CommandLine;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Settings;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Judging;
using SelfJudge.World;
using Spectre.Console;

namespace SelfJudge.Client.Commands;

/// <summary>Two policies answer the same prompts, and a named judge compares their answers in both orders.</summary>
internal static class CompareCommand
{
    private const string World = "world";

    private static readonly TimeSpan LinePeriod = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        var a = new Argument<string>(
            "a")
        {
            Description =
            "A run, the folder of a model or an adapter, or a file of answers: JSON Lines as 'submit' writes them, or {\"prompt\", "
            + "\"answer\"}."
        };
        var b = new Argument<string>("b") { Description = "The same, to be compared with." };
        var prompts = new Option<string?>(
            "--prompts")
        {
            Description =
            "JSON Lines, each with a \"prompt\"; or 'world' for the built-in world's test prompts. Those of the first file of answers if "
            + "left out."
        };
        var judge = new Option<string>(
            "--judge")
        {
            Description =
            "A run or model folder; 'oracle', for prompts of the built-in world; or the address of an OpenAI-compatible endpoint, as "
            + "https://HOST/v1.",
            Required = true
        };
        var judgeModel = new Option<string?>("--judge-model") { Description = "The model at the endpoint." };
        var judgeKey = new Option<string?>("--judge-key-env") { Description = "The environment variable that holds the endpoint's key." };
        var judgeTemplates = new Option<string[]>("--judge-template")
        {
            Description =
            "A judge template by name, or a file of one; several vote. The judge's own if left out; an endpoint's is ultrafeedback."
        };
        var template = CommonOptions.Template();
        var inconsistent = Options.Choice("--inconsistent",
            "What a pair is on which the judge's two orders disagree: tie, or mean, where the higher mean over both orders wins.",
            Options.NamesOf<InconsistentPairs>(), "tie");
        var samples = CommonOptions.Samples("Completions per prompt; of several, the winner of the model's own tournament answers.", 1);
        var limit = Options.OptionalNumber<int>("--limit", new SettingAttribute("At most so many prompts.") { AtLeast = 1 });
        var output = new Option<string>(
            "--out")
        {
            Description =
            "The file for the results, one JSON line per prompt and a summary. If it holds some already, the rest is done.",
            Required = true
        };
        var json = new Option<bool>("--json") { Description = "Print the summary as JSON, and nothing else." };
        var cluster = CommonOptions.Cluster();
        var device = new DeviceOptions();
        var sampling = new SamplingChoices();
        var prior = new PriorChoices();
        var command = new Command("compare", "Compare two policies' answers to the same prompts by a judge.") { a, b, prompts, judge,
            judgeModel, judgeKey, judgeTemplates, inconsistent, template, samples, limit, output, json, cluster };
        device.AddTo(command);
        sampling.AddTo(command);
        prior.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            var rule = Enum.Parse<InconsistentPairs>(parse.GetValue(inconsistent)!, ignoreCase: true);
            string?[] inputs = [parse.GetValue(a), parse.GetValue(b), parse.GetValue(prompts)];
            var file = OutputFile.Check(parse.GetValue(output)!, inputs);
            var sides = new[] { ComparedPolicy.Resolve(parse.GetValue(a)!, parse.GetValue(template)),
                ComparedPolicy.Resolve(parse.GetValue(b)!, parse.GetValue(template)) };
            foreach (var (i, _) in sides.Index().Where(s => s.Item.Model is not null))
                OutputFile.Check(AnswersOf(file, "ab"[i]), inputs);
            var named = NamedJudge.Resolve(parse.GetValue(judge)!, parse.GetValue(judgeModel), parse.GetValue(judgeKey),
                parse.GetValue(judgeTemplates) ?? []);
            var asked = Prompts(parse.GetValue(prompts), sides).Take(parse.GetValue(limit) ?? int.MaxValue).ToList();
            if (named.Source == JudgeSource.Oracle && asked.Find(p => OracleJudge.Find(p) is null) is { } foreign)
                throw new UserError($"--judge oracle: the oracle knows the built-in world's prompts only, and '{foreign[^1].Content}' is "
                    + $"none of them; name a model or an endpoint as judge");
            var options = sides.Select(s => s.Model is null ? null : sampling.Resolve(parse, s.Model.Sampling)).ToList();
            if (options is [{ } first, { } second] && first != second)
                await Console.Error.WriteLineAsync(
                    $"note: the two are sampled differently, as their recipes say ({first} and {second}); --temperature, --top-p, --top-k "
                    + $"and --max-new-tokens set both");
            var priors = sides.Select(s => s.Model is null ? new MatchPrior() : prior.Resolve(parse, s.Model)).ToList();
            using var work = new Work(sides, options, priors, named, rule, asked, parse.GetValue(samples), parse.GetValue(sampling.Seed),
                file, parse.GetValue(json) ? Console.Error : Console.Out);
            var computing = device.Resolve(parse, parse.GetValue(cluster));
            var result = await work.Run(parse.GetValue(cluster), computing, parse.GetValue(CommandLineProgram.Verbose), cancellation);
            if (result is null)
                return RunExecutor.Cancelled;
            if (parse.GetValue(json))
                Terminal.Data.WriteLine(result.ToJson());
            else
                ComparisonView.Print(result, file);
            return RunExecutor.Succeeded;
        });
        return command;
    }

    // Each model's answers are kept beside the output, as 'submit' writes them.
    private static string AnswersOf(string output, char side) =>
        $"{Path.Combine(Path.GetDirectoryName(output)!, Path.GetFileNameWithoutExtension(output))}.{side}.jsonl";

    private static IEnumerable<IReadOnlyList<Turn>> Prompts(string? named, IReadOnlyList<ComparedPolicy> sides) => named switch
    {
        World => WorldPrompts.Instance.Test.Select(WorldTrainingData.ToTurns),
        not null => PreferenceFiles.ReadPrompts(named),
        null => sides.FirstOrDefault(s => s.Model is null)?.Answers.Select(x => x.Prompt)
            ?? throw new UserError("name the prompts that the two models are to answer with --prompts FILE, or --prompts world"),
    };

    /// <summary>Answers where there are none yet, then judgments; what an earlier process left in the files is not made again.</summary>
    private sealed class Work : IDisposable
    {
        private readonly IReadOnlyList<ComparedPolicy> _sides;
        private readonly NamedJudge _judge;
        private readonly InconsistentPairs _inconsistent;
        private readonly IReadOnlyList<IReadOnlyList<Turn>> _prompts;
        private readonly TextWriter _progress;
        private readonly string _output;
        private readonly IReadOnlyList<Submission?> _submissions;
        private readonly Comparison _comparison;
        private IPairJudge? _opened;

        public Work(IReadOnlyList<ComparedPolicy> sides, IReadOnlyList<SamplingOptions?> sampling, IReadOnlyList<MatchPrior> priors,
            NamedJudge judge, InconsistentPairs inconsistent, IReadOnlyList<IReadOnlyList<Turn>> prompts, int samples, ulong seed,
            string output, TextWriter progress)
        {
            (_sides, _judge, _inconsistent, _prompts, _output, _progress) = (sides, judge, inconsistent, prompts, output, progress);
            _submissions = [.. sides.Zip(sampling, (s, o) => (s.Model, o))
                .Select((s, i) => s.Model is null ? null
                : new Submission(prompts, s.Model, s.o!, samples, seed, priors[i], AnswersOf(output, "ab"[i])))];
            var job = Convert.ToHexStringLower(XxHash64.Hash(
                Encoding.UTF8.GetBytes(JsonSerializer.Serialize(
                new
                {
                    A = sides[0].Name,
                    B = sides[1].Name,
                    judge.Name,
                    Models = judge.Source.IsModel ? judge.Source.Models.Select(c => c.Id) : null,
                    Templates = judge.Templates.Select(Submission.ContentOf),
                    Inconsistent = $"{inconsistent}",
                    Answers = sides.Select(s => s.Model is null ? s.AnswersTo(prompts).Select(x => x.Answer) : []),
                    Jobs = _submissions.Select(s => s?.Job)
                }))));
            _comparison = new Comparison(prompts, job, inconsistent, output);
        }

        /// <summary>Returns what it came to; null where it was cancelled.</summary>
        public async Task<ComparisonResult?> Run(string? cluster, DeviceChoice device, bool verbose, CancellationToken cancellation)
        {
            var lines = _comparison.ReadDone().ToList();
            if (lines.Count > 0)
                await _progress.WriteLineAsync($"{_output} holds {lines.Count} of {_prompts.Count} results already");
            if (lines.Count < _prompts.Count)
            {
                var done = _submissions.Select(s => s?.ReadDone().ToList()).ToList();
                await using var session = _judge.Source.IsModel || done.Any(d => d is not null && d.Count < _prompts.Count)
                    ? cluster is null ? await Session.Embed(device, verbose) : await Session.Connect(CommonOptions.ParseGateway(cluster))
                    : null;
                try
                {
                    _opened = await _judge.Open(session?.Grains);
                    if (done.Any(d => d is not null && d.Count < _prompts.Count))
                        await Try(cancellation);
                    var answers = new List<IReadOnlyList<GivenAnswer>>();
                    foreach (var (i, side) in _sides.Index())
                        answers.Add(side.Model is null ? side.AnswersTo(_prompts) : await Answer(i, done[i]!, session, cancellation));
                    var progress = new Progress(_progress, "pairs judged", lines.Count, _prompts.Count);
                    await _comparison.Judge(_opened, answers[0], answers[1], lines.Count, line =>
                    {
                        lines.Add(line);
                        progress.Report(lines.Count);
                    }, cancellation);
                }
                catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
                {
                    await _progress.WriteLineAsync(
                        $"stopped: {lines.Count} of {_prompts.Count} results are in {_output}; the same command goes on from there");
                    return null;
                }
            }
            var result = ComparisonResult.Of(_sides[0].Name, _sides[1].Name, _judge.Name, _judge.Templates,
                _judge.NoteOn(_sides[0], _sides[1]), _inconsistent, lines);
            _comparison.Write(result);
            return result;
        }

        public void Dispose() => (_opened as IDisposable)?.Dispose();

        // A judge that cannot judge is to be heard of before anything is sampled.
        private async Task Try(CancellationToken cancellation)
        {
            try
            {
                await _opened!.Judge(_prompts[0], "yes .", "no .", cancellation);
            }
            catch (ArgumentException e)
            {
                throw new UserError(e.Message);
            }
        }

        private async Task<IReadOnlyList<GivenAnswer>> Answer(int side, List<PromptResult> done, Session? session,
            CancellationToken cancellation)
        {
            if (done.Count < _prompts.Count)
            {
                await _progress.WriteLineAsync($"{_prompts.Count - done.Count} prompts to {"AB"[side]}, {_sides[side].Name}");
                var progress = new Progress(_progress, "prompts", done.Count, _prompts.Count);
                await _submissions[side]!.Run(session!.Grains, done.Count, result =>
                {
                    done.Add(result);
                    progress.Report(done.Count);
                }, cancellation);
            }
            return [.. done.Select((r, i) => new GivenAnswer(_prompts[i], r.Answer, r.Completions[r.Winner].Tokens))];
        }
    }

    private sealed class Progress(TextWriter output, string what, int before, int count)
    {
        private readonly long _started = TimeProvider.System.GetTimestamp();
        private TimeSpan _said;

        public void Report(int done)
        {
            var elapsed = TimeProvider.System.GetElapsedTime(_started);
            if (elapsed - _said < LinePeriod)
                return;
            _said = elapsed;
            output.WriteLine($"{elapsed.TotalSeconds,6:0} s  {done}/{count} {what}  {(done - before) / elapsed.TotalSeconds:0.0}/s");
        }
    }
}
