using System.Diagnostics;
using SelfJudge.Modeling.Planning;
using SelfJudge.Preferences.Randomness;

namespace SelfJudge.Fuzz;

/// <summary>Tries inputs, each of which is on disk before it is read; a process of its own, since an input may end it.</summary>
internal sealed class Worker(FuzzedReader reader, ulong seed, string folder, string faults)
{
    private string Input => Path.Combine(folder, "input");

    /// <summary>Tries every <paramref name="step"/>th input from <paramref name="first"/> on, until it is ended or <paramref name="count"/>
    /// are tried, and says so line by line.</summary>
    public void Run(long first, long step, long count, TextWriter report)
    {
        for (var number = first; count > 0; number += step, count--)
        {
            var input = reader.Make(new Random((int)Seeds.Derive(Seeds.Derive(seed, reader.Name), number)));
            input.Write(Input);
            report.WriteLine(new Attempt(number, input.Size, Outcome.Trying).ToLine());
            var attempt = Try(number, input);
            // What the collector or a busy machine did once is not the input's fault.
            if (attempt.Fault is { } fault && fault.Signature.StartsWith(Excess, StringComparison.Ordinal))
            {
                input.Write(Input);
                attempt = Try(number, input);
            }
            attempt.Fault?.Keep(faults, reader.Name, seed, number, Input);
            report.WriteLine(attempt.ToLine());
        }
    }

    private const string Excess = "too much";

    private Attempt Try(long number, FuzzInput input)
    {
        ProcessMemory.ResetPeak();
        var (resident, allocated, time) = (ProcessMemory.Resident ?? 0, GC.GetTotalAllocatedBytes(precise: true),
            Environment.CpuUsage.TotalTime);
        var (outcome, fault) = Read(input);
        var attempt = new Attempt(number, input.Size, outcome, (Environment.CpuUsage.TotalTime - time).TotalSeconds,
            GC.GetTotalAllocatedBytes(precise: true) - allocated, (ProcessMemory.Peak ?? 0) - resident, fault);
        return fault is not null ? attempt
            : attempt.Seconds > Bounds.Time(input.Size).TotalSeconds
                ? Failed($"{Excess} time", $"{attempt.Seconds:0.0} s for {input.Size} bytes")
            : attempt.Allocated > Bounds.Allocation(input.Size)
                ? Failed($"{Excess} allocated", $"{attempt.Allocated / 1e6:0} MB for {input.Size} bytes")
            : attempt.Resident > Bounds.Memory(input.Size)
                ? Failed($"{Excess} memory", $"{attempt.Resident / 1e6:0} MB for {input.Size} bytes")
            : attempt;

        Attempt Failed(string signature, string description) =>
            attempt with { Outcome = Outcome.Fault, Fault = new Fault(signature, $"{description}; the input was {outcome}") };
    }

    private (Outcome, Fault?) Read(FuzzInput input)
    {
        try
        {
            return (reader.Read(Input, input) ? Outcome.Accepted : Outcome.Refused, null);
        }
        catch (BrokenPromise e)
        {
            return (Outcome.Fault, new Fault($"broken promise {e.Message[..Math.Min(40, e.Message.Length)]}", e.ToString()));
        }
        catch (Exception e) when (reader.IsRefusal(e))
        {
            return reader.FindProblem(e.Message, Input, input) is { } problem
                ? (Outcome.Fault, new Fault($"{problem} {Origin(e)}", e.ToString())) : (Outcome.Refused, null);
        }
        catch (Exception e)
        {
            return (Outcome.Fault, new Fault($"{e.GetType().Name} {Origin(e)}", e.ToString()));
        }
    }

    // The first of the product's own methods on the way.
    private static string Origin(Exception e) =>
        new StackTrace(e).GetFrames().Select(f => f.GetMethod())
            .FirstOrDefault(m => m?.DeclaringType?.Namespace?.StartsWith("SelfJudge", StringComparison.Ordinal) == true) is { } method
        ? $"{method.DeclaringType!.Name}.{method.Name}" : "";
}
