namespace SelfJudge.Abstractions;

/// <summary>A folder that a run cannot be made in, or that is not as the run left it; the message says what to do.</summary>
public sealed class RunFolderException(string message) : IOException(message);
