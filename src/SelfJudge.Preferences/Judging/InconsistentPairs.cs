namespace SelfJudge.Preferences.Judging;

/// <summary>What a pair counts as on which a judge's two orders of presentation disagree.</summary>
public enum InconsistentPairs
{
    /// <summary>A tie: whoever wins, wins in both orders (MT-bench, Zheng et al. 2023).</summary>
    Tie,

    /// <summary>The higher mean over both orders wins, however narrowly (balanced position calibration, Wang et al. 2023; section
    /// 3.1).</summary>
    Mean,
}
