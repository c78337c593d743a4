using System.CommandLine;
using SelfJudge.Fuzz;
using SelfJudge.Fuzz.Readers;

Dictionary<string, Func<FuzzedReader>> all = new(StringComparer.Ordinal)
{
    ["safetensors"] = () => new SafeTensorsFiles(),
    ["recipe"] = () => new Recipes(),
    ["templates"] = () => new Templates(),
    ["jsonl"] = () => new RowData("jsonl"),
    ["json"] = () => new RowData("json"),
    ["parquet"] = () => new ParquetData(),
    ["peft"] = () => new Adapters(),
    ["tokenizer"] = () => new Tokenizers(),
    ["config"] = () => new Configurations(),
    ["run-folder"] = () => new RunFolders(),
    ["chat-judge"] = () => new ChatAnswers(),
};

// What the supervisor starts: worker READER SEED FIRST STEP COUNT FOLDER FAULTS.
if (args is ["worker", var name, var from, var first, var step, var count, var folder, var keep])
{
    using var report = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
    Console.SetOut(TextWriter.Null);
    // Readers run where the product runs them: on threads with the stack of the thread pool.
    var thread = new Thread(() => new Worker(all[name](), ulong.Parse(from), folder, keep)
        .Run(long.Parse(first), long.Parse(step), long.Parse(count), report));
    thread.Start();
    thread.Join();
    return 0;
}

var readers = new Argument<string[]>("reader")
{
    Description = $"Which readers: {string.Join(", ", all.Keys)}; all of them if left out.",
    Arity = ArgumentArity.ZeroOrMore
};
readers.AcceptOnlyFromAmong([.. all.Keys]);
var minutes = new Option<double>("--minutes") { Description = "How long each is tried.", DefaultValueFactory = _ => 10 };
var seed = new Option<ulong?>("--seed") { Description = "The same seed makes the same inputs in the same order; a new one if left out." };
var inputs = new Option<long>("--inputs")
{
    Description = "How many are tried of each, at most.",
    DefaultValueFactory = _ =>
    long.MaxValue
};
var jobs = new Option<int>("--jobs") { Description = "Processes at once.", DefaultValueFactory = _ => 2 };
var input = new Option<long?>("--input") { Description = "Tries the input of this number alone." };
var output = new Option<string>("--out") { Description = "Where the inputs of faults are kept.", DefaultValueFactory = _ => "fuzz-faults" };
var root = new RootCommand(
    "Tries the readers of files with damaged, odd and made-up inputs. Exit code 1 where one crashes, hangs, takes too much memory or "
    + "time, or refuses without a clear message.") { readers, minutes, inputs, seed, jobs, input, output };
root.SetAction(async parse =>
{
    var chosen = parse.GetValue(readers) is { Length: > 0 } some ? some : [.. all.Keys];
    var start = parse.GetValue(seed) ?? (ulong)Random.Shared.Next();
    var faults = Path.GetFullPath(parse.GetValue(output)!);
    var temporary = Directory.CreateTempSubdirectory("selfjudge-fuzz-").FullName;
    Console.WriteLine($"seed {start}");
    Console.WriteLine($"{"reader",-12} {"inputs",9} {"accepted",9} {"refused",9} {"faults",7} "
        + $"{"slowest",9} {"allocated",10} {"resident",9}");
    var any = false;
    foreach (var reader in chosen)
    {
        var tally = await new Supervisor(reader, start, faults, temporary)
            .Run(TimeSpan.FromMinutes(parse.GetValue(minutes)), parse.GetValue(jobs), parse.GetValue(inputs), parse.GetValue(input));
        Console.WriteLine($"{reader,-12} {tally.Tried,9:N0} {tally.Accepted,9:N0} {tally.Refused,9:N0} {tally.Faults.Values.Sum(),7:N0} "
            + $"{tally.Slowest,7:0.00} s {tally.LargestAllocated / 1e6,7:0} MB {tally.LargestResident / 1e6,6:0} MB");
        foreach (var (signature, times) in tally.Faults.OrderByDescending(f => f.Value))
            Console.WriteLine($"    {times,6:N0} × {signature}");
        any |= tally.Faults.Count > 0 || tally.Tried == 0;
    }
    Directory.Delete(temporary, recursive: true);
    if (any)
        Console.WriteLine($"inputs of the faults: {faults}");
    return any ? 1 : 0;
});
return await root.Parse(args).InvokeAsync();
