using SelfJudge.Abstractions;
using SelfJudge.Client.Commands;
using SelfJudge.Grains.Replicas;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Client;

/// <summary>A judge as the user names it: the built-in world's oracle, a chat endpoint, or a model of ours.</summary>
/// <param name="Templates">By name, or the absolute paths of their files; none for the oracle.</param>
internal sealed record NamedJudge(string Name, IReadOnlyList<string> Templates, JudgeSource Source)
{
    /// <param name="named">oracle, an http(s) address, a run, or a model folder.</param>
    /// <exception cref="UserError">There is no such model or template, or something does not go with the judge named.</exception>
    public static NamedJudge Resolve(string named, string? model, string? keyVariable, IReadOnlyList<string> templates)
    {
        var judge = JudgeRef.ParseOption(named, new JudgeEndpoint { Model = model ?? "", KeyEnv = keyVariable });
        if (judge is not JudgeRef.Endpoint && (model ?? keyVariable) is not null)
            throw new UserError($"{(model is null ? "--judge-key-env" : "--judge-model")} belongs to a judge of the form https://HOST/v1, "
                + $"and --judge is {named}");
        if (judge is JudgeRef.Oracle)
            return templates.Count == 0 ? new NamedJudge(judge.Name, [], JudgeSource.Oracle)
                : throw new UserError("--judge-template: the oracle has no templates");
        templates = [.. templates.Select(t => CommonOptions.ParseJudgeTemplate(t, "--judge-template"))];
        if (judge is JudgeRef.Endpoint { At: var endpoint })
            return OfEndpoint(templates.Count > 0 ? endpoint with { Templates = templates } : endpoint);
        var submitted = SubmittedModel.Resolve(named, null, null, option: "--judge");
        return new NamedJudge(submitted.Name, templates.Count > 0 ? templates : submitted.JudgeTemplates,
            JudgeCatalog.OfModels(submitted.Chain));
    }

    /// <summary>What is to be said of its independence; null where there is nothing.</summary>
    public string? NoteOn(ComparedPolicy a, ComparedPolicy b)
    {
        var judged = new[] { ("A", a), ("B", b) }.Where(p =>
            p.Item2.Model is { } policy && policy.Chain.Any(c => Source.Models.Any(j => j.Folder is not null && j.Folder == c.Folder)))
                .Select(p => p.Item1).ToList();
        return judged.Count == 0 ? null : $"the judge shares weights with {string.Join(" and ", judged)}; not independent";
    }

    /// <summary>Makes it ready to judge.</summary>
    /// <param name="grains">For a model of ours.</param>
    public async Task<IPairJudge> Open(IGrainFactory? grains)
    {
        if (JudgeCatalog.OpenExternal(Source) is { } external)
            return external;
        var hosts = await grains!.GetGrain<IModelHostsGrain>(0).List();
        return hosts.Count > 0 ? await ReplicaJudge.Open(Source, grains, hosts, Templates)
            : throw new UserError("the cluster has no model host: start a silo with one");
    }

    private static NamedJudge OfEndpoint(JudgeEndpoint endpoint)
    {
        // The address is looked at first: one that may hold a secret is not repeated.
        if (endpoint.FindAddressProblem() is { } unusable)
            throw new UserError($"--judge: {unusable}");
        if (string.IsNullOrWhiteSpace(endpoint.Model))
            throw new UserError($"--judge {endpoint.Address}: name the model that is to judge there with --judge-model");
        if (endpoint.FindProblem() is { } problem)
            throw new UserError($"--judge: {problem}");
        if (endpoint.KeyEnv is { } keyVariable && string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable(keyVariable)))
            throw new UserError($"--judge-key-env {keyVariable}: there is no such environment variable, or it is empty");
        return new NamedJudge($"{endpoint.Model} at {endpoint.Address}", endpoint.Templates,
            new JudgeSource(endpoint.Address, [], endpoint));
    }
}
