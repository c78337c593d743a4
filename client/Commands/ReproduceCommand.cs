using System.CommandLine;
using SelfJudge.CommandLine;
using SelfJudge.Runs.Folders;
using SelfJudge.World.Reproduction;

namespace SelfJudge.Client.Commands;

/// <summary>The paper's tables and figures, on the built-in world.</summary>
internal static class ReproduceCommand
{
    private const int QuickPrompts = 24;

    public static Command Create()
    {
        var known = PaperTables.All.Select(t => t.Id).ToList();
        var what = new Argument<string?>("what")
        {
            Description = "all, where neither --table nor --figure is given.",
            Arity = ArgumentArity.ZeroOrOne
        };
        var table = new Option<string[]>(
            "--table")
        {
            Description =
            $"A table of the paper: {string.Join(", ", known.Where(k => !k.Contains(' ', StringComparison.Ordinal)))}.",
            AllowMultipleArgumentsPerToken = true
        };
        var figure = new Option<string[]>("--figure")
        {
            Description = "A figure of the paper: 4 or 5.",
            AllowMultipleArgumentsPerToken = true
        };
        var choose = new Option<string[]>(
            "--settings")
        {
            Description =
            $"No tables: the grid of settings on validation prompts, by which the recipes' were chosen; of all methods, or of "
            + $"{string.Join(", ", SettingGrid.All.Select(g => g.Recipe).Distinct())}.",
            Arity = ArgumentArity.ZeroOrMore,
            AllowMultipleArgumentsPerToken = true
        };
        var seeds = CommonOptions.Seeds("Seeds 1 to K; intervals are over seeds and prompts.", 3);
        var quick = new Option<bool>("--quick")
        {
            Description =
            "Everything with a fortieth of the steps, on few prompts: shows that it runs; its figures mean nothing."
        };
        var settings = CommonOptions.Settings();
        var output = CommonOptions.Out();
        var command = new Command("reproduce", "Run what the paper's tables compare, and show its figures beside ours.") { what, table,
            figure, choose, seeds, quick, settings, output };
        command.SetAction((parse, cancellation) =>
        {
            var ids = (parse.GetValue(table) ?? []).Concat((parse.GetValue(figure) ?? []).Select(f => $"figure {f}")).ToList();
            if (parse.GetValue(what) is { } word && (word != "all" || ids.Count > 0))
                throw new UserError($"'{word}': say all, or name tables and figures with --table and --figure");
            if (ids.Find(id => !known.Contains(id)) is { } unknown)
            {
                var asked = unknown.StartsWith("figure", StringComparison.Ordinal) ? $"--figure {unknown[7..]}" : $"--table {unknown}";
                throw new UserError($"{asked}: known are {string.Join(", ", known)}");
            }
            var choosing = parse.GetResult(choose) is not null;
            var named = parse.GetValue(choose) ?? [];
            if (choosing && (ids.Count > 0 || parse.GetValue(what) is not null))
                throw new UserError("--settings makes no tables: leave all, --table and --figure out");
            if (named.FirstOrDefault(n => SettingGrid.All.All(g => g.Recipe != n)) is { } other)
                throw new UserError($"--settings {other}: known are {string.Join(", ", SettingGrid.All.Select(g => g.Recipe).Distinct())}");
            if (parse.GetValue(quick))
                Console.WriteLine("--quick: a fortieth of the steps; its figures mean nothing");
            // One folder by default, so that a second call goes on with the first one's runs.
            var root = OutputPlace.Folder(parse.GetValue(output)
                ?? Path.Combine(RunNames.Root, (choosing ? "settings" : "reproduce") + (parse.GetValue(quick) ? "-quick" : "")));
            RunMarker.Check(new RunFolder(root), RunMarker.Runs);
            // What a run leaves is measured on one kind of prompts: those of settings stay apart from those of tables.
            var stages = new StageRuns(choosing ? Path.Combine(root, "validation") : root, parse.GetValue(quick),
                parse.GetValue(settings) ?? []);
            var prompts = parse.GetValue(quick) ? QuickPrompts : 0;
            return choosing
                ? new SettingSearch(root, stages, [.. SettingGrid.All.Where(g => named.Length == 0 || named.Contains(g.Recipe))],
                    parse.GetValue(seeds), prompts).Run(parse.GetValue(CommandLineProgram.Verbose), cancellation)
                : new Reproduction(root, stages, [.. PaperTables.All.Where(t => ids.Count == 0 || ids.Contains(t.Id))],
                    parse.GetValue(seeds), prompts).Run(parse.GetValue(CommandLineProgram.Verbose), cancellation);
        });
        return command;
    }
}
