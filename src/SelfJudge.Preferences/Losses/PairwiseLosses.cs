
namespace SelfJudge.Preferences.Losses;

/// <summary>The losses over preference pairs, by the names that TRL has for them.</summary>
public enum PreferenceLossKind
{
    /// <summary>DPO (Rafailov et al. 2023): −log σ(β·Δ); with label smoothing conservative DPO (Mitchell 2023).</summary>
    Sigmoid,

    /// <summary>SLiC (Zhao et al. 2023): max(0, 1 − β·Δ).</summary>
    Hinge,

    /// <summary>IPO (Azar et al. 2023): (Δ − 1/(2β))².</summary>
    Ipo,

    /// <summary>Robust DPO (Chowdhury et al. 2024): unbiased where labels are flipped with a known probability.</summary>
    Robust,

    /// <summary>SimPO (Meng et al. 2024): no reference, a target margin.</summary>
    Simpo,

    /// <summary>ORPO (Hong et al. 2024): no reference, an odds ratio beside the likelihood of the chosen response.</summary>
    Orpo,

    /// <summary>KTO (Ethayarajh et al. 2024): the responses of a pair each by itself, against the batch's divergence.</summary>
    Kto,
}

/// <summary>The losses by their kinds: the one table that a new one is entered in.</summary>
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
