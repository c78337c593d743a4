using SelfJudge.Modeling.Native;

namespace SelfJudge.Modeling.Tests.Native;

public sealed class TorchRuntimeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("selfjudge-loader-").FullName;

    private static string Library
    {
        get
        {
            var path = Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so");
            if (!File.Exists(path))
                Assert.Skip("needs TorchSharp's Linux library in the output folder");
            return path;
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_unused_version_is_required_once_and_becomes_weak_without_another_byte_changing()
    {
        var original = File.ReadAllBytes(Library);
        var patched = original.ToArray();
        Assert.Equal(1, ElfVersionNeeds.MakeWeak(patched, "GLIBCXX_3.4.32"));
        var changed = Enumerable.Range(0, original.Length).Where(i => original[i] != patched[i]).ToList();
        Assert.Equal(original[Assert.Single(changed)] | 0x2, patched[changed[0]]);
    }

    [Fact]
    public void A_version_that_is_not_required_changes_nothing() =>
        Assert.Equal(0, ElfVersionNeeds.MakeWeak(File.ReadAllBytes(Library), "GLIBCXX_9.9.99"));

    [Fact]
    public void What_is_no_elf_file_is_refused() =>
        Assert.Contains("not a 64-bit little-endian ELF file",
            Assert.Throws<InvalidDataException>(() => ElfVersionNeeds.MakeWeak(new byte[100], "X")).Message);

    [Fact]
    public void A_truncated_file_is_refused() =>
        Assert.Contains("truncated", Assert.Throws<InvalidDataException>(() =>
            ElfVersionNeeds.MakeWeak(File.ReadAllBytes(Library).AsSpan(0, 100_000), "X")).Message);

    [Fact]
    public void Many_processes_starting_at_once_all_get_the_same_whole_copy()
    {
        var library = Library;
        var paths = new string[16];
        Parallel.For(0, 16, i => paths[i] = TorchRuntime.PatchedCopy(library, _folder));
        Assert.Single(paths.Distinct());
        Assert.Equal(new FileInfo(library).Length, new FileInfo(paths[0]).Length);
        Assert.Single(Directory.GetFiles(_folder)); // no temporary file is left
    }

    [Fact]
    public void A_copy_that_differs_is_not_trusted_but_replaced()
    {
        var library = Library;
        var path = Path.Combine(_folder, "libLibTorchSharp.so");
        File.WriteAllText(path, "something planted here");
        TorchRuntime.PatchedCopy(library, _folder);
        Assert.Equal(new FileInfo(library).Length, new FileInfo(path).Length);
    }

    [Fact]
    public void A_library_that_fails_for_another_reason_is_not_patched()
    {
        var other = Path.Combine(_folder, "other.so");
        var bytes = File.ReadAllBytes(Library);
        // Rename the version that could be made weak: nothing is left to patch.
        var at = bytes.AsSpan().IndexOf("GLIBCXX_3.4.32"u8);
        "GLIBCXX_3.4.99"u8.CopyTo(bytes.AsSpan(at));
        File.WriteAllBytes(other, bytes);
        Assert.Contains("cannot be loaded, and not for want of GLIBCXX_3.4.32",
            Assert.Throws<DllNotFoundException>(() => TorchRuntime.PatchedCopy(other, _folder)).Message);
    }
}
