namespace SelfJudge.Grains.Runs;

/// <summary>Waits for tasks of which one's failure ends the use of all.</summary>
internal static class FirstFailure
{
    /// <summary>
    /// Ends when all have, or fails as soon as one fails, with its exception. Prompts of a batch wait for each other: one
    /// that fails before it joins would otherwise be heard of only when the others' patience is at its end.
    /// </summary>
    public static async Task OrAll(IEnumerable<Task> tasks)
    {
        await foreach (var ended in Task.WhenEach(tasks))
            await ended;
    }
}
