using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SelfJudge.Abstractions;
using SelfJudge.CommandLine;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Losses;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client.Commands;

/// <summary>How likely the responses of preference rows are under a policy and its reference, and what the preference losses make of it
/// (section 3.2).</summary>
internal static class ScoreCommand
{
    private const int ChunkRows = 32;

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static Command Create()
    {
        var data = new Option<string>(
            "--data")
        {
            Description =
            "Preference rows: a file or a folder, as training takes them, or rows of token ids such as a run's last-step.jsonl.",
            Required = true
        };
        var noTemplate = new Option<bool>("--no-template")
        {
            Description =
            "Take the texts as they stand: no dialogue template, no end token."
        };
        var beta = Options.Number("--beta", Options.SettingOf<PreferenceLoss>(nameof(PreferenceLoss.Beta)), 0.1);
        var loss = Options.Choice("--loss", "The loss whose mean is printed; the file has all three.", ["sigmoid", "hinge", "ipo"],
            "sigmoid");
        var output = new Option<string>("--out")
        {
            Description = "The file for the scores, one JSON line per row and one of means.",
            Required = true
        };
        var model = new ModelOptions();
        var command = new Command("score",
            "Log-probabilities of chosen and rejected responses under model and adapter (policy) and under the model alone (reference), "
            + "and the losses.") { data, noTemplate, beta, loss, output };
        model.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            if (parse.GetValue(noTemplate) && parse.GetValue(model.Template) is { } template)
                throw new UserError($"--no-template and --template {template} contradict each other");
            var (path, verbatim) = (parse.GetValue(data)!, parse.GetValue(noTemplate));
            var file = OutputFile.Check(parse.GetValue(output)!, path);
            CheckIsOurs(file);
            var resolved = model.Resolve(parse, template: verbatim ? DialogueTemplate.Plain.Name : null);
            // Every row is read once before any is computed: an error in the last one costs nothing.
            var vocabulary = resolved.Chain[0].Folder is { } folder ? ModelFolder.ReadConfig(folder).VocabSize : (int?)null;
            var count = ScoredRows.Read(path, verbatim, vocabulary).Count();
            try
            {
                await using var loaded = await model.Open(parse, resolved);
                var (means, recorded) = await Score(loaded, ScoredRows.Read(path, verbatim, vocabulary), verbatim, parse.GetValue(beta),
                    file, cancellation);
                var mean = Enum.Parse<PreferenceLossKind>(parse.GetValue(loss)!, ignoreCase: true) switch
                {
                    PreferenceLossKind.Sigmoid => means.Sigmoid,
                    PreferenceLossKind.Hinge => means.Hinge,
                    _ => means.Ipo,
                };
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{count} rows in {parse.GetValue(output)}: mean {parse.GetValue(loss)} loss {mean:0.000000}, margin "
                    + $"{means.Margin:0.000000}, accuracy {means.Accuracy:0.0000}"));
                if (recorded.Rows > 0)
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"{recorded.Rows} rows bring log-probabilities of their own; the largest difference from them is "
                        + $"{recorded.Policy:0.0e+00} under the policy, {recorded.Reference:0.0e+00} under the reference"));
                return RunExecutor.Succeeded;
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return RunExecutor.Cancelled;
            }
            catch (ArgumentException e)
            {
                throw new UserError(e.Message);
            }
        });
        return command;
    }

    private static async Task<(ScoreMeans Means, RecordedDifference Recorded)> Score(LoadedModel loaded, IEnumerable<ScoredRow> rows,
        bool verbatim, double beta, string output, CancellationToken cancellation)
    {
        var (total, count, tooLong, positions) = (new ScoreMeans(0, 0, 0, 0, 0), 0, 0, 0);
        var difference = new RecordedDifference(0, 0, 0);
        var temporary = $"{output}.writing-{Environment.ProcessId}";
        try
        {
            await using (var file = Open(temporary))
            {
                foreach (var chunk in rows.Chunk(ChunkRows))
                {
                    var responses = chunk.SelectMany(Responses).ToList();
                    Task<LogProbsResponse> Ask(string id) =>
                        loaded.Policy.LogProbs(new LogProbsRequest(id, responses, verbatim), cancellation);
                    var policy = await Ask(loaded.Model.Id);
                    // Without an adapter policy and reference are one model.
                    var reference = loaded.Model.BaseId == loaded.Model.Id ? policy : await Ask(loaded.Model.BaseId);
                    positions = policy.MaxPositions;
                    for (var i = 0; i < chunk.Length; i++)
                    {
                        ResponseLogProb chosen = policy.Responses[2 * i], rejected = policy.Responses[2 * i + 1];
                        var score = RowScore.Of(chunk[i].Row, new PairLogProbs(chosen.LogProb, rejected.LogProb,
                            reference.Responses[2 * i].LogProb, reference.Responses[2 * i + 1].LogProb, chosen.Tokens, rejected.Tokens),
                            beta);
                        if (!double.IsFinite(score.Sigmoid + score.Hinge + score.Ipo))
                            throw new UserError($"row {score.Row}: the model gives no finite log-probability (chosen {chosen.LogProb}, "
                                + $"rejected {rejected.LogProb})");
                        await file.WriteLineAsync(JsonSerializer.Serialize(score, Json));
                        total = total.Add(score);
                        difference = difference.With(score, chunk[i].Recorded);
                        count++;
                        if (chosen.PromptTokens + Math.Max(chosen.Tokens, rejected.Tokens) > positions)
                            tooLong++;
                    }
                }
                total = total.Over(count);
                await file.WriteLineAsync(JsonSerializer.Serialize(new { Mean = total, Rows = count }, Json));
            }
            File.Move(temporary, output, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
        if (tooLong > 0)
            await Console.Error.WriteLineAsync(
                $"{tooLong} of {count} rows are longer than the model's {positions} positions; they are scored whole, beyond what the "
                + $"model was made for");
        return (total, difference);
    }

    private static GivenResponse[] Responses(ScoredRow row)
    {
        var turns = row.Prompt;
        return
        [
            new GivenResponse(turns, row.Chosen, row.Ids is null ? null : new ResponseIds(row.Ids.Prompt, row.Ids.Chosen)),
            new GivenResponse(turns, row.Rejected, row.Ids is null ? null : new ResponseIds(row.Ids.Prompt, row.Ids.Rejected)),
        ];
    }

    // Scores are made anew, and take the place of scores only.
    private static void CheckIsOurs(string file)
    {
        if (!File.Exists(file))
            return;
        using var reader = new StreamReader(file);
        var beginning = new char[RowScore.Beginning.Length];
        if (reader.ReadBlock(beginning) is > 0 and var read && new string(beginning, 0, read) != RowScore.Beginning)
            throw new UserError($"--out {file} is there already, and holds no scores: name another file, or delete it");
    }

    private static StreamWriter Open(string path)
    {
        try
        {
            return new StreamWriter(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"--out cannot be written: {e.Message}");
        }
    }
}

/// <summary>A line of the output of <c>score</c>: sums over tokens, in nats.</summary>
/// <param name="Margin">β·Δ, the difference of the implicit rewards.</param>
internal sealed record RowScore(int Row, double PolicyChosenLogp, double PolicyRejectedLogp, double RefChosenLogp, double RefRejectedLogp,
    int ChosenTokens, int RejectedTokens, double Margin, double Sigmoid, double Hinge, double Ipo)
{
    /// <summary>How every line begins.</summary>
    public const string Beginning = "{\"row\":";

    public static RowScore Of(int row, PairLogProbs pair, double beta)
    {
        PairLoss Loss(PreferenceLossKind kind) => new PreferenceLoss(kind, beta).Of(pair);
        var sigmoid = Loss(PreferenceLossKind.Sigmoid);
        return new RowScore(row, pair.PolicyChosen, pair.PolicyRejected, pair.ReferenceChosen, pair.ReferenceRejected, pair.ChosenTokens,
            pair.RejectedTokens,
            sigmoid.Margin, sigmoid.Loss, Loss(PreferenceLossKind.Hinge).Loss, Loss(PreferenceLossKind.Ipo).Loss);
    }
}

/// <summary>How far scores are at most, in nats, from what their rows say of themselves.</summary>
internal sealed record RecordedDifference(int Rows, double Policy, double Reference)
{
    public RecordedDifference With(RowScore s, RecordedLogProbs? r) => r is null ? this : new(Rows + 1,
        Math.Max(Policy, Math.Max(Math.Abs(s.PolicyChosenLogp - r.PolicyChosen), Math.Abs(s.PolicyRejectedLogp - r.PolicyRejected))),
        Math.Max(Reference, Math.Max(Math.Abs(s.RefChosenLogp - r.ReferenceChosen), Math.Abs(s.RefRejectedLogp - r.ReferenceRejected))));
}

/// <summary>Means over rows.</summary>
/// <param name="Accuracy">The share of rows whose margin is above 0.</param>
internal sealed record ScoreMeans(double Sigmoid, double Hinge, double Ipo, double Margin, double Accuracy)
{
    public ScoreMeans Add(RowScore r) =>
        new(Sigmoid + r.Sigmoid, Hinge + r.Hinge, Ipo + r.Ipo, Margin + r.Margin, Accuracy + (r.Margin > 0 ? 1 : 0));

    public ScoreMeans Over(int rows) => new(Sigmoid / rows, Hinge / rows, Ipo / rows, Margin / rows, Accuracy / rows);
}
