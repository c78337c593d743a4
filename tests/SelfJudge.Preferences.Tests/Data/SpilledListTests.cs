using System.Text;
using SelfJudge.Preferences.Data;

namespace SelfJudge.Preferences.Tests.Data;

public sealed class SpilledListTests
{
    [Theory]
    [InlineData(1 << 20, 0)]
    [InlineData(64, 2_035)] // what waits goes when it has 64 bytes: the last five items have 55
    [InlineData(1, 2_090)] // 10 · 9 + 90 · 10 + 100 · 11
    public void Items_come_back_in_order_from_memory_and_from_the_file(int memory, long spilled)
    {
        var list = Numbers(200, memory);
        Assert.Equal(spilled, list.Spilled);
        Assert.Equal(200, list.Count);
        Assert.Equal(Enumerable.Range(0, 200).Select(Text), list);
        Assert.Equal([Text(199), Text(0), Text(0), Text(101)], [list[199], list[0], list[0], list[101]]);
        Assert.Throws<ArgumentOutOfRangeException>(() => list[200]);
        Assert.Throws<ArgumentOutOfRangeException>(() => list[-1]);
    }

    [Fact]
    public async Task Readers_on_many_threads_get_their_own_items()
    {
        var list = Numbers(5_000, 4_096);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(reader => Task.Run(() =>
        {
            for (var i = 0; i < 5_000; i++)
            {
                var index = (i * 7 + reader * 613) % 5_000;
                Assert.Equal(Text(index), list[index]);
            }
        }, TestContext.Current.CancellationToken)));
    }

    [Fact]
    public void An_item_longer_than_what_may_wait_comes_back_and_an_empty_one_too()
    {
        var list = new SpilledList<string>((writer, text) => writer.Write(text), reader => reader.ReadString(), 1_000);
        string[] texts = ["", new string('x', 3_000_000), "é 日本 😀", "", "a\0b"];
        foreach (var text in texts)
            list.Add(text);
        Assert.Equal(texts, list);
        Assert.Throws<EncoderFallbackException>(() => list.Add("\uD83D"));
        Assert.Equal(texts, list);
    }

    [Fact]
    public void The_file_has_no_name_while_it_is_used()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "there the file is deleted when it is closed");
        Assert.SkipUnless(Directory.Exists("/proc/self/fd"), "only Linux lists the files of a process");
        var list = Numbers(1_000, 100);
        var open = Directory.GetFiles("/proc/self/fd").Select(f => new FileInfo(f).LinkTarget)
            .Where(t => t?.StartsWith(Path.GetTempPath(), StringComparison.Ordinal) == true);
        Assert.Contains(open, t => t!.EndsWith(".tmp (deleted)", StringComparison.Ordinal));
        GC.KeepAlive(list);
    }

    // 9 to 11 bytes with that of its length.
    private static string Text(int i) => $"item é{i}";

    private static SpilledList<string> Numbers(int count, int memory)
    {
        var list = new SpilledList<string>((writer, text) => writer.Write(text), reader => reader.ReadString(), memory);
        for (var i = 0; i < count; i++)
            list.Add(Text(i));
        return list;
    }
}
