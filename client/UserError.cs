namespace SelfJudge.Client;

/// <summary>What the user can put right: printed as it is, without a stack trace.</summary>
internal sealed class UserError(string message) : Exception(message);
