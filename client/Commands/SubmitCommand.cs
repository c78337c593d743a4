using System.CommandLine;
using System.Diagnostics;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Judging;

namespace SelfJudge.Client.Commands;

/// <summary>A batch of prompts: each is sampled N times and answered by the winner of its tournament (section 3.3).</summary>
internal static class SubmitCommand
{
    private static readonly TimeSpan LinePeriod = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        var prompts = new Argument<string>("prompts")
        {
            Description =
            "JSON Lines, each with a \"prompt\": a string, or a list of {role, content}."
        };
        var samples = CommonOptions.Samples("Completions per prompt.", 16);
        var model = new Option<string?>("--model")
        {
            Description =
            "A run, or the folder of a model or an adapter; the newest completed run if left out."
        };
        var output = new Option<string>("--out")
        {
            Description =
            "The file for the results, one JSON line per prompt. If it holds some already, the rest is done.",
            Required = true
        };
        var template = CommonOptions.Template();
        var judgeTemplate = new Option<string?>("--judge-template")
        {
            Description =
            "The judge template by name or .yaml file; the run's own, or that of Table 14, if left out."
        };
        var sampling = new SamplingChoices();
        var prior = new PriorChoices();
        var cluster = CommonOptions.Cluster();
        var device = new DeviceOptions();
        var command = new Command("submit", "Answer a batch of prompts, each by a tournament among the model's own completions.")
        {
            prompts, samples, model, output, template, judgeTemplate, cluster,
        };
        device.AddTo(command);
        sampling.AddTo(command);
        prior.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            var computing = device.Resolve(parse, parse.GetValue(cluster));
            var file = OutputFile.Check(parse.GetValue(output)!, parse.GetValue(prompts));
            var batch = PreferenceFiles.ReadPrompts(parse.GetValue(prompts)!).ToList();
            var resolved = SubmittedModel.Resolve(parse.GetValue(model), parse.GetValue(template), parse.GetValue(judgeTemplate));
            var submission = new Submission(batch, resolved, sampling.Resolve(parse, resolved.Sampling), parse.GetValue(samples),
                parse.GetValue(sampling.Seed), prior.Resolve(parse, resolved), file);
            return await Run(submission, batch.Count, file, resolved.Name, parse.GetValue(cluster), computing,
                parse.GetValue(CommandLineProgram.Verbose), cancellation);
        });
        return command;
    }

    private static async Task<int> Run(Submission submission, int count, string file, string model, string? cluster, DeviceChoice device,
        bool verbose, CancellationToken cancellation)
    {
        var results = submission.ReadDone().ToList();
        var before = results.Count;
        if (before > 0)
            Console.WriteLine($"{file} holds {before} of {count} results already");
        if (before < count)
        {
            await using var session = cluster is null ? await Session.Embed(device, verbose)
                : await Session.Connect(CommonOptions.ParseGateway(cluster));
            var dashboard = session.Dashboard is null ? "" : $"; dashboard {session.Dashboard}";
            Console.WriteLine($"{count - before} prompts to {model}{dashboard}");
            var clock = Stopwatch.StartNew();
            var said = TimeSpan.Zero;
            try
            {
                await submission.Run(session.Grains, before, result =>
                {
                    results.Add(result);
                    if (clock.Elapsed - said < LinePeriod)
                        return;
                    said = clock.Elapsed;
                    Console.WriteLine($"{clock.Elapsed.TotalSeconds,6:0} s  {results.Count}/{count} prompts  "
                        + $"{(results.Count - before) / clock.Elapsed.TotalSeconds:0.0} prompts/s");
                }, cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                Console.WriteLine($"stopped: {results.Count} of {count} results are in {file}; the same command goes on from there");
                return RunExecutor.Cancelled;
            }
            Console.WriteLine($"{count - before} prompts in {clock.Elapsed.TotalSeconds:0.0} s");
        }
        var health = JudgeHealth.Of(results.SelectMany(r => r.Matches.Select(m => m.Verdict)));
        Console.WriteLine($"{count} answers by tournament in {file}");
        Console.WriteLine($"mean length: {results.Average(r => r.Completions[r.Winner].Tokens):0.0} tokens of winners, "
            + $"{results.Average(r => r.Completions.Average(c => c.Tokens)):0.0} of all completions");
        var identical = results.Sum(r => r.Matches.Count) - health.Judged;
        Console.WriteLine($"judge: {health.Judged} matches judged, {identical} between identical completions"
            + (health.Judged == 0 ? ""
            : $"; swap consistency {health.SwapConsistency:0.000}, position bias {health.PositionBias:+0.000;-0.000;0.000}, ties "
            + $"{health.TieRate:0.000}, mass on A and B {health.JudgeMass:0.000}"));
        return RunExecutor.Succeeded;
    }
}
