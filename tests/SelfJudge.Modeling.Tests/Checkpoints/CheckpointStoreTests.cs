using System.IO.Hashing;
using System.Text;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Files;
using SelfJudge.Modeling.Tensors;

namespace SelfJudge.Modeling.Tests.Checkpoints;

public sealed class CheckpointStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("selfjudge-checkpoints-").FullName;
    private readonly List<string> _warnings = [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_newest_checkpoint_comes_back_as_it_was_written(bool lora)
    {
        var store = new CheckpointStore(_folder, 2);
        var epoch = store.TakeOver();
        store.Write(State(1, epoch), Snapshot(1, lora));
        store.Write(State(2, epoch), Snapshot(2, lora));
        var (state, load) = store.Newest(_warnings.Add)!.Value;
        Assert.Equal((2, "Self-Judge", 2, epoch), (state.RunStep, state.Stage, state.StageStep, state.Epoch));
        Assert.Equal(0.25, state.Counters["seconds"]);
        var (expected, read) = (Snapshot(2, lora), load());
        Assert.Equal((expected.Version, expected.OptimizerSteps), (read.Version, read.OptimizerSteps));
        Assert.Equivalent(expected.Lora, read.Lora, strict: true);
        foreach (var (e, r) in new[] { (expected.Weights, read.Weights), (expected.Mean, read.Mean), (expected.Variance, read.Variance) })
        {
            Assert.Equal(e.Select(a => (a.Name, string.Join(",", a.Shape))), r.Select(a => (a.Name, string.Join(",", a.Shape))));
            foreach (var (mine, theirs) in e.Zip(r))
                Assert.Equal(mine.Values, theirs.Values);
        }
        Assert.Empty(_warnings);
    }

    [Fact]
    public void Only_the_kept_number_stays()
    {
        var store = new CheckpointStore(_folder, 2);
        var epoch = store.TakeOver();
        for (var step = 1; step <= 5; step++)
            store.Write(State(step, epoch), Snapshot(step, false));
        Assert.Equal(["epoch", "step-4.safetensors", "step-5.safetensors"],
            Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("truncate", "the file is truncated or damaged")]
    [InlineData("cut the header", "not a safetensors file, or truncated: its header would be ")]
    [InlineData("empty", "not a safetensors file: it has 0 bytes, fewer than the 8 of its header length")]
    [InlineData("lengthen", "its checksum is not at its end")]
    [InlineData("flip the first weight", "its content has changed since it was written")]
    [InlineData("flip the last moment", "its content has changed since it was written")]
    [InlineData("flip the checksum", "its content has changed since it was written")]
    [InlineData("rename a tensor", "its content has changed since it was written")]
    [InlineData("rename the checksum", "its checksum is not at its end")]
    public void A_damaged_newest_checkpoint_falls_back_to_the_one_before_and_says_so(string damage, string message)
    {
        var store = new CheckpointStore(_folder, 2);
        var epoch = store.TakeOver();
        store.Write(State(1, epoch), Snapshot(1, false));
        store.Write(State(2, epoch), Snapshot(2, false));
        Damage(FileOf(2), damage);
        var newest = store.Newest(_warnings.Add)!.Value;
        Assert.Equal(1, newest.State.RunStep);
        var warning = Assert.Single(_warnings);
        Assert.StartsWith($"checkpoint {FileOf(2)} is damaged: ", warning, StringComparison.Ordinal);
        Assert.Contains(message, warning);
        Assert.EndsWith("falling back to the checkpoint before it", warning, StringComparison.Ordinal);
        newest.Load();
    }

    [Fact]
    public void No_digit_of_a_checkpoints_state_can_change_unseen()
    {
        var store = new CheckpointStore(_folder, 2);
        store.Write(State(1, store.TakeOver()), Snapshot(1, false));
        var bytes = File.ReadAllBytes(FileOf(1));
        var state = Encoding.Latin1.GetString(bytes)[..bytes.AsSpan().IndexOf("\"model.embed_tokens.weight\""u8)];
        var digits = Enumerable.Range(8, state.Length - 8).Where(i => char.IsAsciiDigit(state[i])).ToList();
        Assert.True(digits.Count > 8, state);
        foreach (var i in digits)
        {
            byte[] changed = [.. bytes];
            changed[i] = (byte)(bytes[i] == '7' ? '8' : '7');
            File.WriteAllBytes(FileOf(1), changed);
            Assert.Throws<CheckpointException>(() => store.Newest(_warnings.Add));
        }
    }

    [Fact]
    public void What_other_programs_read_of_a_checkpoint_is_a_safetensors_file()
    {
        var store = new CheckpointStore(_folder, 2);
        store.Write(State(1, store.TakeOver()), Snapshot(1, true));
        using var reader = new SafeTensorsReader(FileOf(1));
        var snapshot = Snapshot(1, true);
        Assert.Equal("pt", reader.Metadata["format"]);
        Assert.Equal([.. snapshot.Weights.Select(w => w.Name), .. snapshot.Mean.Select(m => "mean." + m.Name),
            .. snapshot.Variance.Select(v => "variance." + v.Name), "checksum"],
            reader.Tensors.Values.OrderBy(t => t.Start).Select(t => t.Name));
        Assert.Equal(new FileInfo(FileOf(1)).Length, reader.Tensors.Values.Max(t => t.Start + t.Length));
    }

    [Fact]
    public void A_checkpoint_of_an_earlier_version_is_refused_by_its_name()
    {
        var store = new CheckpointStore(_folder, 2);
        store.TakeOver();
        Directory.CreateDirectory(Path.Combine(_folder, "step-7"));
        Assert.Equal($"{Path.Combine(_folder, "step-7")} is a checkpoint of an earlier version of this program, which wrote folders: go "
            + $"on with the run by that version, or delete {_folder}, and its stage begins anew",
            Assert.Throws<CheckpointException>(() => store.Newest(_warnings.Add)).Message);
    }

    [Fact]
    public void A_checkpoint_of_a_version_to_come_is_refused_by_its_name()
    {
        var store = new CheckpointStore(_folder, 2);
        store.Write(State(1, store.TakeOver()), Snapshot(1, false));
        var bytes = File.ReadAllBytes(FileOf(1));
        var at = bytes.AsSpan().IndexOf("\"checkpoint_version\":\"1"u8) + "\"checkpoint_version\":\"".Length;
        bytes[at] = (byte)'9';
        XxHash3.Hash(bytes.AsSpan(..^8)).CopyTo(bytes.AsSpan(^8..));
        File.WriteAllBytes(FileOf(1), bytes);
        Assert.Contains($"checkpoint {FileOf(1)} is of version 9; this program knows version 1",
            Assert.Throws<CheckpointException>(() => store.Newest(_warnings.Add)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("seven")]
    [InlineData("-3")]
    [InlineData("99999999999999999999")]
    public void An_epoch_that_is_no_number_is_an_error_that_names_the_file(string content)
    {
        var store = new CheckpointStore(_folder, 2);
        store.TakeOver();
        File.WriteAllText(Path.Combine(_folder, "epoch"), content);
        Assert.StartsWith($"{Path.Combine(_folder, "epoch")} is damaged: it holds no number. Delete it, ",
            Assert.Throws<CheckpointException>(() => store.TakeOver()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_was_deleted_while_its_writer_lived_is_said_to_be_gone_and_does_not_come_back()
    {
        var checkpoints = Path.Combine(_folder, "checkpoints");
        var store = new CheckpointStore(checkpoints, 2);
        var epoch = store.TakeOver();
        Directory.Delete(checkpoints, recursive: true);
        Assert.Equal($"{Path.Combine(checkpoints, "epoch")} is gone: the folder was deleted or moved while the run was executed",
            Assert.Throws<CheckpointException>(() => store.Write(State(1, epoch), Snapshot(1, false))).Message);
        Assert.False(Directory.Exists(checkpoints));
    }

    [Fact]
    public void Where_every_checkpoint_is_damaged_the_error_names_each()
    {
        var store = new CheckpointStore(_folder, 2);
        var epoch = store.TakeOver();
        store.Write(State(1, epoch), Snapshot(1, false));
        Damage(FileOf(1), "truncate");
        Assert.Contains("no checkpoint in", Assert.Throws<CheckpointException>(() => store.Newest(_warnings.Add)).Message);
    }

    [Fact]
    public void Without_checkpoints_there_is_none() =>
        Assert.Null(new CheckpointStore(Path.Combine(_folder, "none"), 2).Newest(_warnings.Add));

    [Fact]
    public void A_writer_whose_epoch_has_passed_is_fenced_off_and_leaves_nothing()
    {
        var old = new CheckpointStore(_folder, 2);
        var oldEpoch = old.TakeOver();
        var newer = new CheckpointStore(_folder, 2);
        Assert.Equal(oldEpoch + 1, newer.TakeOver());
        Assert.Contains($"epoch {oldEpoch}, but epoch {oldEpoch + 1} has taken over",
            Assert.Throws<FencedException>(() => old.Write(State(1, oldEpoch), Snapshot(1, false))).Message);
        Assert.Equal(["epoch"], Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName));
    }

    [Fact]
    public void Taking_over_goes_above_what_the_cluster_has_seen() => Assert.Equal(8, new CheckpointStore(_folder, 2).TakeOver(atLeast: 7));

    [Fact]
    public void A_write_that_was_cut_off_is_swept_away_at_the_next_take_over()
    {
        File.WriteAllText(Path.Combine(_folder, ".writing-step-3.safetensors-999"), "half");
        var store = new CheckpointStore(_folder, 2);
        store.TakeOver();
        Assert.Equal(["epoch"], Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName));
        Assert.Null(store.Newest(_warnings.Add));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_an_error_that_names_it()
    {
        // Where tests run as root no mode forbids writing, but a file where the folder should be always does.
        var blocked = Path.Combine(_folder, "blocked");
        File.WriteAllText(blocked, "");
        Assert.Contains(blocked, Assert.ThrowsAny<IOException>(() =>
            new CheckpointStore(Path.Combine(blocked, "checkpoints"), 2).TakeOver()).Message);
    }

    [Fact]
    public void A_full_disk_is_an_error_that_says_so_and_leaves_the_checkpoint_before_whole()
    {
        var full = "/dev/full";
        if (!File.Exists(full))
            Assert.Skip("needs /dev/full");
        Assert.Contains("No space left on device",
            Assert.ThrowsAny<IOException>(() => SafeTensors.Write(full, [new NamedArray("a", [4], new float[4])])).Message);
        var store = new CheckpointStore(_folder, 2);
        var epoch = store.TakeOver();
        store.Write(State(1, epoch), Snapshot(1, false));
        Assert.ThrowsAny<IOException>(() => AtomicFolder.WriteFile(FileOf(2), file =>
        {
            file.Write(new byte[100]);
            SafeTensors.Write(full, [new NamedArray("a", [4], new float[4])]);
        }));
        Assert.Equal(1, store.Newest(_warnings.Add)!.Value.State.RunStep);
        Assert.Equal(["epoch", "step-1.safetensors"], Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName).Order());
    }

    private string FileOf(int step) => Path.Combine(_folder, $"step-{step}.safetensors");

    private static void Damage(string file, string how)
    {
        var bytes = File.ReadAllBytes(file);
        int At(ReadOnlySpan<byte> text) => bytes.AsSpan().IndexOf(text);
        switch (how)
        {
            case "truncate": bytes = bytes[..^100]; break;
            case "cut the header": bytes = bytes[..100]; break;
            case "empty": bytes = []; break;
            case "lengthen": bytes = [.. bytes, 0]; break;
            case "flip the first weight": bytes[8 + BitConverter.ToInt32(bytes)] ^= 1; break;
            case "flip the last moment": bytes[^9] ^= 1; break;
            case "flip the checksum": bytes[^3] ^= 1; break;
            case "rename a tensor": bytes[At("mean.model.norm"u8)] ^= 1; break;
            case "rename the checksum": bytes[At("checksum"u8)] ^= 1; break;
            default: throw new ArgumentException(how);
        }
        File.WriteAllBytes(file, bytes);
    }

    private static CheckpointState State(int step, long epoch) =>
        new(step, "Self-Judge", step, epoch, 2, new Dictionary<string, double> { ["seconds"] = 0.25 });

    private static TrainingSnapshot Snapshot(int step, bool isLora)
    {
        var lora = new LoraConfig(3, 6, ["q_proj", "v_proj"]);
        var layout = isLora ? ParameterLayout.Of(TestModels.Config(), lora) : ParameterLayout.Of(TestModels.Config());
        IReadOnlyList<NamedArray> Arrays(ulong seed) =>
            [.. layout.Parameters.Select(p => new NamedArray(p.Name, p.Shape, TestModels.Randoms((int)p.Size, seed + (ulong)p.Offset)))];
        return new TrainingSnapshot(isLora ? lora : null, Arrays((ulong)step), Arrays((ulong)step + 100), Arrays((ulong)step + 200), step,
            step);
    }
}
