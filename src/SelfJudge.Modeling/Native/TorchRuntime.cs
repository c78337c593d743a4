using System.Runtime.InteropServices;
using TorchSharp;

namespace SelfJudge.Modeling.Native;

/// <summary>
/// Loads LibTorch before its first use. TorchSharp's native library names a version of libstdc++ (GCC 13's) that it
/// does not use, so Debian 12, Ubuntu 22.04 and RHEL 9 refuse to load it. There, and only there, a copy with that one
/// requirement marked weak is loaded in its place. Neither the package cache nor the system is touched.
/// </summary>
public static class TorchRuntime
{
    private const string TorchSharpLibrary = "libLibTorchSharp.so";
    private const string CudaLibrary = "libtorch_cuda.so";
    private const string UnusedVersion = "GLIBCXX_3.4.32";

    // In the order in which they need each other. The name of the OpenMP library carries a hash.
    private static readonly string[] Dependencies = ["libgomp-*.so*", "libc10.so", "libtorch_cpu.so", "libtorch.so"];
    private static readonly Lock Loading = new();
    private static volatile bool _isLoaded;

    /// <summary>Whether LibTorch came with its CUDA libraries (<c>-p:TorchBackend=cuda</c>). Loads nothing.</summary>
    public static bool IsCudaBuild { get; } = OperatingSystem.IsLinux() && File.Exists(Path.Combine(NativeFolder(), CudaLibrary));

    /// <summary>
    /// Loads LibTorch once; later calls do nothing. Every CPU worker has one intra-op thread: several workers over
    /// the same weights beat one worker with several threads on models small enough for a CPU.
    /// </summary>
    /// <exception cref="DllNotFoundException">LibTorch is not in the output folder, or cannot be loaded on this system.</exception>
    public static void EnsureLoaded()
    {
        if (_isLoaded)
            return;
        // What fails, for want of room for the copy for example, is tried again the next time.
        lock (Loading)
            if (!_isLoaded)
            {
                Load();
                _isLoaded = true;
            }
    }

    /// <summary>Has LibTorch compute on the calling thread alone: workers divide the work themselves. LibTorch keeps this number for each
    /// thread.</summary>
    public static void UseOneThread()
    {
        EnsureLoaded();
#pragma warning disable RS0030 // The one place where threads are set.
        torch.set_num_threads(1);
#pragma warning restore RS0030
    }

    private static void Load()
    {
        if (OperatingSystem.IsLinux())
            LoadOnLinux(NativeFolder(), PatchFolder());
#pragma warning disable RS0030 // For whoever computes outside of a model host; before any tensor is made.
        torch.set_num_threads(1);
#pragma warning restore RS0030
    }

    /// <summary>Loads the libraries found in <paramref name="nativeFolder"/>, keeping a patched copy in <paramref name="patchFolder"/> if
    /// one is needed.</summary>
    internal static void LoadOnLinux(string nativeFolder, string patchFolder)
    {
        var original = Path.Combine(nativeFolder, TorchSharpLibrary);
        if (!File.Exists(original))
            return; // A CUDA or framework-specific layout: TorchSharp finds its own libraries.
        foreach (var pattern in Dependencies)
            foreach (var file in Directory.GetFiles(nativeFolder, pattern))
                NativeLibrary.Load(file);
        if (NativeLibrary.TryLoad(original, out _))
            return;
        NativeLibrary.Load(PatchedCopy(original, patchFolder));
    }

    /// <summary>
    /// Writes the patched copy of <paramref name="original"/> and returns its path. A copy that is already there is
    /// used only if it is byte for byte what would be written. Safe when several processes start at once: each writes
    /// a file of its own and renames it into place.
    /// </summary>
    internal static string PatchedCopy(string original, string folder)
    {
        var bytes = File.ReadAllBytes(original);
        if (ElfVersionNeeds.MakeWeak(bytes, UnusedVersion) == 0)
            throw new DllNotFoundException(
                $"{original} cannot be loaded, and not for want of {UnusedVersion}: run ldd on it to see what is missing");
        Directory.CreateDirectory(folder);
        var target = Path.Combine(folder, TorchSharpLibrary);
        if (File.Exists(target) && File.ReadAllBytes(target).AsSpan().SequenceEqual(bytes))
            return target;
        var written = Path.Combine(folder, $"{TorchSharpLibrary}.{Environment.ProcessId}.{Guid.NewGuid():N}");
        try
        {
            File.WriteAllBytes(written, bytes);
            File.Move(written, target, overwrite: true);
        }
        finally
        {
            File.Delete(written);
        }
        return target;
    }

    // Beside the program where it is built for this platform alone, else where packages keep each platform's files.
    private static string NativeFolder() => File.Exists(Path.Combine(AppContext.BaseDirectory, TorchSharpLibrary))
        ? AppContext.BaseDirectory
        : Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native");

    private static string PatchFolder()
    {
        var version = typeof(torch).Assembly.GetName().Version;
        var home = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        var root = home.Length > 0 && IsWritable(home) ? home : Path.Combine(Path.GetTempPath(), Environment.UserName);
        return Path.Combine(root, "SelfJudge.Actors", $"torchsharp-{version}");
    }

    private static bool IsWritable(string folder)
    {
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, "SelfJudge.Actors"));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
