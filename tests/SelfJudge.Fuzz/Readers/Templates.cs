using SelfJudge.Fuzz.Mutations;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Fuzz.Readers;

/// <summary>A user's own dialogue templates and judge templates.</summary>
internal sealed class Templates : FuzzedReader
{
    private const string Dialogue = "dialogue.yaml", Judge = "judge.yaml", Said = "what was said", First = "the first answer",
        Second = "the second answer";

    private static readonly string[] Dialogues =
    [
        "name: mine\nsystem: \"<|system|>{content}<|end|>\"\nuser: \"<|user|>{content}<|end|>\"\nassistant: "
            + "\"<|assistant|>{content}<|end|>\"\nsystem_message: Be brief.\nuser_after_system: \"{content}<|end|>\"\n",
        "name: plain\nsystem: |\n  {content}\nuser: |\n  Human: {content}\nassistant: |\n  Model: {content}\n",
        """{"name": "flow", "system": "{content}", "user": "{content}\n", "assistant": "{content}"}""",
    ];

    private static readonly string[] Judges =
    [
        "name: mine\ntext: \"{context}\\n1: {response_a}\\n2: {response_b}\\nA for the first, B for the second: \"\nprinciple: "
            + "honesty\nuser: \"Human: {content}\"\nassistant: \"Model: {content}\"\n",
        "name: block\ntext: |-\n  {context}\n  A: {response_a}\n  B: {response_b}\n  Better:\n",
        """{"name": "flow", "text": "{context} {response_a} {response_b}"}""",
    ];

    private static readonly string[] Vocabulary =
        [.. TextMutation.Words([.. Dialogues, .. Judges]), "{content}", "{context}", "{response_a}", "{response_b}"];

    public override string Name => "templates";

    public override FuzzInput Make(Random random)
    {
        var (name, seeds) = random.Next(2) == 0 ? (Dialogue, Dialogues) : (Judge, Judges);
        return FuzzInput.Of((name, random.Next(4) == 0 ? Mutation.Json(random, seeds[2..], Vocabulary)
            : Mutation.Text(random, seeds, Vocabulary)));
    }

    public override bool Read(string folder, FuzzInput input)
    {
        var path = Path.Combine(folder, input.Files.Keys.Single());
        if (input.Files.ContainsKey(Dialogue))
        {
            var parts = DialogueTemplate.ByName(path)
                .Stretches([new Turn(Role.System, First), new Turn(Role.User, Said), new Turn(Role.Assistant, Second),
                new Turn(Role.User, Said)]).SelectMany(s => s);
            BrokenPromise.Unless(parts.Count(p => p.Text == Said && !p.IsControl) == 2, "a turn is not in what the template makes of it");
        }
        else
        {
            var template = JudgeTemplate.ByName(path);
            var parts = template.Render(template.Context([new Turn(Role.User, Said)]), First, Second);
            BrokenPromise.Unless(parts.Any(p => p.Text.Contains(Said, StringComparison.Ordinal)) && parts.Count(p => p.Text == First) == 1
                && parts.Count(p => p.Text == Second) == 1, "a response is not in what the template makes of it");
        }
        return true;
    }

    // Who names the file on a command line or in a recipe is told in their own words.
    public override bool IsRefusal(Exception e) => e.GetType() == typeof(ArgumentException) || base.IsRefusal(e);
}
