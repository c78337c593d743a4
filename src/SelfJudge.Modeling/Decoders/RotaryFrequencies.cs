namespace SelfJudge.Modeling.Decoders;

/// <summary>Rotary frequencies θ^(−2i/d), i in 0..d/2, after the scaling that a checkpoint names.</summary>
public static class RotaryFrequencies
{
    public static double[] Compute(DecoderConfig config)
    {
        var half = config.HeadDim / 2;
        var frequencies = new double[half];
        for (var i = 0; i < half; i++)
            frequencies[i] = Scale(Math.Pow(config.RopeTheta, -2.0 * i / config.HeadDim), config.RopeScaling);
        return frequencies;
    }

    // Type llama3: wavelengths far beyond the original context are stretched by the factor, short ones are left alone,
    // those between are interpolated (the formula of the Llama 3.1 reference code).
    private static double Scale(double frequency, RopeScaling? scaling)
    {
        if (scaling is null)
            return frequency;
        if (scaling.Type == "linear")
            return frequency / scaling.Factor;
        var wavelength = 2 * Math.PI / frequency;
        var turns = scaling.OriginalMaxPositionEmbeddings / wavelength;
        if (turns < scaling.LowFreqFactor)
            return frequency / scaling.Factor;
        if (turns > scaling.HighFreqFactor)
            return frequency;
        var smooth = (turns - scaling.LowFreqFactor) / (scaling.HighFreqFactor - scaling.LowFreqFactor);
        return (1 - smooth) * frequency / scaling.Factor + smooth * frequency;
    }
}
