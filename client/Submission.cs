using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using SelfJudge.Abstractions;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client;

/// <summary>
/// A batch of prompts, each sampled and played by its own grain. Results go to a file in the order of the input as they
/// come; a file that holds some of them already is gone on with.
/// </summary>
internal sealed class Submission(IReadOnlyList<IReadOnlyList<Turn>> prompts, SubmittedModel model, SamplingOptions sampling, int samples,
    ulong seed, MatchPrior prior, string output)
{
    // Enough to fill a host's batches, few enough that the first results come early.
    private const int Window = 128;

    private readonly PriorRequest? _prior = PriorRequest.Of(prior, model.Reference is [.., var reference] ? reference.Id : null);

    /// <summary>Model, as it is in its folder, templates, sampling, seed and prior by their hash: the same in every line of its
    /// file.</summary>
    public string Job { get; } = HashOf(JsonSerializer.Serialize(
        new { Models = model.Chain.Select(c => c.Id), JudgeTemplates = model.JudgeTemplates.Select(ContentOf), sampling, samples, seed })
        + (prior.IsUsed ? JsonSerializer.Serialize(
            new { prior, Reference = prior.Of == PriorModel.Reference ? model.Reference[^1].Id : null }) : ""));

    private static string HashOf(string text) => Convert.ToHexStringLower(XxHash64.Hash(Encoding.UTF8.GetBytes(text)));

    /// <summary>A file with a judge template is what stands in it: changed, it makes other results.</summary>
    public static string ContentOf(string judgeTemplate) =>
        JudgeTemplate.IsFile(judgeTemplate) ? File.ReadAllText(judgeTemplate) : judgeTemplate;

    /// <summary>Results that the output file holds already. A last line cut short is cut off.</summary>
    /// <exception cref="UserError">The file belongs to another submission, or is damaged.</exception>
    public IReadOnlyList<PromptResult> ReadDone()
    {
        if (!File.Exists(output))
            return [];
        var text = File.ReadAllText(output);
        var whole = OutputFile.WholeLines(output, text, PromptResult.Beginning);
        var done = new List<PromptResult>();
        foreach (var (i, line) in whole.Split('\n', StringSplitOptions.RemoveEmptyEntries).Index())
            done.Add(Check(i, line));
        if (whole.Length < text.Length)
            using (var file = File.OpenWrite(output))
                file.SetLength(Encoding.UTF8.GetByteCount(whole));
        return done;
    }

    /// <summary>Does what is left, and hands each result on once it is in the file.</summary>
    /// <exception cref="UserError">The file cannot be written, the cluster has no model host, or a prompt failed.</exception>
    public async Task Run(IGrainFactory grains, int done, Action<PromptResult> finished, CancellationToken cancellation)
    {
        await using var file = Open();
        var hosts = await grains.GetGrain<IModelHostsGrain>(0).List();
        if (hosts.Count == 0)
            throw new UserError("the cluster has no model host: start a silo with one");
        foreach (var host in hosts)
            foreach (var reference in _prior?.Model is null ? model.Chain : [.. model.Chain, .. model.Reference])
                await grains.GetGrain<IPolicyReplicaGrain>(host).Load(reference);
        var playing = new Queue<(int Index, Task<PromptOutcome> Outcome)>();
        for (var next = done; next < prompts.Count || playing.Count > 0;)
        {
            while (next < prompts.Count && playing.Count < Window)
            {
                playing.Enqueue((next, Play(grains, hosts[next % hosts.Count], next, cancellation)));
                next++;
            }
            var (index, outcome) = playing.Dequeue();
            PromptResult result;
            try
            {
                result = PromptResult.Of(Job, prompts[index], await outcome.WaitAsync(cancellation));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw new UserError($"prompt {index} failed: {(e is TimeoutException ? "no answer in ten minutes" : e.Message)}\nthe "
                    + $"{index} before it are in {output}; the same command goes on from there");
            }
            await file.WriteLineAsync(result.ToJson());
            await file.FlushAsync(cancellation);
            finished(result);
        }
    }

    private StreamWriter Open()
    {
        try
        {
            return new StreamWriter(output, append: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"--out {output} cannot be written: {e.Message}");
        }
    }

    private Task<PromptOutcome> Play(IGrainFactory grains, string host, int index, CancellationToken cancellation) =>
        // Two submissions of one job may be under way, and what they share is not their prompts.
        grains.GetGrain<IPromptGrain>($"submit/{Job}/{index}/{HashOf(JsonSerializer.Serialize(PromptTurn.Of(prompts[index])))}")
            .Play(new PromptRequest
            {
                Index = index,
                Turns = prompts[index],
                PolicyHost = host,
                PolicyModel = model.Id,
                JudgeHost = host,
                JudgeModel = model.Id,
                JudgeTemplates = model.JudgeTemplates,
                Samples = samples,
                Sampling = sampling,
                Seed = Seeds.Derive(Seeds.Derive(seed, "submit"), index),
                Prior = _prior,
            }, cancellation);

    private PromptResult Check(int index, string line)
    {
        PromptResult result;
        try
        {
            result = PromptResult.FromJson(line);
        }
        catch (JsonException e)
        {
            throw new UserError($"{output}:{index + 1}: not a result of 'submit': {e.Message} Name another file with --out");
        }
        if (result.Job != Job)
            throw new UserError($"{output}:{index + 1}: made with another model, template, sampling, number of samples, prior or seed; "
                + $"name another file with --out");
        if (index >= prompts.Count || result.Index != index || !result.Prompt.SequenceEqual(PromptTurn.Of(prompts[index])))
            throw new UserError($"{output}:{index + 1}: belongs to other prompts than those submitted; name another file with --out");
        return result;
    }
}
