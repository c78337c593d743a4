
namespace SelfJudge.Preferences.Losses;

/// <summary>The losses by their kinds.</summary>
internal static class PairwiseLosses
{
    private static readonly Dictionary<PreferenceLossKind, PairwiseLoss> All = new()
    {
        [PreferenceLossKind.Sigmoid] = new SigmoidLoss(),
        [PreferenceLossKind.Hinge] = new HingeLoss(),
        [PreferenceLossKind.Ipo] = new IpoLoss(),
        [PreferenceLossKind.Robust] = new RobustLoss(),
        [PreferenceLossKind.Simpo] = new SimpoLoss(),
        [PreferenceLossKind.Orpo] = new OrpoLoss(),
        [PreferenceLossKind.Kto] = new KtoLoss(),
    };

    public static PairwiseLoss Of(PreferenceLossKind kind) => All[kind];

    /// <summary>The kinds that have a setting.</summary>
    public static IEnumerable<PreferenceLossKind> With(string setting) =>
        All.Where(l => l.Value.Settings.Contains(setting)).Select(l => l.Key);
}
