using SelfJudge.Modeling.Checkpoints;

namespace SelfJudge.Modeling.Tests.Checkpoints;

public sealed class ModelFingerprintTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("selfjudge-fingerprint-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_copy_is_the_same_model_and_whatever_is_changed_makes_another()
    {
        byte[] weights = new byte[200_000];
        var original = Model("original", weights, "{}");
        Assert.Equal(original, Model("copy", weights, "{}"));
        Assert.NotEqual(original, Model("config", weights, "{ }"));
        Assert.NotEqual(original, Model("longer", [.. weights, 0], "{}"));
        Assert.NotEqual(original, Model("beginning", [1, .. weights[1..]], "{}"));
        Assert.NotEqual(original, Model("end", [.. weights[1..], 1], "{}"));
    }

    [Fact]
    public void A_file_of_another_name_makes_another_model()
    {
        var one = Model("one", [1], "{}");
        File.Move(Path.Combine(_root, "one", "config.json"), Path.Combine(_root, "one", "other.json"));
        Assert.NotEqual(one, ModelFingerprint.Of(Path.Combine(_root, "one")));
    }

    private string Model(string name, byte[] weights, string config)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_root, name)).FullName;
        File.WriteAllBytes(Path.Combine(folder, "model.safetensors"), weights);
        File.WriteAllText(Path.Combine(folder, "config.json"), config);
        return ModelFingerprint.Of(folder);
    }
}
