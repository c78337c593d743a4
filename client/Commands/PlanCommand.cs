using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SelfJudge.CommandLine;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Runs.Planning;

namespace SelfJudge.Client.Commands;

/// <summary>What a run will need, before it starts.</summary>
internal static class PlanCommand
{
    private const int NameWidth = 42;

    private static readonly JsonSerializerOptions Json =
        new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    public static Command Create()
    {
        var recipe = new Option<string>("--recipe")
        {
            Description =
            "The recipe file, or the name of one that comes with the program (recipes list).",
            Required = true
        };
        var model = new Option<string?>("--model")
        {
            Description =
            "The Hugging Face folder of the model to start from; one with only a config.json has its figures computed."
        };
        var data = new Option<string?>("--data")
        {
            Description =
            "Preference data, a file or a folder, in place of the data that the recipe names."
        };
        var settings = new Option<string[]>("--set") { Description = "A key of the recipe and its value, as key=value." };
        var device = new Option<string>("--device") { Description = "cpu, or cuda:N.", DefaultValueFactory = _ => "cpu" };
        var dtype = Options.Choice("--dtype", WeightDtypes.Meaning, Options.NamesOf<WeightDtype>(), "auto")!;
        var memory = Options.Size("--memory", "The device's memory; on a CPU this machine's if left out.");
        var noDryRun = new Option<bool>("--no-dry-run") { Description = "Compute only; measure nothing." };
        var json = new Option<bool>("--json") { Description = "One JSON object instead." };
        var command = new Command("plan", "Say what a run will need: memory, batches, disk, time.") { recipe, model, data, settings, device,
            dtype, memory, noDryRun, json };
        command.SetAction(async (parse, cancellation) =>
        {
            var target = Target(parse.GetValue(device)!, parse.GetValue(dtype)!, parse.GetValue(memory));
            var (loaded, read) = RunRecipe.LoadForPlan(parse.GetValue(recipe)!, parse.GetValue(model),
                parse.GetValue(data) is { } one ? [one] : [], parse.GetValue(settings) ?? []);
            var planner = new RunPlanner(loaded, read, target);
            RunPlan plan;
            try
            {
                plan = await planner.Plan(!parse.GetValue(noDryRun), what => Console.Error.WriteLine(what), cancellation);
            }
            catch (ArgumentException e)
            {
                throw new UserError(e.Message); // a template that this tokenizer or length has no room for
            }
            if (parse.GetValue(json))
                Terminal.Data.WriteLine(JsonSerializer.Serialize(plan, Json));
            else
                Print(plan);
        });
        return command;
    }

    private static PlanTarget Target(string device, string dtype, long? memory)
    {
        var isCuda = device == "cuda" || device.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(device["cuda:".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out _);
        if (device != "cpu" && !isCuda)
            throw new UserError($"--device {device}: known are cpu and cuda:N, such as cuda:0");
        WeightDtype chosen;
        try
        {
            chosen = WeightDtypes.Resolve(dtype, device);
        }
        catch (DeviceException e)
        {
            throw new UserError($"--{e.Message}");
        }
        var frozen = chosen switch
        {
            WeightDtype.Auto => isCuda ? 2 : 4,
            WeightDtype.Float32 => 4,
            _ => 2,
        };
        return new PlanTarget(device, frozen, memory is not null ? memory : isCuda ? null : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            new ModelHostOptions
            {
                Name = "plan",
                Dtype = chosen == WeightDtype.Rounded ? chosen : frozen == 2 ? WeightDtype.BFloat16
            : WeightDtype.Float32
            });
    }

    private static void Print(RunPlan plan)
    {
        Console.WriteLine($"{plan.Recipe}: {plan.Model ?? "a model of random weights"}, {plan.Parameters:N0} parameters; "
            + $"{plan.Device}{(plan.Workers > 1 ? $", {plan.Workers} workers" : "")}, base weights {plan.Dtype}");
        Console.WriteLine($"data: {plan.Data ?? "not at hand"}; sequences of up to {plan.MaxLength:N0} tokens");
        foreach (var stage in plan.Stages)
            Print(plan, stage);
        if (plan.Seconds is { } seconds)
            Console.WriteLine($"\nall steps: about {Time(seconds)}");
        foreach (var note in plan.Notes)
            Console.WriteLine($"note: {note}");
    }

    private static void Print(RunPlan plan, StagePlan stage)
    {
        Console.WriteLine($"\n{stage.Name} ({stage.Method}), "
            + $"{(stage.Steps > 0 ? $"{stage.Steps:N0} steps" : $"{stage.Epochs} epoch{(stage.Epochs == 1 ? "" : "s")} of the data")}");
        Line("parameters held", $"{stage.Held:N0}");
        Line("parameters trained", $"{stage.Trained:N0}");
        Line("a step learns from", $"{stage.Batch.Sequences:N0} sequences, the longest of {stage.Batch.Longest:N0} tokens");
        Line("tokens learned from in a step",
            $"{(stage.Batch.SampledPerStep > 0 || plan.Data is null ? "up to" : "about")} {stage.Batch.TrainedPerStep:N0}; at once up to "
            + $"{stage.Batch.Packed:N0}");
        if (stage.Batch.SampledPerStep > 0)
            Line("sampled and judged in a step",
                $"up to {stage.Batch.SampledPerStep:N0} and {stage.Batch.JudgedPerStep:N0} tokens; {stage.Batch.ActiveSequences:N0} "
                + $"sequences at once");
        foreach (var item in stage.Memory)
            Line($"memory: {item.Role}", $"{Size(item.Bytes),10}  {(item.OnDevice || plan.Device == "cpu" ? plan.Device : "host")}");
        Line("memory: in all", $"{Size(stage.DeviceBytes),10}  {plan.Device}{Verdict(plan, stage)}");
        foreach (var remedy in stage.Remedies)
            Line("  with", $"{Size(remedy.DeviceBytes),10}  {remedy.Setting}");
        Line("a checkpoint on disk",
            $"{Size(stage.CheckpointBytes),10}, {stage.CheckpointsKept} kept; the stage's model {Size(stage.OutputBytes)}");
        if (stage.Measured is not { } measured)
            return;
        if (measured.GrownBytes is { } grown)
            Line("measured: peak of the process",
                $"{Size(measured.PeakBytes!.Value),10}, of which {Size(grown)} beside the program itself");
        Line("measured: a typical step", measured.SamplingSeconds > 0
            ? $"{measured.StepSeconds:0.00} s: sampling {measured.SamplingSeconds:0.00}, judging {measured.JudgingSeconds:0.00}, training "
                + $"{measured.TrainingSeconds:0.00}"
            : $"{measured.StepSeconds:0.00} s");
        if (stage.Steps > 0)
            Line("measured: the stage", $"about {Time(stage.Steps * measured.StepSeconds)}");
    }

    private static string Verdict(RunPlan plan, StagePlan stage) => stage.Fits switch
    {
        null => "",
        true => $": fits into {Size(plan.Memory!.Value)}, {Size(plan.Memory.Value - stage.DeviceBytes)} are left",
        false => $": does not fit into {Size(plan.Memory!.Value)}, {Size(stage.DeviceBytes - plan.Memory.Value)} too much",
    };

    private static void Line(string name, string value) => Console.WriteLine($"  {name.PadRight(NameWidth)}{value}");

    private static string Size(long bytes) =>
        bytes >= 1e9 ? $"{bytes / 1e9:0.00} GB" : bytes >= 1e6 ? $"{bytes / 1e6:0.0} MB" : $"{bytes / 1e3:0.0} kB";

    private static string Time(double seconds) =>
        seconds < 120 ? $"{seconds:0} s" : seconds < 7200 ? $"{seconds / 60:0} min" : $"{seconds / 3600:0.0} h";
}
