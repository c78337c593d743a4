using System.Text;
using System.Text.Json;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client;

/// <summary>
/// The judging of two sides' answers. Lines go to a file in the order of the prompts as they come, a summary behind the
/// last; a file that holds some of them already is gone on with.
/// </summary>
/// <param name="inconsistent">What a pair counts as on which the judge's two orders disagree.</param>
internal sealed class Comparison(IReadOnlyList<IReadOnlyList<Turn>> prompts, string job, InconsistentPairs inconsistent, string output)
{
    // Enough to fill a host's batches, few enough that little is asked twice where the process is killed.
    private const int Window = 32;

    /// <summary>What the output file holds already, without its summary. A last line cut short is cut off.</summary>
    /// <exception cref="UserError">The file belongs to another comparison, or is damaged.</exception>
    public IReadOnlyList<ComparedPrompt> ReadDone()
    {
        if (!File.Exists(output))
            return [];
        var text = File.ReadAllText(output);
        var whole = OutputFile.WholeLines(output, text, ComparedPrompt.Beginning, ComparisonResult.Beginning);
        var lines = whole.Split('\n', StringSplitOptions.RemoveEmptyEntries).ToList();
        if (lines.Count > 0 && lines[^1].StartsWith(ComparisonResult.Beginning, StringComparison.Ordinal))
        {
            // It is made anew, also where more prompts are asked for now.
            whole = whole[..^(lines[^1].Length + 1)];
            lines.RemoveAt(lines.Count - 1);
        }
        var done = lines.Select((line, i) => Check(i, line)).ToList();
        if (whole.Length < text.Length)
            using (var file = File.OpenWrite(output))
                file.SetLength(Encoding.UTF8.GetByteCount(whole));
        return done;
    }

    /// <summary>Judges what is left, and hands each result on once it is in the file.</summary>
    /// <param name="done">How many are in the file.</param>
    /// <exception cref="UserError">The file cannot be written, or the judge failed.</exception>
    public async Task Judge(IPairJudge judge, IReadOnlyList<GivenAnswer> a, IReadOnlyList<GivenAnswer> b, int done,
        Action<ComparedPrompt> finished, CancellationToken cancellation)
    {
        await using var file = Open();
        using var abandon = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var judging = new Queue<(int Index, Task<PairJudgment> Judgment)>();
        try
        {
            for (var next = done; next < prompts.Count || judging.Count > 0;)
            {
                for (; next < prompts.Count && judging.Count < Window; next++)
                    judging.Enqueue((next, judge.Judge(prompts[next], a[next].Answer, b[next].Answer, abandon.Token)));
                var (index, judgment) = judging.Dequeue();
                ComparedPrompt line;
                try
                {
                    line = ComparedPrompt.Of(index, job, prompts[index], a[index], b[index],
                        (await judgment.WaitAsync(cancellation)).Under(inconsistent));
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    throw new UserError($"prompt {index} was not judged: "
                        + $"{(e is TimeoutException ? "no answer in ten minutes" : e.Message)}\nthe {index} before it are in {output}; "
                        + $"the same command goes on from there");
                }
                await file.WriteLineAsync(line.ToJson());
                await file.FlushAsync(cancellation);
                finished(line);
            }
        }
        finally
        {
            // What is still under way is wanted no more; its failures are nobody's.
            await abandon.CancelAsync();
            await ((Task)Task.WhenAll(judging.Select(j => j.Judgment))).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Puts the summary behind the last line.</summary>
    public void Write(ComparisonResult result) => File.AppendAllText(output, result.ToJson() + "\n");

    private StreamWriter Open()
    {
        try
        {
            return new StreamWriter(output, append: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"--out {output} cannot be written: {e.Message}");
        }
    }

    private ComparedPrompt Check(int index, string line)
    {
        ComparedPrompt result;
        try
        {
            result = ComparedPrompt.FromJson(line);
        }
        catch (JsonException e)
        {
            throw new UserError($"{output}:{index + 1}: not a result of 'compare': {e.Message} Name another file with --out");
        }
        if (result.Job != job)
            throw new UserError($"{output}:{index + 1}: made of other models or answers, or with another judge, template, sampling, "
                + $"number of samples, seed or rule for inconsistent pairs; name another file with --out");
        if (index >= prompts.Count || result.Index != index || !result.Prompt.SequenceEqual(PromptTurn.Of(prompts[index])))
            throw new UserError($"{output}:{index + 1}: belongs to other prompts than those compared; name another file with --out");
        return result;
    }
}
