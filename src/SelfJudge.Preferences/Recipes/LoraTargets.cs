using System.Text.RegularExpressions;

namespace SelfJudge.Preferences.Recipes;

/// <summary>The projections that a LoRA adapter can be on, and how PEFT names them.</summary>
public static class LoraTargets
{
    /// <summary>PEFT's word for all of them.</summary>
    public const string AllLinear = "all-linear";

    // More than any model has: a pattern that tells layers apart matches some of them and not all.
    private const int Layers = 256;

    /// <summary>The seven projections of a layer, by their names in a checkpoint.</summary>
    public static IReadOnlyList<string> Modules { get; } = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

    /// <summary>
    /// The projections that PEFT's <c>target_modules</c> comes to: a module's name or the end of its path such as
    /// <c>self_attn.q_proj</c>, <c>all-linear</c>, or a regular expression that whole paths match.
    /// </summary>
    /// <exception cref="ArgumentException">A target is none of these, or names some layers only; the message says what can be
    /// named.</exception>
    public static IReadOnlyList<string> Resolve(IReadOnlyList<string> targets)
    {
        List<string> found = [.. targets.SelectMany(Named).Distinct()];
        return found.Count > 0 ? found : throw new ArgumentException($"name at least one projection: {Known}");
    }

    private static string Known => $"{string.Join(", ", Modules)}, or {AllLinear}";

    private static IReadOnlyList<string> Named(string target)
    {
        if (target == AllLinear || Modules.Contains(target))
            return target == AllLinear ? Modules : [target];
        if (Modules.Where(m => Path(0, m).EndsWith($".{target}", StringComparison.Ordinal)).ToList() is { Count: > 0 } ending)
            return ending;
        var matches = Matches(target);
        var named = new List<string>();
        foreach (var module in Modules)
            switch (Enumerable.Range(0, Layers).Count(layer => matches(Path(layer, module))))
            {
                case Layers:
                    named.Add(module);
                    break;
                case > 0:
                    throw new ArgumentException(
                        $"'{target}' names {module} of some layers only, and an adapter is on all of them; known are {Known}");
            }
        return named.Count > 0 ? named : throw new ArgumentException($"'{target}' is no module of the model; known are {Known}");
    }

    // A path names one module of one layer; anything else is a pattern.
    private static Func<string, bool> Matches(string target)
    {
        try
        {
            // Without backtracking a pattern cannot take for ever.
            var pattern = new Regex($@"\A(?:{target})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
            return path => path == target || path.EndsWith($".{target}", StringComparison.Ordinal) || pattern.IsMatch(path);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new ArgumentException(
                $"'{target}' is neither a module nor a regular expression that can be used ({e.Message}); known are {Known}", e);
        }
    }

    private static string Path(int layer, string module) =>
        $"model.layers.{layer}.{(module is "gate_proj" or "up_proj" or "down_proj" ? "mlp" : "self_attn")}.{module}";
}
