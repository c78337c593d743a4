using System.Text.RegularExpressions;
using SelfJudge.Preferences.Settings;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Recipes;

/// <summary>How pairs are judged.</summary>
public sealed record JudgeRecipe
{
    [Setting("Judge templates by name; several vote.")]
    public IReadOnlyList<string> Templates { get; init; } = ["world"];

    /// <summary>The pairs of files that are judged where <see cref="HeldOutPairs"/> does not say.</summary>
    public const int HeldOutPairsOfFiles = 500;

    [Setting("At a stage's end its model is measured as a judge on so many held-out pairs, at most. Null: on all of the built-in world's, "
        + "on 500 of files.", AtLeast = 1)]
    public int? HeldOutPairs { get; init; }

    [Setting("In off-policy, self-judge and rso a comparison whose two orders of presentation disagree makes no preference. Where false, "
        + "the mean over both orders decides it (section 3.1).")]
    public bool RequireAgreement { get; init; }

    [Setting("Before a stage that samples, its judge or reward model is measured on so many held-out pairs, at most, where the data holds "
        + "any out; 0 does not measure. What looks like chance is warned of.", AtLeast = 0, AtMost = 1_000_000)]
    public int GatePairs { get; init; } = 200;

    [Setting("The swap consistency that it needs: the share of judgments whose two orders agree, of which one half is chance.", AtLeast = 0,
        AtMost = 1)]
    public double GateSwapConsistency { get; init; } = 0.6;

    [Setting("Whether a judge that looks like chance, or is below gate_swap_consistency, stops the run instead.")]
    public bool Gate { get; init; }

    [Setting("Judges that are no models of ours, for stages and the evaluation to name.")]
    public IReadOnlyList<JudgeEndpoint> Endpoints { get; init; } = [];

    /// <summary>The endpoint of a name; null where a judge so named is something else.</summary>
    public JudgeEndpoint? EndpointOf(string? judge) => Endpoints.FirstOrDefault(e => e.Name == judge);
}

/// <summary>A chat model behind an OpenAI-compatible address as a judge, as OAIF has it (Guo et al. 2024).</summary>
public sealed partial record JudgeEndpoint
{
    [Setting("What a judge key calls it.", IsRequired = true)]
    public string Name { get; init; } = "";

    [Setting("Up to where /chat/completions follows, such as https://HOST/v1.", IsRequired = true)]
    public string Address { get; init; } = "";

    [Setting("As the server names it.", IsRequired = true)]
    public string Model { get; init; } = "";

    [Setting("The environment variable of the silos that holds the key; null where none is asked for. The key itself stands nowhere.")]
    public string? KeyEnv { get; init; }

    [Setting("Judge templates that it is asked by; several vote.")]
    public IReadOnlyList<string> Templates { get; init; } = [JudgeTemplate.UltraFeedback.Name];

    [Setting("Requests that are under way at once, at most, for each silo.", AtLeast = 1, AtMost = 1024)]
    public int Requests { get; init; } = 8;

    /// <summary>What is wrong with it; null where nothing is.</summary>
    public string? FindProblem() => FindAddressProblem()
        ?? (string.IsNullOrWhiteSpace(Model) ? $"name the model that is to judge at {Address}"
        : Templates.Count == 0 ? "name at least one template"
        : SettingKeys.FindProblem(this));

    /// <summary>What is wrong with the address or the name of its key's variable; null where nothing is. Neither is repeated where it may
    /// hold a secret.</summary>
    public string? FindAddressProblem() =>
        !Uri.TryCreate(Address, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") || address.Host.Length == 0
            ? "write the address as https://HOST/v1"
        : address.UserInfo.Length > 0 || Address.AsSpan().IndexOfAny('?', '#') >= 0
            ? "leave name, password and whatever follows ? or # out of the address; a key goes into an environment variable, which is named"
        : KeyEnv is not null && !VariableName().IsMatch(KeyEnv)
            ? "the environment variable that holds the key has no such name; write its name, never the key itself"
        : KeyEnv is not null && address.Scheme == "http" && !address.IsLoopback
            ? $"the key would go to {address.Host} in clear; write the address as https://HOST/v1"
        : null;

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$", RegexOptions.CultureInvariant)]
    private static partial Regex VariableName();
}
