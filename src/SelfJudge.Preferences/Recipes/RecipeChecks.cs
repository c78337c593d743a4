using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Recipes;

/// <summary>What a recipe must keep to beyond the types of its keys.</summary>
internal static class RecipeChecks
{
    /// <summary>The first thing that is wrong, or null.</summary>
    public static (string Key, string What)? FindProblem(Recipe recipe) =>
        Checks(recipe).Where(c => !c.Holds).Select(c => ((string, string)?)(c.Key, c.Otherwise)).FirstOrDefault();

    private static IEnumerable<(bool Holds, string Key, string Otherwise)> Checks(Recipe recipe)
    {
        var data = recipe.Data;
        yield return (data.WorldPairs >= 0, "data.world_pairs", "must be 0 or more");
        yield return (data.WorldPairs > 0 || HasPairs(data) || data.Prompts is not null, "data", "give world_pairs, or a file of pairs or prompts");
        yield return (data.WorldPairs == 0 || !HasPairs(data) && data.Prompts is null, "data", "give world_pairs or files, not both");
        yield return (data.Pairs is null || data.Sources.Count == 0, "data.sources", "give pairs or sources, not both");
        yield return (data.Sources.All(source => source.Path.Length > 0 && source.Weight is > 0 and <= 1000), "data.sources", "each needs a path, and a weight of more than 0 and at most 1000");
        yield return (data.WorldExtraAnswers >= 0 && (data.WorldExtraAnswers == 0 || data.WorldPairs > 0), "data.world_extra_answers", "goes with world_pairs, 0 or more; for files there is extra_answers");
        yield return (data.ExtraAnswers is null || data.WorldPairs == 0, "data.extra_answers", "goes with files of pairs; for the world there is world_extra_answers");
        yield return (data.MaxMalformed is >= 0 and <= 1, "data.max_malformed", "is a share of the rows, from 0 to 1");
        yield return (recipe.Sampling.Problem() is null, "sampling", recipe.Sampling.Problem() ?? "");
        yield return (DialogueProblem(recipe.Model.DialogueTemplate) is null, "model.dialogue_template", DialogueProblem(recipe.Model.DialogueTemplate) ?? "");
        yield return (recipe.Model.MaxLength is null or >= 16, "model.max_length", "must be 16 or more tokens");
        yield return (recipe.Model.MaxActiveSequences is null or >= 1, "model.max_active_sequences", "must be 1 or more");
        yield return (recipe.Judge.Templates.Count > 0, "judge.templates", "name at least one template");
        foreach (var template in recipe.Judge.Templates.Concat(recipe.Judge.Endpoints.SelectMany(e => e.Templates)).Concat(recipe.Stages.SelectMany(s => s.JudgeTemplates ?? [])))
            yield return (JudgeTemplate.IsFile(template) || JudgeTemplate.BuiltIn.Any(t => t.Name == template), "judge.templates", $"'{template}' is unknown; known are {string.Join(", ", JudgeTemplate.BuiltIn.Select(t => t.Name))}, and .yaml files");
        foreach (var (i, endpoint) in recipe.Judge.Endpoints.Index())
        {
            var key = $"judge.endpoints[{i}]";
            yield return (endpoint.Name.Length > 0 && !IsTaken(endpoint.Name), key, $"needs a name that nothing else has, not '{endpoint.Name}'");
            yield return (endpoint.FindProblem() is null, key, endpoint.FindProblem() ?? "");
        }
        if (recipe.Model.Path is null)
        {
            var init = recipe.Model.Init;
            yield return (data.WorldPairs > 0, "model.path", "a random model knows the built-in world's words only: name a model folder, or use world_pairs");
            yield return (init.Heads > 0 && init.HiddenSize % init.Heads == 0, "model.init.heads", $"must divide hidden_size ({init.HiddenSize})");
            yield return (init.KeyValueHeads > 0 && init.Heads % init.KeyValueHeads == 0, "model.init.key_value_heads", $"must divide heads ({init.Heads})");
        }
        yield return (recipe.KeepCheckpoints >= 2, "keep_checkpoints", "must be 2 or more: a damaged checkpoint needs one before it");
        yield return (recipe.Stages.Count > 0, "stages", "a run needs at least one stage");
        for (var i = 0; i < recipe.Stages.Count; i++)
            foreach (var check in StageChecks(recipe, i))
                yield return check with { Key = $"stages[{i}].{check.Key}" };
        if (recipe.Evaluation is { } evaluation)
            foreach (var check in EvaluationChecks(recipe, evaluation))
                yield return check with { Key = $"evaluation.{check.Key}" };

        // A judge key says nothing but a name of what it means.
        bool IsTaken(string name) => name is StageRecipe.PolicyItself or EvaluationRecipe.Oracle || recipe.Stages.Any(s => s.Name == name) || recipe.Judge.Endpoints.Count(e => e.Name == name) > 1;
    }

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

    private static bool HasPairs(DataRecipe data) => data.Pairs is not null || data.Sources.Count > 0;

    private static IEnumerable<(bool Holds, string Key, string Otherwise)> StageChecks(Recipe recipe, int index)
    {
        var stage = recipe.Stages[index];
        var earlier = recipe.Stages.Take(index).Select(s => s.Name).ToList();
        var isOnPrompts = stage.Method.IsRollout();
        var isSupervised = stage.Method is StageMethod.Sft or StageMethod.Jsft;
        var isOnPairs = isSupervised || stage.Method is StageMethod.Dpo or StageMethod.Rm;
        yield return (stage.Name.Length > 0, "name", "every stage needs a name");
        yield return (stage.Name.IndexOfAny(['/', '\\', '.']) < 0, "name", "a name becomes a folder: leave out slashes and dots");
        yield return (!earlier.Contains(stage.Name), "name", $"'{stage.Name}' is taken by an earlier stage");
        yield return (stage.From is null || earlier.Contains(stage.From), "from", $"'{stage.From}' is not an earlier stage; those are {(earlier.Count == 0 ? "none" : string.Join(", ", earlier))}");
        yield return (stage.Epochs >= 0 && double.IsFinite(stage.Epochs), "epochs", "must be 0 or more");
        yield return (stage.Steps == 0 || stage.Epochs == 0, "epochs", "give steps or epochs, not both");
        yield return (stage.Steps > 0 || stage.Steps == 0 && stage.Epochs > 0, "steps", "must be 1 or more, or give epochs");
        yield return (stage.Epochs == 0 || !isOnPrompts || recipe.Data.WorldPairs == 0, "epochs", "the built-in world's prompts have no end: give steps");
        yield return (stage.LearningRate > 0, "learning_rate", "must be more than 0");
        yield return (stage.Warmup is >= 0 and <= 1, "warmup", "is a share of the steps, from 0 to 1");
        yield return (stage.CheckpointEvery > 0, "checkpoint_every", "must be 1 or more");
        yield return (!isSupervised || stage.PolicyExamples + stage.JudgePairs > 0, "policy_examples", "a supervised stage needs policy_examples per step, or judge_pairs");
        yield return (stage.Method != StageMethod.Sft || stage.JudgePairs == 0, "judge_pairs", "sft has no judge pairs; that is jsft");
        yield return (isSupervised || stage.Prompts > 0, "prompts", "must be 1 or more");
        yield return (!isOnPrompts || stage.Method.IsRewarded() || stage.Samples >= 2, "samples", "a preference needs at least 2 samples");
        yield return (!isOnPrompts || stage.Samples >= 1, "samples", "must be 1 or more");
        yield return (stage.Judge is null || isOnPrompts && !stage.Method.IsRewarded(), "judge", $"{stage.Method} asks no judge");
        yield return (stage.Judge != EvaluationRecipe.Oracle || recipe.Data.WorldPairs > 0, "judge", "only the built-in world has an oracle");
        yield return (stage.Judge != StageRecipe.PolicyItself || stage.Method == StageMethod.SelfJudge, "judge", $"{stage.Method} samples the initial policy, which judges by default");
        yield return (!stage.Method.IsRewarded() || stage.Reward is not null, "reward", $"{stage.Method} needs what rewards its samples: an earlier stage of method rm, or any other model, which then judges against a blank response");
        yield return (stage.Reward is null || stage.Method.IsRewarded(), "reward", $"{stage.Method} rewards nothing");
        yield return (stage.AcceptanceBeta > 0, "acceptance_beta", "must be more than 0");
        yield return (stage.JudgeTemplates is not { Count: 0 }, "judge_templates", "name at least one template");
        if (stage.Method == StageMethod.Rest)
        {
            yield return (stage.GrowSteps > 0 && stage.GrowSteps < stage.Steps, "grow_steps", "must be 1 or more, and fewer than the steps");
            yield return (stage.Thresholds.Count > 0 && stage.Thresholds.All(q => q is >= 0 and < 1), "thresholds", "are quantiles, from 0 to below 1");
            yield return (stage.PolicyExamples > 0, "policy_examples", "must be 1 or more: gathered responses per step");
        }
        if (stage.Method == StageMethod.Ppo)
        {
            yield return (stage.Ppo is { MiniBatch: > 0, InnerEpochs: > 0 }, "ppo.mini_batch", "mini_batch and inner_epochs must be 1 or more");
            yield return (stage.Ppo is { TargetKl: > 0, KlHorizon: > 0, ClipRange: > 0, ValueClipRange: > 0 }, "ppo.target_kl", "target_kl, kl_horizon and the clip ranges must be more than 0");
        }
        yield return (stage.Loss.Beta > 0, "loss.beta", "must be more than 0");
        yield return (stage.MaxStaleness >= 0, "max_staleness", "must be 0 or more");
        yield return (!isOnPairs || recipe.Data.WorldPairs > 0 || HasPairs(recipe.Data), "method", $"{stage.Method} learns from pairs, and data names none");
        yield return (!isOnPrompts || recipe.Data.WorldPairs > 0 || recipe.Data.Prompts is not null || HasPairs(recipe.Data), "method", $"{stage.Method} needs prompts, and data names none");
        if (stage.Adapter is { } adapter)
        {
            yield return (adapter.R > 0, "adapter.r", "must be 1 or more");
            yield return (adapter.Targets.Count > 0, "adapter.targets", "name at least one projection");
        }
    }

    private static IEnumerable<(bool Holds, string Key, string Otherwise)> EvaluationChecks(Recipe recipe, EvaluationRecipe evaluation)
    {
        var names = recipe.Stages.Select(s => s.Name).ToList();
        var isWorld = recipe.Data.WorldPairs > 0;
        yield return (isWorld || HasPairs(recipe.Data), "prompts", "data.prompts alone holds no prompts out to evaluate on; give data.pairs or data.sources");
        yield return (isWorld || evaluation.Judge != EvaluationRecipe.Oracle, "judge", "only the built-in world has an oracle; name a stage or a model folder");
        yield return (evaluation.Judge is null or EvaluationRecipe.Oracle || names.Contains(evaluation.Judge) || recipe.Judge.EndpointOf(evaluation.Judge) is not null || evaluation.Judge.IndexOfAny(['/', '\\']) >= 0 || Directory.Exists(evaluation.Judge), "judge",
            $"'{evaluation.Judge}' is neither '{EvaluationRecipe.Oracle}' nor a model folder nor one of judge.endpoints nor a stage; those are {string.Join(", ", names)}");
        yield return (isWorld || evaluation.Split == HeldOutSplit.Test, "split", "only the built-in world has validation prompts");
        yield return (names.Contains(evaluation.Baseline), "baseline", $"'{evaluation.Baseline}' is not a stage; those are {string.Join(", ", names)}");
        foreach (var name in evaluation.Rejection)
            yield return (names.Contains(name), "rejection", $"'{name}' is not a stage; those are {string.Join(", ", names)}");
        yield return (evaluation.RejectionSamples.All(n => n >= 1), "rejection_samples", "must be 1 or more");
    }
}
