using System.Collections.Concurrent;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Runs.Judging;

/// <summary>
/// The judges of a silo's runs that are no models on its host, by the ids that requests call them by: the oracle, and chat
/// endpoints.
/// </summary>
public sealed class ChatJudges
{
    private readonly ConcurrentDictionary<string, ChatJudge> _open = new(StringComparer.Ordinal);

    /// <summary>Makes an endpoint ready to judge. Opened again, it is the one that is open.</summary>
    /// <exception cref="ChatEndpointException">The environment variable of its key is not set.</exception>
    public void Open(string id, JudgeEndpoint endpoint)
    {
        if (!_open.ContainsKey(id))
            _open.TryAdd(id, ChatEndpoint.Judge(endpoint));
    }

    /// <summary>Null where the id is that of a model.</summary>
    public IPairJudge? Find(string id) =>
        id == JudgeSource.Oracle.Id ? JudgeCatalog.OpenExternal(JudgeSource.Oracle) : _open.GetValueOrDefault(id);

    /// <summary>Closes a run's.</summary>
    public void CloseAll(string runId)
    {
        foreach (var id in _open.Keys.Where(k => k.StartsWith(runId + "/", StringComparison.Ordinal)))
            if (_open.TryRemove(id, out var judge))
                judge.Dispose();
    }
}
