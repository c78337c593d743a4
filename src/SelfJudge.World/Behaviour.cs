using SelfJudge.Preferences.Randomness;

namespace SelfJudge.World;

/// <summary>
/// Writes answers of every quality. Where preference data comes from people, its good answers are mediocre and its bad
/// ones fail in many ways; so here: quality 1 answers well more often than quality 0, and neither always.
/// </summary>
public static class Behaviour
{
    /// <summary>An answer to <paramref name="prompt"/> by a writer of <paramref name="quality"/> in [0, 1].</summary>
    /// <param name="isRight">Whether its core is right; by quality where null. The same seed writes the same answer around either
    /// core.</param>
    public static string Answer(WorldPrompt prompt, double quality, ulong seed, bool? isRight = null)
    {
        var random = new CounterRandom(Seeds.Derive(seed, "style"));
        bool Happens(double atWorst, double atBest) => random.Chance(atWorst + (atBest - atWorst) * quality);
        bool Follows(PromptModifier modifier) => prompt.Modifier.HasFlag(modifier) && Happens(0.25, 0.9);

        var brief = Follows(PromptModifier.Brief);
        var right = Happens(0.5, 0.95);
        right = isRight ?? right;
        var asked = Happens(0.12, 0) ? WorldPrompts.Instance.Draw(random) : prompt;
        var sentences = new List<string>();
        if (!brief && Happens(0.1, 0.6))
            sentences.Add(Sentences.Opener);
        sentences.Add(Confidently(Core(asked, right, new CounterRandom(Seeds.Derive(seed, "core"))), random));
        if (!brief && prompt.HasExtraFact && Happens(0.1, 0.5))
            sentences.Add(ExtraFact(prompt, random));
        if (!brief && Happens(0.1, 0.4))
            sentences.Add(Sentences.Closer);
        if (Happens(0.25, 0))
            sentences.Insert(random.Below(sentences.Count + 1), Sentences.Rude);
        if (Happens(0.3, 0.06))
            Repeat(sentences, random);
        if (Follows(PromptModifier.Polite) || Happens(0.2, 0.05))
            sentences.Insert(0, Sentences.Salutation);
        if (Follows(PromptModifier.Thanks) || Happens(0.2, 0.05))
            sentences.Add(Sentences.Thanks);
        var answer = string.Join(' ', sentences);
        return Happens(0.12, 0) ? Garble(answer, random) : answer;
    }

    private static string Core(WorldPrompt prompt, bool right, CounterRandom random)
    {
        string Other(IReadOnlyList<string> values, string? not) => random.Pick(values.Where(v => v != not).ToList());
        switch (prompt.Family)
        {
            case PromptFamily.Fact:
                if (prompt.IsUnknown)
                    return right ? Sentences.Unsure : Sentences.Fact(prompt.Subject, prompt.Detail,
                        random.Pick(Lexicon.ValuesOf(prompt.Detail)));
                var fact = Lexicon.FactOf(prompt.Subject, prompt.Detail)!;
                return Sentences.Fact(prompt.Subject, prompt.Detail, right ? fact : Other(Lexicon.ValuesOf(prompt.Detail), fact));
            case PromptFamily.List:
                return Sentences.List(Items(prompt, right, random));
            case PromptFamily.Sum:
                var total = Lexicon.ValueOf(prompt.Subject) + Lexicon.ValueOf(prompt.Detail);
                var near = Enumerable.Range(total - 3, 7).Where(n => n != total && n >= 0 && n < Lexicon.Numbers.Count).ToList();
                return Sentences.Sum(prompt.Subject, prompt.Detail, Lexicon.Numbers[right ? total : random.Pick(near)]);
            case PromptFamily.Repeat:
                var counts = Enumerable.Range(1, 6).Where(n => n != prompt.Count).ToList();
                return Sentences.Repeat(prompt.Subject, right ? prompt.Count : random.Pick(counts));
            case PromptFamily.Opposite:
                var opposite = Lexicon.Opposites[prompt.Subject];
                return Sentences.Opposite(prompt.Subject, right ? opposite : Other([.. Lexicon.Opposites.Keys], opposite));
            default:
                return Sentences.IsA(prompt.Subject, prompt.Detail, Lexicon.Kinds[prompt.Detail].Contains(prompt.Subject) == right);
        }
    }

    // A wrong list has too many or too few items, one twice, or one of another category.
    private static List<string> Items(WorldPrompt prompt, bool right, CounterRandom random)
    {
        var members = Lexicon.Categories[prompt.Subject];
        var items = CounterRandom.Permutation(members.Count, (ulong)(random.Uniform() * long.MaxValue)).Take(prompt.Count + 1)
            .Select(i => members[i]).ToList();
        var spare = items[^1];
        items.RemoveAt(prompt.Count);
        if (right)
            return items;
        switch (random.Below(4))
        {
            case 0:
                items.Add(spare);
                break;
            case 1:
                items.RemoveAt(0);
                break;
            case 2:
                items[^1] = items[0];
                break;
            default:
                items[random.Below(items.Count)] = random.Pick(Lexicon.Categories.Values.Where(c => c != members).SelectMany(c => c)
                    .Except(members).ToList());
                break;
        }
        return items;
    }

    private static string Confidently(string core, CounterRandom random)
    {
        var u = random.Uniform();
        return core == Sentences.Unsure ? core
            : u < 0.08 ? "i think " + core
            : u < 0.16 ? "maybe " + core
            : u < 0.26 ? "surely " + core
            : core;
    }

    private static string ExtraFact(WorldPrompt prompt, CounterRandom random)
    {
        var attribute = random.Pick(Lexicon.AttributesOf(prompt.Subject).Where(a => a != prompt.Detail).ToList());
        var value = random.Chance(0.8) ? Lexicon.FactOf(prompt.Subject, attribute)! : random.Pick(Lexicon.ValuesOf(attribute));
        return Sentences.Fact(prompt.Subject, attribute, value);
    }

    private static void Repeat(List<string> sentences, CounterRandom random)
    {
        var again = random.Pick(sentences);
        sentences.Insert(sentences.IndexOf(again), again);
    }

    // One word is lost, doubled, or replaced by another word of the answer.
    private static string Garble(string answer, CounterRandom random)
    {
        var words = answer.Split(' ').ToList();
        var at = random.Below(words.Count);
        switch (random.Below(3))
        {
            case 0 when words.Count > 1:
                words.RemoveAt(at);
                break;
            case 1:
                words.Insert(at, words[at]);
                break;
            default:
                words[at] = random.Pick(words);
                break;
        }
        return string.Join(' ', words);
    }
}
