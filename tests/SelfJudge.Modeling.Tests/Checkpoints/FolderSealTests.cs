using SelfJudge.Modeling.Checkpoints;

namespace SelfJudge.Modeling.Tests.Checkpoints;

public sealed class FolderSealTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("selfjudge-seal-").FullName;

    public FolderSealTests()
    {
        File.WriteAllText(Path.Combine(_folder, "b.txt"), "two");
        File.WriteAllText(Path.Combine(_folder, "a.safetensors"), "one");
        FolderSeal.Write(_folder);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_seal_holds_length_and_hash_of_every_file_and_a_hash_of_its_own()
    {
        // By xxhsum -H3, of "one" and "two", and of "a.safetensors\n3\n…\nb.txt\n3\n…\n".
        Assert.Equal("""
            {
              "version": 1,
              "files": {
                "a.safetensors": {
                  "length": 3,
                  "hash": "911faba7321fe1a0"
                },
                "b.txt": {
                  "length": 3,
                  "hash": "6c0560bdcb29998b"
                }
              },
              "hash": "c2957153cf7aa4f9"
            }
            """, File.ReadAllText(Path.Combine(_folder, "seal.json")));
        FolderSeal.Check(_folder);
        Assert.Equal("c2957153cf7aa4f9", FolderSeal.HashOf(_folder));
    }

    [Theory]
    [InlineData("a.safetensors", "on", "a.safetensors has 2 bytes instead of 3")]
    [InlineData("a.safetensors", "onE", "the content of a.safetensors has changed since it was written")]
    [InlineData("b.txt", null, "b.txt is missing")]
    [InlineData("seal.json", null, "seal.json is missing")]
    [InlineData("seal.json", "", "seal.json: ")]
    [InlineData("seal.json", "[]", "seal.json: ")]
    [InlineData("seal.json", "null", "seal.json: it is empty")]
    [InlineData("seal.json", """{"version":1,"files":{"a.safetensors":null},"hash":"0"}""", "seal.json has changed since it was written")]
    [InlineData("seal.json", """{"version":1,"files":{},"hash":"0"}""", "seal.json has changed since it was written")]
    [InlineData("seal.json", """{"version":1,"files":{}}""", "seal.json: ")]
    public void What_has_changed_is_named(string file, string? content, string message)
    {
        if (content is null)
            File.Delete(Path.Combine(_folder, file));
        else
            File.WriteAllText(Path.Combine(_folder, file), content);
        var damage = Assert.Throws<CheckpointException>(() => FolderSeal.Check(_folder));
        Assert.StartsWith($"{_folder} is damaged: {message}", damage.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_digit_of_a_seal_can_change_unseen()
    {
        var path = Path.Combine(_folder, "seal.json");
        var text = File.ReadAllText(path);
        foreach (var i in Enumerable.Range(0, text.Length).Where(i => char.IsAsciiHexDigit(text[i])))
        {
            File.WriteAllText(path, text[..i] + (text[i] == '7' ? '8' : '7') + text[(i + 1)..]);
            Assert.Throws<CheckpointException>(() => FolderSeal.Check(_folder));
        }
    }

    [Fact]
    public void A_seal_of_a_later_version_is_said_to_be_one()
    {
        File.WriteAllText(Path.Combine(_folder, "seal.json"), """{"version":2,"files":{},"hash":"0"}""");
        Assert.Equal($"{_folder} has a seal of version 2; this program knows version 1",
            Assert.Throws<CheckpointException>(() => FolderSeal.Check(_folder)).Message);
    }

    [Fact]
    public void Some_files_may_be_asked_for_and_others_may_come_to_them()
    {
        File.WriteAllText(Path.Combine(_folder, "b.txt"), "changed");
        File.WriteAllText(Path.Combine(_folder, "README.md"), "a user's own");
        FolderSeal.Check(_folder, name => name == "a.safetensors");
        File.WriteAllText(Path.Combine(_folder, "a.safetensors"), "onE");
        Assert.Throws<CheckpointException>(() => FolderSeal.Check(_folder, name => name == "a.safetensors"));
    }

    [Fact]
    public void A_folder_that_was_never_sealed_has_no_hash()
    {
        File.Delete(Path.Combine(_folder, "seal.json"));
        Assert.Null(FolderSeal.HashOf(_folder));
    }
}
