namespace SelfJudge.Preferences.Methods;

/// <summary>The methods that a stage can use; what each of them is, its <see cref="MethodSpec"/> says.</summary>
public enum StageMethod
{
    Sft,
    Jsft,
    Dpo,
    Rm,
    OffPolicy,
    SelfJudge,
    Rso,
    Rest,
    Raft,
    Ppo,
}

/// <summary>What is known of every method: the one table that a new one is entered in.</summary>
public static class StageMethods
{
    /// <summary>Every method, in the order in which users read of them.</summary>
    public static IReadOnlyList<MethodSpec> All { get; } =
    [
        SftMethod.Spec, JsftMethod.Spec, DpoMethod.Spec, RmMethod.Spec, OffPolicyMethod.Spec, SelfJudgeMethod.Spec, RsoMethod.Spec,
        RestMethod.Spec, RaftMethod.Spec, PpoMethod.Spec,
    ];

    private static readonly Dictionary<StageMethod, MethodSpec> ByMethod = All.ToDictionary(m => m.Method);

    private static readonly HashSet<string> KeysOfSome = [.. All.SelectMany(m => m.Keys)];

    public static MethodSpec Of(StageMethod method) => ByMethod[method];

    /// <summary>The methods whose stages have a key, such as <c>loss_weights.judge_token</c>; empty where all have it.</summary>
    public static IReadOnlyList<MethodSpec> Having(string key) => KeysOfSome.Contains(key) ? [.. All.Where(m => m.Keys.Contains(key))] : [];
}
