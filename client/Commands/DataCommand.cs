using System.CommandLine;
using System.Text.Json;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client.Commands;

/// <summary>Data sets, before anything is trained on them.</summary>
internal static class DataCommand
{
    private const int Examples = 2;
    private static readonly double[] Quantiles = [0, 0.25, 0.5, 0.75, 0.95, 1];
    private static readonly JsonSerializerOptions Naming = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static Command Create()
    {
        var data = new Option<string[]>("--data") { Description = "Files or folders of preference pairs.", Required = true, AllowMultipleArgumentsPerToken = true };
        var model = new Option<string?>("--model") { Description = "The Hugging Face folder whose tokenizer measures lengths." };
        var template = new Option<string>("--template") { Description = "The dialogue template by name.", DefaultValueFactory = _ => DialogueTemplate.Paper.Name };
        var judge = new Option<string>("--judge-template") { Description = "The judge template by name or .yaml file.", DefaultValueFactory = _ => JudgeTemplate.HhHelpful.Name };
        var maxLength = new Option<int?>("--max-length") { Description = "The longest sequence in tokens, a recipe's model.max_length; the model's positions if left out." };
        var seed = new Option<ulong>("--seed") { Description = "Draws among the completions of UltraFeedback.", DefaultValueFactory = _ => 1 };
        var json = new Option<bool>("--json") { Description = "One JSON object instead." };
        var inspect = new Command("inspect", "Count a data set's rows and show what training sees of them.") { data, model, template, judge, maxLength, seed, json };
        inspect.SetAction(parse =>
        {
            DialogueTemplate dialogue;
            JudgeTemplate judging;
            try
            {
                (dialogue, judging) = (DialogueTemplate.ByName(parse.GetValue(template)!), JudgeTemplate.ByName(parse.GetValue(judge)!));
            }
            catch (ArgumentException e)
            {
                throw new UserError(e.Message);
            }
            // What is malformed is shown here, not refused.
            var report = new DataReport();
            var encoder = parse.GetValue(model) is { } folder ? ModelFolder.ReadEncoder(folder, dialogue, parse.GetValue(maxLength)) : null;
            var policy = encoder is null ? null : new PolicyLengths(encoder);
            var judgment = encoder is null ? null : new JudgmentLengths(encoder, judging);
            var pairs = 0;
            var examples = new List<PreferenceExample>();
            // The data is gone through once, and of it only the examples are kept.
            foreach (var pair in parse.GetValue(data)!.SelectMany(path => PreferenceFiles.StreamPairs(path, parse.GetValue(seed), report, maxMalformed: 1)))
            {
                pairs++;
                policy?.Add(pair);
                judgment?.Add(pair);
                if (pair.Principle is null && examples.Count < Examples)
                    examples.Add(pair);
            }
            var (lengths, judged) = (policy?.Result, judgment?.Result);
            if (parse.GetValue(json))
                Console.WriteLine(JsonSerializer.Serialize(new { report.Read, report.Kept, Skipped = report.Skipped.ToDictionary(s => s.Key, s => s.Value.Count), SkippedAt = report.Skipped.ToDictionary(s => s.Key, s => s.Value.Places), report.Malformed, Pairs = pairs, Tokens = lengths, JudgePrompts = judged }, Naming));
            else
                Print(report, pairs, examples, lengths, judged, encoder, dialogue, judging);
        });
        return new Command("data", "Work with data sets.") { inspect };
    }

    /// <summary>Lengths of the policy's examples in tokens.</summary>
    private sealed record Lengths(IReadOnlyDictionary<string, int> Quantiles, int Maximum, int Truncated);

    /// <summary>Lengths of the judge prompts in tokens, both orders, before they are cut; the judge token comes on top.</summary>
    /// <param name="Problem">Why no prompt can be made of this template with this tokenizer.</param>
    private sealed record JudgeLengths(int Count, IReadOnlyDictionary<string, int> Quantiles, int Maximum, int Truncated, JudgeCuts Cut, string? Problem);

    /// <summary>How many of the prompts that are too long lose text from where; some from more than one place.</summary>
    private sealed record JudgeCuts(int Context, int ResponseA, int ResponseB);

    /// <summary>How often each length occurs: as much as the quantiles need, and no more memory than there are lengths.</summary>
    private sealed class LengthCounts
    {
        private readonly SortedDictionary<int, int> _counts = [];

        public int Total { get; private set; }

        public void Add(int length)
        {
            Total++;
            _counts[length] = _counts.GetValueOrDefault(length) + 1;
        }

        public Dictionary<string, int> Quantiles() =>
            Total == 0 ? [] : DataCommand.Quantiles.ToDictionary(q => $"{q:P0}".Replace(" ", "", StringComparison.Ordinal), q => At((int)Math.Round(q * (Total - 1))));

        private int At(int rank)
        {
            foreach (var (length, count) in _counts)
                if ((rank -= count) < 0)
                    return length;
            throw new ArgumentOutOfRangeException(nameof(rank));
        }
    }

    private sealed class PolicyLengths(PromptEncoder encoder)
    {
        // Examples are cut to the encoder's maximum: lengths are those before.
        private readonly PromptEncoder _whole = new(encoder.Tokenizer, encoder.Dialogue, int.MaxValue);
        private readonly LengthCounts _lengths = new();
        private int _truncated;

        public Lengths Result => new(_lengths.Quantiles(), encoder.MaxLength, _truncated);

        public void Add(PreferenceExample pair)
        {
            if (pair.Principle is not null)
                return;
            var length = ExampleBuilder.Policy(_whole, pair).Tokens.Length;
            _lengths.Add(length);
            _truncated += length > encoder.MaxLength ? 1 : 0;
        }
    }

    // What a judge template learns: the pairs of its principle where the data has them, the overall ones until one comes.
    private sealed class JudgmentLengths(PromptEncoder encoder, JudgeTemplate template)
    {
        private readonly PromptEncoder _whole = new(encoder.Tokenizer, encoder.Dialogue, int.MaxValue);
        private LengthCounts _lengths = new();
        private string? _principle, _problem;
        private int _truncated, _context, _responseA, _responseB;

        public JudgeLengths Result => _problem is null
            ? new(_lengths.Total, _lengths.Quantiles(), encoder.MaxLength, _truncated, new JudgeCuts(_context, _responseA, _responseB), null)
            : new(0, new Dictionary<string, int>(), encoder.MaxLength, 0, new JudgeCuts(0, 0, 0), _problem);

        public void Add(PreferenceExample pair)
        {
            if (_principle is null && pair.Principle is not null && pair.Principle == template.Principle)
            {
                (_principle, _lengths, _problem) = (pair.Principle, new(), null);
                (_truncated, _context, _responseA, _responseB) = (0, 0, 0, 0);
            }
            if (_problem is not null || pair.Principle != _principle)
                return;
            try
            {
                Measure(pair.Prompt, pair.Chosen, pair.Rejected);
                Measure(pair.Prompt, pair.Rejected, pair.Chosen);
            }
            catch (ArgumentException e)
            {
                _problem = e.Message;
            }
        }

        private void Measure(IReadOnlyList<Turn> prompt, string a, string b)
        {
            var said = template.Context(prompt);
            var length = _whole.EncodeJudge(template, said, a, b).Ids.Length;
            _lengths.Add(length);
            if (length < encoder.MaxLength)
                return;
            _truncated++;
            var kept = encoder.FitJudge(template, said, a, b);
            _context += kept.Context.Length < said.Length ? 1 : 0;
            _responseA += kept.ResponseA.Length < a.Length ? 1 : 0;
            _responseB += kept.ResponseB.Length < b.Length ? 1 : 0;
        }
    }

    private static void Print(DataReport report, int pairs, List<PreferenceExample> examples, Lengths? lengths, JudgeLengths? judged, PromptEncoder? encoder, DialogueTemplate dialogue, JudgeTemplate judging)
    {
        Console.WriteLine($"rows: {report.Read} read, {report.Kept} kept, {pairs} pairs");
        foreach (var (reason, rows) in report.Skipped)
            Console.WriteLine($"  skipped {rows.Count}: {reason}: {string.Join(", ", rows.Places.Take(5))}{(rows.Count > 5 ? ", …" : "")}");
        if (lengths is not null)
            Console.WriteLine($"tokens per example: {string.Join(", ", lengths.Quantiles.Select(q => $"{q.Key} {q.Value}"))}; {lengths.Truncated} longer than the model's {lengths.Maximum} lose their beginning");
        if (judged is { Problem: { } problem })
            Console.WriteLine($"judge prompts: none: {problem}");
        else if (judged is not null)
            Console.WriteLine($"tokens per judge prompt ({judging.Name}, {judged.Count} in both orders): {string.Join(", ", judged.Quantiles.Select(q => $"{q.Key} {q.Value}"))}; {judged.Truncated} leave the model's {judged.Maximum} no room for the judge token and lose text: of the context {judged.Cut.Context}, of response A {judged.Cut.ResponseA}, of response B {judged.Cut.ResponseB}");
        foreach (var pair in examples)
        {
            Console.WriteLine("\n--- policy example, what is learned in «»");
            Console.WriteLine(encoder is null ? Spell(dialogue, pair) : Spell(encoder, ExampleBuilder.Policy(encoder, pair)));
            foreach (var (token, first, second) in new[] { (JudgeTemplate.TokenA, pair.Chosen, pair.Rejected), (JudgeTemplate.TokenB, pair.Rejected, pair.Chosen) })
            {
                Console.WriteLine($"\n--- judge prompt, {token} is learned");
                Console.WriteLine($"{string.Concat(judging.Render(judging.Context(pair.Prompt), first, second).Select(p => p.Text))}«{token}»");
            }
        }
    }

    private static string Spell(DialogueTemplate dialogue, PreferenceExample pair)
    {
        var turns = pair.Prompt.Append(new Turn(Role.Assistant, pair.Chosen)).ToList();
        return string.Concat(dialogue.Stretches(turns).Zip(turns.Where(t => t.Role == Role.Assistant), (stretch, answer) => $"{string.Concat(stretch.Select(p => p.Text))}«{answer.Content}»"));
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
