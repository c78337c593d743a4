using System.Text.Json;
using SelfJudge.Modeling.Files;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Methods;

namespace SelfJudge.Runs.Logs;

/// <summary>
/// A pair of the last step of a preference stage, and how likely its responses are, once the stage is over, under the
/// final policy and the reference: one line of <c>last-step.jsonl</c>. Log-probabilities are sums over the response's
/// tokens, in nats. Its ids are those that were trained on, so that whoever loads the model can compare.
/// </summary>
internal sealed record LastStepRow(
    long RunStep, string Stage, int Step, string Prompt, string Chosen, string Rejected, IReadOnlyList<int> PromptIds,
        IReadOnlyList<int> ChosenIds, IReadOnlyList<int> RejectedIds,
    double PolicyChosenLogp = 0, double PolicyRejectedLogp = 0, double RefChosenLogp = 0, double RefRejectedLogp = 0)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping
    };

    public static LastStepRow Of(TripletRow row) =>
        new(row.RunStep, row.Stage, row.Step, row.Prompt, row.Chosen, row.Rejected, row.PromptIds, row.ChosenIds, row.RejectedIds);

    public static LastStepRow Of(long runStep, StageRecipe stage, PreferenceExample example, PreferencePair pair) =>
        new(runStep, stage.Name, stage.Steps, example.Prompt[^1].Content, example.Chosen, example.Rejected, pair.Prompt, pair.Chosen,
            pair.Rejected);

    /// <summary>Computes the log-probabilities and writes the file, whole or not at all.</summary>
    public static async Task Write(string path, IReadOnlyList<LastStepRow> rows, IModelHost host, string policy, string reference)
    {
        var sequences = rows.SelectMany(r =>
            new[] { new ResponseSequence([.. r.PromptIds], [.. r.ChosenIds]), new ResponseSequence([.. r.PromptIds], [.. r.RejectedIds]) })
                .ToList();
        var byPolicy = await host.LogProbsAsync(policy, sequences, CancellationToken.None);
        var byReference = await host.LogProbsAsync(reference, sequences, CancellationToken.None);
        var lines = rows.Select((r, i) => JsonSerializer.Serialize(r with
        {
            PolicyChosenLogp = byPolicy[2 * i],
            PolicyRejectedLogp = byPolicy[2 * i + 1],
            RefChosenLogp = byReference[2 * i],
            RefRejectedLogp = byReference[2 * i + 1],
        }, Json));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AtomicFolder.WriteFile(path, string.Concat(lines.Select(l => l + "\n")));
    }
}
