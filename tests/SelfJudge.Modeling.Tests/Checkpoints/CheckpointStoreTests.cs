using System.Text.Json.Nodes;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Llama;

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
        store.Write(State(1, epoch), Snapshot(1, lora), "base");
        store.Write(State(2, epoch), Snapshot(2, lora), "base");
        var (state, load) = store.Newest(_warnings.Add)!.Value;
        Assert.Equal((2, "Self-Judge", 2, epoch), (state.RunStep, state.Stage, state.StageStep, state.Epoch));
        Assert.Equal(0.25, state.Counters["seconds"]);
        var (expected, read) = (Snapshot(2, lora), load(TestModels.Config()));
        Assert.Equal((expected.Version, expected.OptimizerSteps), (read.Version, read.OptimizerSteps));
        foreach (var (e, r) in expected.Weights.Concat(expected.Mean).Concat(expected.Variance).OrderBy(a => a.Name).Zip(read.Weights.Concat(read.Mean).Concat(read.Variance).OrderBy(a => a.Name)))
            Assert.Equal(e.Values, r.Values);
        Assert.Empty(_warnings);
    }

    [Fact]
    public void Only_the_kept_number_stays()
    {
        var store = new CheckpointStore(_folder, 2);
        var epoch = store.TakeOver();
        for (var step = 1; step <= 5; step++)
            store.Write(State(step, epoch), Snapshot(step, false), "base");
        Assert.Equal(["step-4", "step-5"], Directory.GetDirectories(_folder).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("model.safetensors", "truncate", "has 100 bytes instead of")]
    [InlineData("optimizer.safetensors", "flip", "the content of optimizer.safetensors has changed since it was written")]
    [InlineData("config.json", "delete", "config.json is missing")]
    [InlineData("state.json", "truncate", "state.json has 100 bytes instead of")]
    [InlineData("state.json", "flip", "the content of state.json has changed since it was written")]
    [InlineData("state.json", "delete", "state.json is missing")]
    [InlineData("seal.json", "truncate", "seal.json: ")]
    [InlineData("seal.json", "delete", "seal.json is missing")]
    public void A_damaged_newest_checkpoint_falls_back_to_the_one_before_and_says_so(string file, string damage, string message)
    {
        var store = new CheckpointStore(_folder, 2);
        var epoch = store.TakeOver();
        store.Write(State(1, epoch), Snapshot(1, false), "base");
        store.Write(State(2, epoch), Snapshot(2, false), "base");
        Damage(Path.Combine(_folder, "step-2", file), damage);
        var newest = store.Newest(_warnings.Add)!.Value;
        Assert.Equal(1, newest.State.RunStep);
        var warning = Assert.Single(_warnings);
        Assert.Contains("step-2 is damaged", warning);
        Assert.Contains(message, warning);
        Assert.EndsWith("falling back to the checkpoint before it", warning, StringComparison.Ordinal);
        newest.Load(TestModels.Config());
    }

    [Fact]
    public void No_digit_of_a_checkpoints_state_can_change_unseen()
    {
        var store = new CheckpointStore(_folder, 2);
        store.Write(State(1, store.TakeOver()), Snapshot(1, false), "base");
        var path = Path.Combine(_folder, "step-1", "state.json");
        var text = File.ReadAllText(path);
        foreach (var i in Enumerable.Range(0, text.Length).Where(i => char.IsAsciiDigit(text[i])))
        {
            File.WriteAllText(path, text[..i] + (text[i] == '7' ? '8' : '7') + text[(i + 1)..]);
            Assert.Throws<CheckpointException>(() => store.Newest(_warnings.Add));
        }
    }

    [Fact]
    public void A_checkpoint_of_an_earlier_version_has_its_seal_in_its_state()
    {
        var store = new CheckpointStore(_folder, 2);
        store.Write(State(1, store.TakeOver()), Snapshot(1, false), "base");
        var step = Path.Combine(_folder, "step-1");
        var seal = JsonNode.Parse(File.ReadAllText(Path.Combine(step, "seal.json")))!;
        var state = JsonNode.Parse(File.ReadAllText(Path.Combine(step, "state.json")))!;
        seal["files"]!.AsObject().Remove("state.json");
        state["files"] = seal["files"]!.DeepClone();
        File.WriteAllText(Path.Combine(step, "state.json"), state.ToJsonString());
        File.Delete(Path.Combine(step, "seal.json"));
        Assert.Equal(1, store.Newest(_warnings.Add)!.Value.State.RunStep);
        Damage(Path.Combine(step, "optimizer.safetensors"), "flip");
        Assert.Contains("the content of optimizer.safetensors has changed since it was written", Assert.Throws<CheckpointException>(() => store.Newest(_warnings.Add)).Message, StringComparison.Ordinal);
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
        Assert.StartsWith($"{Path.Combine(_folder, "epoch")} is damaged: it holds no number. Delete it, ", Assert.Throws<CheckpointException>(() => store.TakeOver()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_was_deleted_while_its_writer_lived_is_said_to_be_gone_and_does_not_come_back()
    {
        var checkpoints = Path.Combine(_folder, "checkpoints");
        var store = new CheckpointStore(checkpoints, 2);
        var epoch = store.TakeOver();
        Directory.Delete(checkpoints, recursive: true);
        Assert.Equal($"{Path.Combine(checkpoints, "epoch")} is gone: the folder was deleted or moved while the run was executed", Assert.Throws<CheckpointException>(() => store.Write(State(1, epoch), Snapshot(1, false), "base")).Message);
        Assert.False(Directory.Exists(checkpoints));
    }

    [Fact]
    public void Where_every_checkpoint_is_damaged_the_error_names_each()
    {
        var store = new CheckpointStore(_folder, 2);
        var epoch = store.TakeOver();
        store.Write(State(1, epoch), Snapshot(1, false), "base");
        Damage(Path.Combine(_folder, "step-1", "model.safetensors"), "truncate");
        Assert.Contains("no checkpoint in", Assert.Throws<CheckpointException>(() => store.Newest(_warnings.Add)).Message);
    }

    [Fact]
    public void Without_checkpoints_there_is_none() => Assert.Null(new CheckpointStore(Path.Combine(_folder, "none"), 2).Newest(_warnings.Add));

    [Fact]
    public void A_writer_whose_epoch_has_passed_is_fenced_off_and_leaves_nothing()
    {
        var old = new CheckpointStore(_folder, 2);
        var oldEpoch = old.TakeOver();
        var newer = new CheckpointStore(_folder, 2);
        Assert.Equal(oldEpoch + 1, newer.TakeOver());
        Assert.Contains($"epoch {oldEpoch}, but epoch {oldEpoch + 1} has taken over", Assert.Throws<FencedException>(() => old.Write(State(1, oldEpoch), Snapshot(1, false), "base")).Message);
        Assert.Empty(Directory.GetDirectories(_folder));
    }

    [Fact]
    public void Taking_over_goes_above_what_the_cluster_has_seen() => Assert.Equal(8, new CheckpointStore(_folder, 2).TakeOver(atLeast: 7));

    [Fact]
    public void A_write_that_was_cut_off_is_swept_away_at_the_next_take_over()
    {
        Directory.CreateDirectory(Path.Combine(_folder, ".writing-step-3-999"));
        File.WriteAllText(Path.Combine(_folder, ".writing-step-3-999", "model.safetensors"), "half");
        var store = new CheckpointStore(_folder, 2);
        store.TakeOver();
        Assert.Empty(Directory.GetDirectories(_folder));
        Assert.Null(store.Newest(_warnings.Add));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_an_error_that_names_it()
    {
        // Where tests run as root no mode forbids writing, but a file where the folder should be always does.
        var blocked = Path.Combine(_folder, "blocked");
        File.WriteAllText(blocked, "");
        Assert.Contains(blocked, Assert.ThrowsAny<IOException>(() => new CheckpointStore(Path.Combine(blocked, "checkpoints"), 2).TakeOver()).Message);
    }

    [Fact]
    public void A_full_disk_is_an_error_that_says_so_and_leaves_the_checkpoint_before_whole()
    {
        var full = "/dev/full";
        if (!File.Exists(full))
            Assert.Skip("needs /dev/full");
        Assert.Contains("No space left on device", Assert.ThrowsAny<IOException>(() => SafeTensors.Write(full, [new NamedArray("a", [4], new float[4])])).Message);
        var store = new CheckpointStore(_folder, 2);
        var epoch = store.TakeOver();
        store.Write(State(1, epoch), Snapshot(1, false), "base");
        Assert.ThrowsAny<IOException>(() => AtomicFolder.Write(Path.Combine(_folder, "step-2"), temporary => SafeTensors.Write(full, [new NamedArray("a", [4], new float[4])])));
        Assert.Equal(1, store.Newest(_warnings.Add)!.Value.State.RunStep);
        Assert.Single(Directory.GetDirectories(_folder));
    }

    private static void Damage(string file, string how)
    {
        var bytes = File.ReadAllBytes(file);
        if (how == "delete")
            File.Delete(file);
        else if (how == "truncate")
            File.WriteAllBytes(file, bytes[..100]);
        else
        {
            bytes[^3] ^= 1;
            File.WriteAllBytes(file, bytes);
        }
    }

    private static CheckpointState State(int step, long epoch) => new(step, "Self-Judge", step, epoch, 2, new Dictionary<string, double> { ["seconds"] = 0.25 });

    private static TrainingSnapshot Snapshot(int step, bool isLora)
    {
        var lora = new LoraConfig(3, 6, ["q_proj", "v_proj"]);
        var layout = isLora ? ParameterLayout.Of(TestModels.Config(), lora) : ParameterLayout.Of(TestModels.Config());
        IReadOnlyList<NamedArray> Arrays(ulong seed) => [.. layout.Parameters.Select(p => new NamedArray(p.Name, p.Shape, TestModels.Randoms((int)p.Size, seed + (ulong)p.Offset)))];
        return new TrainingSnapshot(TestModels.Config(), isLora ? lora : null, Arrays((ulong)step), Arrays((ulong)step + 100), Arrays((ulong)step + 200), step, step);
    }
}
