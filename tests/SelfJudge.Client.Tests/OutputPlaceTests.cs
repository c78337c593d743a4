using SelfJudge.Tests.Shared;

namespace SelfJudge.Client.Tests;

public sealed class OutputPlaceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_is_tried_where_it_will_be_and_not_made()
    {
        Assert.Equal(_folder.In("a/b"), OutputPlace.Folder(_folder.In("a/b/")));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_file_on_the_way_and_a_name_that_is_too_long_are_said()
    {
        var file = _folder.In("file");
        File.WriteAllText(file, "");
        Assert.Equal($"--out {file}/a cannot be written: {file} is a file, not a folder",
            Assert.Throws<UserError>(() => OutputPlace.Folder($"{file}/a")).Message);
        var tooLong = _folder.In($"{new string('ä', 128)}/a");
        Assert.Equal(
            $"--out {tooLong} cannot be written: its name has 256 bytes, and a file system takes 255",
            Assert.Throws<UserError>(() => OutputPlace.Folder(tooLong)).Message);
    }
}
