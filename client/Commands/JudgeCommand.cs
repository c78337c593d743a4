using System.CommandLine;
using System.Globalization;
using SelfJudge.Abstractions;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client.Commands;

/// <summary>One verdict on two responses (section 3.1).</summary>
internal static class JudgeCommand
{
    public static Command Create()
    {
        var prompt = new Option<string>("--prompt") { Description = "What the two responses answer.", Required = true };
        var a = new FreeText("--a") { Description = "The first response.", Required = true };
        var b = new FreeText("--b") { Description = "The second response.", Required = true };
        var judgeTemplate = new Option<string?>("--judge-template")
        {
            Description =
            "The judge template by name or .yaml file; the run's own, or that of Table 14, if left out."
        };
        var model = new ModelOptions();
        var command = new Command("judge", "Judge two responses to a prompt, in both orders.") { prompt, a, b, judgeTemplate };
        model.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            var resolved = model.Resolve(parse, parse.GetValue(judgeTemplate));
            await using var loaded = await model.Open(parse, resolved);
            try
            {
                var verdict = (await loaded.Judge.Judge(
                    new JudgeRequest(resolved.Id, [new Turn(Role.User, parse.GetValue(prompt)!)],
                    [new ResponsePair(parse.GetValue(a)!, parse.GetValue(b)!)], resolved.JudgeTemplates, null), cancellation))[0];
                if (verdict.Judgments.Count == 0)
                {
                    Console.WriteLine("verdict: tie, the two responses are identical");
                    return RunExecutor.Succeeded;
                }
                foreach (var (template, j) in resolved.JudgeTemplates.Zip(verdict.Judgments))
                {
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"template {template}"));
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"  a first:  p(A) {j.Forward.A:0.000000}  p(B) {j.Forward.B:0.000000}"));
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"  b first:  p(A) {j.Swapped.A:0.000000}  p(B) {j.Swapped.B:0.000000}"));
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"  score a {j.ScoreFirst:0.000000}, score b {j.ScoreSecond:0.000000}; the orders "
                        + $"{(j.OrdersAgree ? "agree" : "disagree")}; vote {Name(j.Vote)}"));
                }
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"votes: a {verdict.VotesFirst}, b {verdict.VotesSecond}; mean score a {verdict.ScoreFirst:0.000000}, b "
                    + $"{verdict.ScoreSecond:0.000000}"));
                if (!verdict.OrdersAgree)
                    Console.WriteLine("the two orders disagree; their mean decides here, and where policies are compared this is a tie");
                Console.WriteLine($"verdict: {Name(verdict.Winner)}");
                return RunExecutor.Succeeded;
            }
            catch (ArgumentException e)
            {
                throw new UserError(e.Message);
            }
        });
        return command;
    }

    private static string Name(int winner) => winner switch { 1 => "a", 2 => "b", _ => "tie" };
}
