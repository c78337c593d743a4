using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

/// <summary>One small run that nothing disturbed, made when the first test asks for it: what others must come to, and a model to submit
/// prompts to.</summary>
public sealed class UninterruptedRun : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Lazy<Task<string>> _run;

    public UninterruptedRun() => _run = new(Make);

    /// <summary>Its folder.</summary>
    public Task<string> Folder => _run.Value;

    public void Dispose() => _folder.Dispose();

    private async Task<string> Make()
    {
        var ended = await _folder.Client(SmallRun.Train(_folder["reference"]));
        Assert.True(ended.ExitCode == 0, ended.ToString());
        return _folder["reference"];
    }
}
