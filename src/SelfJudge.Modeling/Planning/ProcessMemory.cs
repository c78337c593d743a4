namespace SelfJudge.Modeling.Planning;

/// <summary>Resident memory of this process, as Linux counts it.</summary>
public static class ProcessMemory
{
    private const string Status = "/proc/self/status", ClearReferences = "/proc/self/clear_refs";

    /// <summary>Bytes resident now; null where the system does not say.</summary>
    public static long? Resident => Read("VmRSS:");

    /// <summary>The most bytes resident at once since the start, or since <see cref="ResetPeak"/>; null where the system does not
    /// say.</summary>
    public static long? Peak => Read("VmHWM:");

    /// <summary>Begins the peak anew at what is resident now. Returns whether the system lets it.</summary>
    public static bool ResetPeak()
    {
        try
        {
            File.WriteAllText(ClearReferences, "5");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static long? Read(string key)
    {
        if (!File.Exists(Status))
            return null;
        var line = File.ReadLines(Status).FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal));
        return line is null ? null : 1024 * long.Parse(line[key.Length..].Replace("kB", "", StringComparison.Ordinal));
    }
}
