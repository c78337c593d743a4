using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Recipes;

/// <summary>What a recipe must keep to beyond the types of its keys.</summary>
internal static class RecipeChecks
{
    private const int MaxStages = 1000;
    private const long MaxResponses = 1 << 20;
    private const double MaxParameters = 1e11;

    /// <summary>The first thing that is wrong, or null.</summary>
    public static (string Key, string What)? FindProblem(Recipe recipe) =>
        Checks(recipe).Where(c => !c.Holds).Select(c => ((string, string)?)(c.Key, c.Otherwise)).FirstOrDefault();

    private static IEnumerable<(bool Holds, string Key, string Otherwise)> Checks(Recipe recipe)
    {
        var data = recipe.Data;
        yield return (FolderName.FindProblem(recipe.Name) is null, "name", $"{FolderName.FindProblem(recipe.Name)}");
        yield return (data.WorldPairs > 0 || data.HasPairs || data.Prompts is not null, "data",
            "give world_pairs, or a file of pairs or prompts");
        yield return (data.WorldPairs == 0 || !data.HasPairs && data.Prompts is null, "data", "give world_pairs or files, not both");
        yield return (data.Pairs is null || data.Sources.Count == 0, "data.sources", "give pairs or sources, not both");
        yield return (data.WorldExtraAnswers == 0 || data.WorldPairs > 0, "data.world_extra_answers",
            "goes with world_pairs; for files there is extra_answers");
        yield return (data.ExtraAnswers is null || data.WorldPairs == 0, "data.extra_answers",
            "goes with files of pairs; for the world there is world_extra_answers");
        yield return (DialogueProblem(recipe.Model.DialogueTemplate) is null, "model.dialogue_template",
            DialogueProblem(recipe.Model.DialogueTemplate) ?? "");
        yield return (recipe.Judge.Templates.Count > 0, "judge.templates", "name at least one template");
        yield return (!recipe.Judge.Gate || recipe.Judge.GatePairs > 0, "judge.gate",
            "measures the judge on held-out pairs: give gate_pairs");
        yield return (!recipe.Judge.Gate || data.WorldPairs > 0 || data.HasPairs, "judge.gate",
            "measures the judge on held-out pairs, and data.prompts alone holds none out: give data.pairs or data.sources");
        foreach (var template in recipe.Judge.Templates.Concat(recipe.Judge.Endpoints.SelectMany(e => e.Templates))
            .Concat(recipe.Stages.SelectMany(s => s.JudgeTemplates ?? [])))
            yield return (JudgeTemplate.IsFile(template) || JudgeTemplate.BuiltIn.Any(t => t.Name == template), "judge.templates",
                $"'{template}' is unknown; known are {string.Join(", ", JudgeTemplate.BuiltIn.Select(t => t.Name))}, and .yaml files");
        foreach (var (i, endpoint) in recipe.Judge.Endpoints.Index())
        {
            var key = $"judge.endpoints[{i}]";
            yield return (endpoint.Name.Length > 0 && !IsTaken(endpoint.Name), key,
                $"needs a name that nothing else has, not '{endpoint.Name}'");
            yield return (endpoint.FindProblem() is null, key, endpoint.FindProblem() ?? "");
        }
        if (recipe.Model.Path is null)
        {
            var init = recipe.Model.Init;
            yield return (data.WorldPairs > 0, "model.path",
                "a random model knows the built-in world's words only: name a model folder, or use world_pairs");
            yield return (init.HiddenSize % init.Heads == 0, "model.init.heads", $"must divide hidden_size ({init.HiddenSize})");
            yield return (init.HiddenSize / init.Heads % 2 == 0, "model.init.heads",
                $"hidden_size ({init.HiddenSize}) divided by heads ({init.Heads}) must be even: rotary positions turn pairs of elements");
            yield return (init.Heads % init.KeyValueHeads == 0, "model.init.key_value_heads", $"must divide heads ({init.Heads})");
            yield return (Parameters(init) <= MaxParameters, "model.init",
                $"comes to {Parameters(init):0.##e+0} parameters; a random model has at most {MaxParameters:0e+0}");
        }
        yield return (recipe.Stages.Count is > 0 and <= MaxStages, "stages", $"a run has 1 to {MaxStages} stages");
        for (var i = 0; i < recipe.Stages.Count; i++)
            foreach (var check in StageChecks(recipe, i))
                yield return check with { Key = $"stages[{i}].{check.Key}" };
        if (recipe.Evaluation is { } evaluation)
            foreach (var check in EvaluationChecks(recipe, evaluation))
                yield return check with { Key = $"evaluation.{check.Key}" };

        // A judge key says nothing but a name of what it means.
        bool IsTaken(string name) => JudgeRef.IsWord(name) || recipe.Stages.Any(s => s.Name == name)
            || recipe.Judge.Endpoints.Count(e => e.Name == name) > 1;
    }

    // It may hold a secret and is not repeated.
    private const string AddressProblem = "an address goes into judge.endpoints, with a name; write that name here";

    private static string NoJudge(string named, string others, IReadOnlyList<string> stages) =>
        $"'{named}' is neither {others}; those are {Names(stages)}. A model folder is written as a path, such as ./{named}";

    private static string NoEarlier(string named, IReadOnlyList<string> earlier) =>
        $"'{named}' is no earlier stage; those are {Names(earlier)}";

    private static string Names(IReadOnlyList<string> stages) => stages.Count == 0 ? "none" : string.Join(", ", stages);

    // A stage with examples of one task only has nothing to learn where that task weighs nothing.
    private static bool Learns(StageRecipe stage) => stage.PolicyExamples > 0 && stage.LossWeights.Response > 0
        || stage.JudgePairs > 0 && (stage.LossWeights.JudgeToken > 0 || stage.LossWeights.Rationale > 0
            || stage.LossWeights.JudgePrompt > 0);

    private static double Parameters(InitRecipe init) =>
        (double)init.Layers * init.HiddenSize * (2.0 * init.HiddenSize * (1 + (double)init.KeyValueHeads / init.Heads)
            + 3.0 * init.IntermediateSize);

    private static string? DialogueProblem(string template)
    {
        try
        {
            _ = template == DialogueTemplate.Auto ? null : DialogueTemplate.ByName(template);
            return null;
        }
        catch (ArgumentException e)
        {
            return e.Message;
        }
    }

    private static IEnumerable<(bool Holds, string Key, string Otherwise)> StageChecks(Recipe recipe, int index)
    {
        var stage = recipe.Stages[index];
        var spec = stage.Spec;
        var method = spec.Name;
        var earlier = recipe.Stages.Take(index).Select(s => s.Name).ToList();
        var isOnPrompts = spec.IsRollout;
        var isSupervised = spec.Data == StepData.Examples;
        yield return (FolderName.FindProblem(stage.Name) is null, "name", $"{FolderName.FindProblem(stage.Name)}");
        yield return (!stage.Name.Contains('.', StringComparison.Ordinal), "name",
            "leave out dots: settings such as stages.NAME.steps=5 go by them");
        yield return (stage.Name is not (JudgeRef.Policy.Word or JudgeRef.Oracle.Word), "name",
            $"'{stage.Name}' means something else where a judge is named");
        yield return (stage.Name != EvaluationRecipe.Start, "name", "'start' is the model that the run starts from");
        yield return (!earlier.Contains(stage.Name, StringComparer.OrdinalIgnoreCase), "name",
            $"'{stage.Name}' is taken by an earlier stage");
        yield return (stage.From is null || earlier.Contains(stage.From), "from",
            $"'{stage.From}' is not an earlier stage; those are {Names(earlier)}");
        if (recipe.Stages.Take(index).FirstOrDefault(s => s.Name == stage.From) is { } start && recipe.AdapterOf(start) is not null)
        {
            yield return (stage.Adapter is null, "adapter",
                $"stage {start.Name}, which it starts from, has an adapter already: leave it out to train that one on");
            yield return (spec.Head == MethodHead.None || start.Spec.Head == MethodHead.Reward, "from",
                $"{method} adds a scalar head, which the adapter of stage {start.Name} does not have: start from a stage of whole weights");
        }
        yield return (stage.Steps == 0 || stage.Epochs == 0, "epochs", "give steps or epochs, not both");
        yield return (stage.Steps > 0 || stage.Steps == 0 && stage.Epochs > 0, "steps", "must be 1 or more, or give epochs");
        yield return (stage.Epochs == 0 || !isOnPrompts || recipe.Data.WorldPairs == 0, "epochs",
            "the built-in world's prompts have no end: give steps");
        yield return (!isSupervised || stage.PolicyExamples > 0 || stage.JudgePairs > 0, "policy_examples",
            "a supervised stage needs policy_examples per step, or judge_pairs");
        yield return (isSupervised || stage.Prompts > 0, "prompts", "must be 1 or more");
        yield return (!isOnPrompts || (long)stage.Prompts * stage.Samples <= MaxResponses, "samples",
            $"{stage.Prompts} prompts of {stage.Samples} samples are more than {MaxResponses} responses in a step");
        yield return (!isOnPrompts || spec.IsRewarded || stage.Samples >= 2, "samples", "a preference needs at least 2 samples");
        foreach (var check in JudgeChecks(recipe, stage, earlier).Concat(RewardChecks(recipe, stage, earlier)))
            yield return check;
        yield return (!spec.IsRewarded || stage.Reward is not null, "reward",
            $"{method} needs what rewards its samples: an earlier stage of method rm, or any other model, which then judges against a "
            + $"blank response");
        yield return (!isSupervised || Learns(stage), "loss_weights",
            "give a weight of more than 0 to what the stage learns, or it learns nothing");
        yield return (stage.JudgeTemplates is not { Count: 0 }, "judge_templates", "name at least one template");
        foreach (var check in stage.Loss.Checks())
            yield return check with { Key = $"loss.{check.Key}" };
        yield return (!stage.Loss.NeedsBaseline || stage.Prompts > 1, "prompts",
            "must be 2 or more: kto measures prompts with responses to others");
        foreach (var check in spec.Checks(stage))
            yield return check;
        yield return (isOnPrompts || recipe.Data.WorldPairs > 0 || recipe.Data.HasPairs, "method",
            $"{method} learns from pairs, and data names none");
        yield return (!isOnPrompts || recipe.Data.WorldPairs > 0 || recipe.Data.Prompts is not null || recipe.Data.HasPairs, "method",
            $"{method} needs prompts, and data names none");
    }

    private static IEnumerable<(bool Holds, string Key, string Otherwise)> JudgeChecks(Recipe recipe, StageRecipe stage,
        IReadOnlyList<string> earlier)
    {
        const string Others = "'oracle' nor 'policy' nor 'start' nor one of judge.endpoints nor an earlier stage";
        if (stage.Judge is not { } named)
            yield break;
        yield return (!JudgeRef.IsAddress(named), "judge", AddressProblem);
        var judge = JudgeRef.Parse(named, recipe);
        yield return (judge is not null, "judge", NoJudge(named, Others, earlier));
        yield return (judge is not JudgeRef.Stage of || earlier.Contains(of.Of), "judge", NoEarlier(named, earlier));
        yield return (judge is not JudgeRef.Oracle || recipe.Data.WorldPairs > 0, "judge", "only the built-in world has an oracle");
        yield return (!stage.Prior.IsUsed || judge is not JudgeRef.Oracle, "prior",
            "it is added to a judge's log-odds, and the oracle gives none");
        yield return (!stage.Prior.IsUsed || judge is not JudgeRef.Endpoint, "prior",
            "it is added to a judge's log-odds, and an endpoint gives letters without any: name a model as judge, or leave the prior out");
        var isPolicys = judge is JudgeRef.Policy && !stage.Spec.IsOnPolicy;
        yield return (!isPolicys, "judge", $"{stage.Spec.Name} samples the initial policy, which judges by default");
    }

    private static IEnumerable<(bool Holds, string Key, string Otherwise)> RewardChecks(Recipe recipe, StageRecipe stage,
        IReadOnlyList<string> earlier)
    {
        if (stage.Reward is not { } named)
            yield break;
        yield return (!JudgeRef.IsAddress(named), "reward", AddressProblem);
        var judge = JudgeRef.Parse(named, recipe);
        yield return (judge is not null, "reward", NoJudge(named, "'start' nor an earlier stage", earlier));
        yield return (judge is not JudgeRef.Stage of || earlier.Contains(of.Of), "reward", NoEarlier(named, earlier));
        yield return (judge is not JudgeRef.Oracle, "reward", "the oracle compares, and gives no rewards");
        yield return (judge is not JudgeRef.Endpoint, "reward", "an endpoint compares, and gives no rewards");
        yield return (judge is not JudgeRef.Policy, "reward", "the policy does not reward itself");
    }

    private static IEnumerable<(bool Holds, string Key, string Otherwise)> EvaluationChecks(Recipe recipe, EvaluationRecipe evaluation)
    {
        var names = recipe.Stages.Select(s => s.Name).ToList();
        var isWorld = recipe.Data.WorldPairs > 0;
        yield return (isWorld || recipe.Data.HasPairs, "prompts",
            "data.prompts alone holds no prompts out to evaluate on; give data.pairs or data.sources");
        if (evaluation.Judge is { } named)
        {
            yield return (!JudgeRef.IsAddress(named), "judge", AddressProblem);
            var judge = JudgeRef.Parse(named, recipe);
            yield return (isWorld || judge is not JudgeRef.Oracle, "judge",
                "only the built-in world has an oracle; name a stage or a model folder");
            yield return (judge is not (null or JudgeRef.Policy), "judge",
                NoJudge(named, "'oracle' nor 'start' nor one of judge.endpoints nor a stage", names));
        }
        yield return (isWorld || evaluation.Split == HeldOutSplit.Test, "split", "only the built-in world has validation prompts");
        yield return (IsModel(evaluation.Baseline!), "baseline",
            $"'{evaluation.Baseline}' is neither a stage nor '{EvaluationRecipe.Start}', the model that the run starts from; stages are "
            + $"{string.Join(", ", names)}");
        foreach (var name in evaluation.Rejection)
            yield return (IsModel(name), "rejection",
                $"'{name}' is neither a stage nor '{EvaluationRecipe.Start}', the model that the run starts from; stages are "
                + $"{string.Join(", ", names)}");

        bool IsModel(string name) => name == EvaluationRecipe.Start || names.Contains(name);
    }
}
