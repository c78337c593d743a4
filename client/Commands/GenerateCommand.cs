using System.CommandLine;
using SelfJudge.Abstractions;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client.Commands;

/// <summary>One answer to one prompt, written out as it comes.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        var prompt = new Option<string>("--prompt") { Description = "What the user says.", Required = true };
        var (model, sampling) = (new ModelOptions(), new SamplingChoices());
        var command = new Command("generate", "Answer one prompt.") { prompt };
        model.AddTo(command);
        sampling.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            var resolved = model.Resolve(parse);
            var settings = sampling.Resolve(parse, resolved.Sampling);
            await using var loaded = await model.Open(parse, resolved);
            try
            {
                await foreach (var piece in loaded.Policy.Stream(
                    new SampleRequest(resolved.Id, [new Turn(Role.User, parse.GetValue(prompt)!)], [parse.GetValue(sampling.Seed)],
                    settings, null), cancellation).WithCancellation(cancellation))
                    await Terminal.Data.WriteAsync(piece);
                await Terminal.Data.WriteLineAsync();
                return RunExecutor.Succeeded;
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                Console.WriteLine();
                return RunExecutor.Cancelled;
            }
            catch (ArgumentException e)
            {
                throw new UserError(e.Message);
            }
        });
        return command;
    }
}
