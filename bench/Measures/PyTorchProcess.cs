using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using SelfJudge.Modeling.Decoders;

namespace SelfJudge.Bench.Measures;

/// <summary>A Llama in eager PyTorch (<c>pytorch/llama.py</c>), in a Python process that stays between the rounds.</summary>
internal sealed class PyTorchProcess : IDisposable
{
    private readonly Process _process;

    private PyTorchProcess(Process process) => _process = process;

    /// <summary>PyTorch's version.</summary>
    public string Version { get; private init; } = "";

    /// <param name="python">The interpreter.</param>
    /// <param name="threads">Threads of every operation.</param>
    /// <exception cref="NotAvailableException">There is no such interpreter, or it has no PyTorch.</exception>
    public static async Task<PyTorchProcess> Start(string python, int threads)
    {
        var start = new ProcessStartInfo(python,
            [Path.Combine(AppContext.BaseDirectory, "pytorch", "llama.py")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        };
        // PyTorch does not pass its number of threads on to every library that it may have been built with.
        foreach (var library in new[] { "OMP", "OPENBLAS", "MKL" })
            start.Environment[$"{library}_NUM_THREADS"] = threads.ToString(CultureInfo.InvariantCulture);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            throw new NotAvailableException(
                $"--python: {python} is no program that can be started; name a Python interpreter that has PyTorch");
        }
        try
        {
            var hello = await Exchange(process, new { threads });
            return hello.GetProperty("threads").GetInt32() == threads
                ? new PyTorchProcess(process) { Version = hello.GetProperty("version").GetString()! }
                : throw new NotAvailableException($"--python: PyTorch does not compute on {threads} threads here");
        }
        catch
        {
            process.Dispose();
            throw;
        }
    }

    /// <summary>Seconds that optimizer steps take, on batches of sequences of random tokens.</summary>
    public Task<double> Train(DecoderConfig config, int batch, int length, int repeat) =>
        Work(new { work = "train", shape = Shape(config), batch, length, repeat });

    /// <summary>Seconds that it takes to sample new tokens after prompts, with a cache of keys and values.</summary>
    public Task<double> Sample(DecoderConfig config, int batch, int prompt, int @new, double topP) =>
        Work(new { work = "sample", shape = Shape(config), batch, prompt, @new, top_p = topP });

    public void Dispose()
    {
        _process.StandardInput.Close(); // which ends it
        _process.WaitForExit();
        _process.Dispose();
    }

    private async Task<double> Work(object work) => (await Exchange(_process, work)).GetProperty("seconds").GetDouble();

    private static async Task<JsonElement> Exchange(Process process, object question)
    {
        try
        {
            await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(question));
            await process.StandardInput.FlushAsync();
        }
        catch (IOException)
        {
            // It has ended; why, it has said.
        }
        if (await process.StandardOutput.ReadLineAsync() is { } line)
            return JsonSerializer.Deserialize<JsonElement>(line);
        var said = (await process.StandardError.ReadToEndAsync()).Trim();
        throw new NotAvailableException(
            $"--python: {(said.Length > 0 ? said[(said.LastIndexOf('\n') + 1)..] : "the interpreter ended without a word")}");
    }

    private static object Shape(DecoderConfig config) => new
    {
        vocab = config.VocabSize,
        hidden = config.HiddenSize,
        intermediate = config.IntermediateSize,
        layers = config.NumHiddenLayers,
        heads = config.NumAttentionHeads,
        kv_heads = config.NumKeyValueHeads,
        head_dim = config.HeadDim,
        tied = config.TieWordEmbeddings,
    };
}

/// <summary>What a benchmark needs is not on this machine; the message says what, in one line.</summary>
internal sealed class NotAvailableException(string message) : Exception(message);
