namespace SelfJudge.Modeling.Kernels;

/// <summary>cos and sin of position·frequency, [positions, head dim / 2] each, row by row.</summary>
public sealed class RotaryTable
{
    public RotaryTable(double[] frequencies, int positions)
    {
        Half = frequencies.Length;
        Positions = positions;
        if ((long)positions * Half > Array.MaxLength)
            throw new ArgumentException(
                $"rotary positions of {positions} tokens with {2 * Half} elements a head are more than memory can index: lower "
                + $"max_position_embeddings in config.json");
        Cos = new float[positions * Half];
        Sin = new float[positions * Half];
        for (var p = 0; p < positions; p++)
            for (var i = 0; i < Half; i++)
            {
                var (sin, cos) = Math.SinCos(p * frequencies[i]);
                Cos[p * Half + i] = (float)cos;
                Sin[p * Half + i] = (float)sin;
            }
    }

    public int Half { get; }
    public int Positions { get; }
    public float[] Cos { get; }
    public float[] Sin { get; }
}
