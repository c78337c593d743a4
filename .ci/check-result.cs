// Checks that a demo's folder is complete: what scripts rely on in result.json, and the files beside it.
using System.Text.Json.Nodes;

var folder = args[0];
var problems = new List<string>();
var result = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "result.json")))!;

void Need(JsonNode? parent, string where, params string[] keys)
{
    foreach (var key in keys)
        if (parent?[key] is null)
            problems.Add($"{where} lacks {key}");
}

Need(result, "result.json", "seed", "total_seconds", "judge_accuracy", "judge_swap_consistency", "stages", "policies", "triplets");
foreach (var stage in result["stages"]!.AsArray())
    Need(stage, $"stage {stage!["name"]}", "name", "seconds", "tokens", "tokens_per_second");
foreach (var policy in result["policies"]!.AsArray())
    Need(policy, $"policy {policy!["name"]}", "name", "gold_mean", "gold_by_principle", "win_rate", "win_rate_ci95", "mean_length",
        "repetition", "n_prompts");
Need(result["triplets"], "triplets", "made", "trained", "stale_refused", "identical_skipped", "duplicates_dropped");
string[] names = ["SFT", "JSFT", "DPO", "Off-policy", "Self-Judge", "JSFT + rejection N=4", "JSFT + rejection N=16",
    "Self-Judge + rejection N=4", "Self-Judge + rejection N=16"];
problems.AddRange(names.Except(result["policies"]!.AsArray().Select(p => (string)p!["name"]!)).Select(n => $"there is no policy {n}"));
string[] files = ["recipe.yaml", "metrics.jsonl", "report.html", "triplets.parquet", "final/config.json", "final/model.safetensors"];
problems.AddRange(files.Where(f => new FileInfo(Path.Combine(folder, f)) is not { Exists: true, Length: > 0 })
    .Select(f => $"{f} is missing or empty"));
if (!Directory.EnumerateFiles(Path.Combine(folder, "tensorboard"), "events.*", SearchOption.AllDirectories).Any())
    problems.Add("there are no TensorBoard files");
problems.ForEach(Console.Error.WriteLine);
return problems.Count == 0 ? 0 : 1;
