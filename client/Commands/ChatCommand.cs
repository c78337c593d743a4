using System.CommandLine;
using System.Text;
using SelfJudge.Abstractions;
using SelfJudge.CommandLine;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client.Commands;

/// <summary>A dialogue on the terminal: each line of input is a user's turn, and all that was said before is the model's context.</summary>
internal static class ChatCommand
{
    public static Command Create()
    {
        var (model, sampling) = (new ModelOptions(), new SamplingChoices());
        var command = new Command("chat", "Talk with a model; an empty line or the end of input ends it.");
        model.AddTo(command);
        sampling.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            var resolved = model.Resolve(parse);
            var settings = sampling.Resolve(parse, resolved.Sampling);
            var encoder = Encoder(resolved);
            await using var loaded = await model.Open(parse, resolved);
            var turns = new List<Turn>();
            try
            {
                for (var turn = 0; ; turn++)
                {
                    // The prompt sign is for a person; a pipe gets the answers alone.
                    if (!Console.IsInputRedirected)
                        Console.Write("> ");
                    // Nothing but a line ends the reading of one: who is to stop leaves it to itself.
                    if (await Task.Run(Console.In.ReadLine, CancellationToken.None).WaitAsync(cancellation) is not { Length: > 0 } said)
                        return RunExecutor.Succeeded;
                    turns.Add(new Turn(Role.User, said));
                    turns.Add(new Turn(Role.Assistant, await Answer(loaded, encoder, turns,
                        Seeds.Derive(parse.GetValue(sampling.Seed), turn), settings, cancellation)));
                }
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                Console.WriteLine();
                return RunExecutor.Cancelled;
            }
        });
        return command;
    }

    // A dialogue that outgrows the model loses its oldest exchanges, and says so; what is said last loses its beginning only.
    private static async Task<string> Answer(LoadedModel loaded, PromptEncoder? encoder, List<Turn> turns, ulong seed,
        SamplingOptions settings, CancellationToken cancellation)
    {
        while (turns.Count > 2 && encoder is not null && encoder.IsCut(turns, settings.MaxNewTokens))
        {
            turns.RemoveRange(0, 2);
            await Console.Error.WriteLineAsync("(the dialogue is longer than the model's context: its oldest exchange is left out)");
        }
        var answer = new StringBuilder();
        await foreach (var piece in loaded.Policy.Stream(new SampleRequest(loaded.Model.Id, [.. turns], [seed], settings, null),
            cancellation).WithCancellation(cancellation))
        {
            answer.Append(piece);
            await Terminal.Data.WriteAsync(piece);
        }
        await Terminal.Data.WriteLineAsync();
        return answer.ToString();
    }

    // The model's own is with its host; this one counts tokens here. Models of random weights are in no folder, and nobody talks with them.
    private static PromptEncoder? Encoder(SubmittedModel model)
    {
        if (model.Chain[0].Folder is not { } folder)
            return null;
        return ModelFolder.ReadEncoder(folder, DialogueTemplate.ByName(model.Chain[^1].DialogueTemplate));
    }
}
