using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SelfJudge.CommandLine;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client.Commands;

/// <summary>Data sets, before anything is trained on them.</summary>
internal static class DataCommand
{
    private const int Examples = 2;
    private static readonly JsonSerializerOptions Naming = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static Command Create()
    {
        var data = new Option<string[]>("--data")
        {
            Description = "Files or folders of preference pairs.",
            Required = true,
            AllowMultipleArgumentsPerToken = true
        };
        var model = new Option<string?>("--model") { Description = "The Hugging Face folder whose tokenizer measures lengths." };
        var template = new Option<string?>(
            "--template")
        {
            Description =
            "The dialogue template by name, or the path of a file with one; if left out, the one that a run of the model takes, or the "
            + "paper's."
        };
        var judge = new Option<string>("--judge-template")
        {
            Description = "The judge template by name or .yaml file.",
            DefaultValueFactory = _ => JudgeTemplate.HhHelpful.Name
        };
        var maxLength = Options.OptionalNumber<int>("--max-length", Options.SettingOf<ModelRecipe>(nameof(ModelRecipe.MaxLength)),
            "The longest sequence in tokens, a recipe's model.max_length; the model's positions if left out.");
        var seed = CommonOptions.Seed("Draws among the completions of UltraFeedback.");
        var json = new Option<bool>("--json") { Description = "One JSON object instead." };
        var inspect = new Command("inspect", "Count a data set's rows and show what training sees of them.") { data, model, template, judge,
            maxLength, seed, json };
        inspect.SetAction(parse =>
        {
            var folder = parse.GetValue(model);
            if (folder is not null && !Directory.Exists(folder))
                throw new UserError($"--model {folder}: there is no such folder");
            var named = CommonOptions.ParseTemplate(parse.GetValue(template))
                ?? (folder is null ? DialogueTemplate.Paper.Name : DialogueTemplates.Of(folder, "--template"));
            var (dialogue, judging) = (DialogueTemplate.ByName(named),
                JudgeTemplate.ByName(CommonOptions.ParseJudgeTemplate(parse.GetValue(judge)!, "--judge-template")));
            // What is malformed is shown here, not refused.
            var report = new DataReport();
            var encoder = folder is null ? null : ModelFolder.ReadEncoder(folder, dialogue, parse.GetValue(maxLength));
            var survey = encoder is null ? null : new LengthSurvey(encoder, judging);
            var pairs = 0;
            var examples = new List<PreferenceExample>();
            // The data is gone through once, and of it only the examples are kept.
            foreach (var pair in parse.GetValue(data)!.SelectMany(path =>
                PreferenceFiles.StreamPairs(path, parse.GetValue(seed), report, maxMalformed: 1)))
            {
                pairs++;
                survey?.Add(pair);
                if (pair.Principle is null && examples.Count < Examples)
                    examples.Add(pair);
            }
            var (lengths, judged) = (survey?.Examples, survey?.Judged);
            if (parse.GetValue(json))
                Terminal.Data.WriteLine(JsonSerializer.Serialize(
                    new
                    {
                        report.Read,
                        report.Kept,
                        Skipped = report.Skipped.ToDictionary(s => s.Key, s => s.Value.Count),
                        SkippedAt = report.Skipped.ToDictionary(s => s.Key, s => s.Value.Places),
                        report.Malformed,
                        report.Problems,
                        Pairs = pairs,
                        DialogueTemplate = dialogue.Name,
                        Tokens = lengths,
                        JudgePrompts = judged
                    }, Naming));
            else
                Print(report, pairs, examples, lengths, judged, encoder, dialogue, judging);
            if (pairs == 0)
                throw new UserError($"{string.Join(", ", parse.GetValue(data)!)}: no row is a pair that can be learned from");
            var allowed = new DataRecipe().MaxMalformed;
            if (report.Malformed > allowed * report.Read)
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"warning: {report.Malformed} of {report.Read} rows are malformed, a share above {allowed}: a run refuses this data "
                    + $"unless data.max_malformed allows it"));
        });
        return new Command("data", "Work with data sets.") { inspect };
    }

    private static void Print(DataReport report, int pairs, List<PreferenceExample> examples, ExampleLengths? lengths, JudgeLengths? judged,
        PromptEncoder? encoder, DialogueTemplate dialogue, JudgeTemplate judging)
    {
        Console.WriteLine($"rows: {report.Read} read, {report.Kept} kept, {pairs} pairs");
        DataNotes.PrintSkipped(report);
        Console.WriteLine($"templates: {dialogue.Name} for dialogues, {judging.Name} for judgments");
        if (lengths is not null)
            Console.WriteLine($"tokens per example: {string.Join(", ", lengths.Quantiles.Select(q => $"{q.Key} {q.Value}"))}; "
                + $"{lengths.Truncated} longer than the model's {lengths.Maximum} lose their beginning");
        if (judged is { Problem: { } problem })
            Console.WriteLine($"judge prompts: none: {problem}");
        else if (judged is not null)
            Console.WriteLine($"tokens per judge prompt ({judging.Name}, {judged.Count} in both orders): "
                + $"{string.Join(", ", judged.Quantiles.Select(q => $"{q.Key} {q.Value}"))}; {judged.Truncated} leave the model's "
                + $"{judged.Maximum} no room for the judge token and lose text: of the context {judged.Cut.Context}, of response A "
                + $"{judged.Cut.ResponseA}, of response B {judged.Cut.ResponseB}");
        foreach (var pair in examples)
        {
            Console.WriteLine("\n--- policy example, what is learned in «»");
            Console.WriteLine(encoder is null ? Spell(dialogue, pair) : Spell(encoder, ExampleBuilder.Policy(encoder, pair)));
            foreach (var (token, first, second) in new[] { (JudgeTemplate.TokenA, pair.Chosen, pair.Rejected),
                (JudgeTemplate.TokenB, pair.Rejected, pair.Chosen) })
            {
                Console.WriteLine($"\n--- judge prompt, {token} is learned");
                Console.WriteLine($"{string.Concat(judging.Render(judging.Context(pair.Prompt), first, second).Select(p => p.Text))}«"
                    + $"{token}»");
            }
        }
    }

    private static string Spell(DialogueTemplate dialogue, PreferenceExample pair)
    {
        var turns = pair.Prompt.Append(new Turn(Role.Assistant, pair.Chosen)).ToList();
        return string.Concat(dialogue.Stretches(turns)
            .Zip(turns.Where(t => t.Role == Role.Assistant), (stretch, answer) =>
            $"{string.Concat(stretch.Select(p => p.Text))}«{answer.Content}»"));
    }

    private static string Spell(PromptEncoder encoder, SupervisedExample example)
    {
        var text = "";
        for (int start = 0, end; start < example.Tokens.Length; start = end)
        {
            for (end = start; end < example.Tokens.Length && example.Parts[end] == example.Parts[start]; end++) { }
            var run = encoder.Tokenizer.Decode(example.Tokens[start..end]);
            text += example.Parts[start] == TokenPart.Response ? $"«{run}»" : run;
        }
        return text;
    }
}
