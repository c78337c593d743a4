using SelfJudge.Modeling.Decoders;

namespace SelfJudge.Modeling.Learning;

/// <summary>Prompts with a response each, packed, and the positions at which response tokens are predicted.</summary>
public sealed class ResponseBatch
{
    private readonly int[] _sequenceOfRow;

    public ResponseBatch(IReadOnlyList<(int[] Prompt, int[] Response)> sequences)
    {
        Sequences = sequences.Count;
        Batch = PackedBatch.Of([.. sequences.Select(s => (ReadOnlyMemory<int>)(int[])[.. s.Prompt, .. s.Response])]);
        var (rows, targets, owners) = (new List<int>(), new List<int>(), new List<int>());
        for (var s = 0; s < sequences.Count; s++)
        {
            if (sequences[s].Prompt.Length == 0)
                throw new ArgumentException("a response needs a prompt of at least one token: nothing else predicts its first token");
            for (var t = 0; t < sequences[s].Response.Length; t++)
            {
                rows.Add(Batch.Offsets[s] + sequences[s].Prompt.Length + t - 1);
                targets.Add(sequences[s].Response[t]);
                owners.Add(s);
            }
        }
        (Rows, Targets, _sequenceOfRow) = ([.. rows], [.. targets], [.. owners]);
    }

    public PackedBatch Batch { get; }
    public int Sequences { get; }

    /// <summary>Hidden-state rows that predict a response token.</summary>
    public int[] Rows { get; }

    /// <summary>The token that each of them predicts.</summary>
    public int[] Targets { get; }

    /// <summary>Sums per-token values over each sequence's response.</summary>
    public double[] Sums(float[] perToken)
    {
        var sums = new double[Sequences];
        for (var i = 0; i < perToken.Length; i++)
            sums[_sequenceOfRow[i]] += perToken[i];
        return sums;
    }

    /// <summary>Gives each response token its sequence's value.</summary>
    public float[] Spread(double[] perSequence) => Array.ConvertAll(_sequenceOfRow, s => (float)perSequence[s]);
}
