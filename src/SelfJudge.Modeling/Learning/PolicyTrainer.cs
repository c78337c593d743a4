using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Llama;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Preferences.Learning;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Learning;

/// <summary>A prompt with the two responses of a preference, as the token ids that were sampled.</summary>
public sealed record PreferencePair(int[] Prompt, int[] Chosen, int[] Rejected);

/// <summary>A response as it was sampled, and what it is worth to whoever evaluates.</summary>
public sealed record RewardedResponse(int[] Prompt, int[] Response, double Reward);

/// <summary>
/// Optimizer steps on one model: on its adapter if it has one, else on its base weights. Each worker passes its share
/// of a batch forward and backward into a gradient buffer of its own; the buffers are added in a fixed order, so that
/// the result depends on the batch and the number of workers, never on timing. Runs on the device thread.
/// </summary>
public sealed class PolicyTrainer : IDisposable
{
    // Stretches of flat buffers begin at whole cache lines.
    private const long StretchUnit = 16;

    private readonly LlamaModel _policy;
    private readonly LlamaModel? _reference;
    private readonly WorkerPool _workers;
    private readonly OptimizerOptions _options;
    private readonly LlamaWeights?[] _baseGradients;
    private readonly LoraAdapter?[] _adapterGradients;
    private readonly IReadOnlyList<(long Start, long Length)> _decayRanges;

    /// <param name="reference">What preference losses compare with; null where only supervised steps are made.</param>
    public PolicyTrainer(LlamaModel policy, LlamaModel? reference, WorkerPool workers, OptimizerOptions options)
    {
        if (policy.Adapter is null && policy.Weights.IsNarrow)
            throw new ArgumentException("weights held in fewer bits than float32 cannot be trained: steps are smaller than their rounding");
        (_policy, _reference, _workers, _options) = (policy, reference, workers, options);
        _baseGradients = [.. Enumerable.Range(0, workers.Count).Select(_ => policy.Adapter is null ? policy.Weights.NewLike() : null)];
        _adapterGradients = [.. Enumerable.Range(0, workers.Count).Select(_ => policy.Adapter?.NewLike())];
        Trained = policy.Adapter?.Buffer ?? policy.Weights.Buffer;
        Mean = Trained.NewLike();
        Variance = Trained.NewLike();
        _decayRanges = Trained.Layout.DecayRanges();
    }

    /// <summary>The parameters that steps change.</summary>
    public FlatBuffer Trained { get; }

    /// <summary>Adam's first moment.</summary>
    public FlatBuffer Mean { get; }

    /// <summary>Adam's second moment.</summary>
    public FlatBuffer Variance { get; }

    /// <summary>Steps made so far, which Adam's bias correction counts.</summary>
    public long Steps { get; set; }

    /// <summary>One step of cross-entropy on the learned parts of the examples.</summary>
    public StepReport SupervisedStep(IReadOnlyList<SupervisedExample> examples, PartWeights weights, double learningRate)
    {
        var counts = new int[Enum.GetValues<TokenPart>().Length];
        foreach (var example in examples)
            foreach (var part in example.Parts.Skip(1)) // Nothing predicts a sequence's first token.
                counts[(int)part]++;
        var tokenWeights = weights.TokenWeights(counts);
        var sums = new double[_workers.Count][];
        ForEachBatch(examples, e => e.Tokens.Length, (worker, batch) =>
        {
            sums[worker] ??= new double[counts.Length];
            SupervisedBatch(worker, batch, tokenWeights, sums[worker]);
        });
        var parts = Enumerable.Range(0, counts.Length).Select(p => sums.Where(s => s is not null).Sum(s => s[p])).ToArray();
        var loss = -parts.Zip(tokenWeights, (sum, weight) => sum * weight).Sum();
        var gradientNorm = Apply(loss, learningRate);
        var metrics = Enum.GetValues<TokenPart>().Where(p => tokenWeights[(int)p] > 0)
            .ToDictionary(p => $"loss/{MetricName(p)}", p => -parts[(int)p] / counts[(int)p]);
        return new StepReport(loss, gradientNorm, examples.Sum(e => e.Tokens.Length), metrics);
    }

    /// <summary>One step of a preference loss, the mean over the pairs.</summary>
    public StepReport PreferenceStep(IReadOnlyList<PreferencePair> pairs, PreferenceLoss loss, double learningRate)
    {
        var results = new (PairLogProbs LogProbs, PairLoss Loss)[pairs.Count];
        var indexed = pairs.Index().ToList();
        ForEachBatch(indexed, p => 2 * p.Item.Prompt.Length + p.Item.Chosen.Length + p.Item.Rejected.Length,
            (worker, batch) => PreferenceBatch(worker, batch, pairs.Count, loss, results));
        var mean = results.Average(r => r.Loss.Loss);
        var gradientNorm = Apply(mean, learningRate);
        var metrics = new Dictionary<string, double>
        {
            ["rewards/chosen"] = results.Average(r => r.Loss.ChosenReward),
            ["rewards/rejected"] = results.Average(r => r.Loss.RejectedReward),
            ["rewards/accuracies"] = results.Average(r => r.Loss.Margin > 0 ? 1.0 : 0.0),
            ["rewards/margins"] = results.Average(r => r.Loss.Margin),
            ["logps/chosen"] = results.Average(r => r.LogProbs.PolicyChosen),
            ["logps/rejected"] = results.Average(r => r.LogProbs.PolicyRejected),
            // The mean of log π − log π_ref over sampled responses estimates their KL divergence where they are on-policy.
            ["objective/kl"] = results.Average(r => (r.LogProbs.PolicyChosen - r.LogProbs.ReferenceChosen + r.LogProbs.PolicyRejected - r.LogProbs.ReferenceRejected) / 2),
        };
        return new StepReport(mean, gradientNorm, pairs.Sum(p => 2L * p.Prompt.Length + p.Chosen.Length + p.Rejected.Length), metrics);
    }

    /// <summary>One step of the Bradley-Terry loss, the mean over the pairs. The reward is read at a response's last token.</summary>
    public StepReport RewardStep(IReadOnlyList<PreferencePair> pairs, double learningRate)
    {
        var rewards = new (double Chosen, double Rejected)[pairs.Count];
        ForEachBatch([.. pairs.Index()], p => 2 * p.Item.Prompt.Length + p.Item.Chosen.Length + p.Item.Rejected.Length,
            (worker, batch) => RewardBatch(worker, batch, pairs.Count, rewards));
        var loss = rewards.Average(r => BradleyTerry.Of(r.Chosen - r.Rejected).Loss);
        var gradientNorm = Apply(loss, learningRate);
        var metrics = new Dictionary<string, double>
        {
            ["rewards/chosen"] = rewards.Average(r => r.Chosen),
            ["rewards/rejected"] = rewards.Average(r => r.Rejected),
            ["rewards/accuracies"] = rewards.Average(r => r.Chosen > r.Rejected ? 1.0 : 0.0),
            ["rewards/margins"] = rewards.Average(r => r.Chosen - r.Rejected),
        };
        return new StepReport(loss, gradientNorm, pairs.Sum(p => 2L * p.Prompt.Length + p.Chosen.Length + p.Rejected.Length), metrics);
    }

    /// <summary>
    /// PPO on the responses of one step: log-probabilities, reference and values as they are now give rewards per token and
    /// advantages; then one update per mini-batch, in the responses' order.
    /// </summary>
    public StepReport PpoStep(IReadOnlyList<RewardedResponse> responses, PpoOptions options, double klCoefficient, double learningRate)
    {
        var rollouts = new PpoRollout[responses.Count];
        ForEachBatch([.. responses.Index()], r => r.Item.Prompt.Length + r.Item.Response.Length, (_, batch) => Roll(batch, klCoefficient, options, rollouts));
        Ppo.Whiten([.. rollouts.Select(r => r.Advantages)]);
        var sums = new PpoSums[_workers.Count];
        double norm = 0, updates = 0;
        for (var epoch = 0; epoch < options.InnerEpochs; epoch++)
            foreach (var miniBatch in responses.Zip(rollouts).Chunk(options.MiniBatch))
            {
                var tokens = miniBatch.Sum(r => r.First.Response.Length);
                ForEachBatch(miniBatch, r => r.First.Prompt.Length + r.First.Response.Length, (worker, batch) => PpoBatch(worker, batch, tokens, options, ref sums[worker]));
                var reached = sums.Aggregate(new PpoSums(), (a, b) => a + b);
                norm = Math.Max(norm, Apply(reached.Policy + options.ValueCoefficient * reached.Value, learningRate));
                updates++;
            }
        var total = sums.Aggregate(new PpoSums(), (a, b) => a + b);
        double all = rollouts.Sum(r => r.LogProbs.Length) * options.InnerEpochs, kl = rollouts.Average(r => r.Kl);
        var metrics = new Dictionary<string, double>
        {
            ["objective/kl"] = kl,
            ["objective/kl_coef"] = klCoefficient,
            ["objective/scores"] = responses.Average(r => r.Reward),
            ["objective/rlhf_reward"] = responses.Average(r => r.Reward) - klCoefficient * kl,
            ["loss/policy_avg"] = total.Policy / all,
            ["loss/value_avg"] = total.Value / all,
            ["policy/clipfrac_avg"] = total.Clipped / all,
            ["policy/approxkl_avg"] = total.SquaredLogRatio / 2 / all,
        };
        var passes = 2 + options.InnerEpochs; // policy and reference once, then the updates
        return new StepReport((total.Policy + options.ValueCoefficient * total.Value) / all, norm, passes * responses.Sum(r => (long)r.Prompt.Length + r.Response.Length), metrics);
    }

    public void Dispose()
    {
        foreach (var gradient in _baseGradients)
            gradient?.Dispose();
        foreach (var gradient in _adapterGradients)
            gradient?.Dispose();
        Mean.Dispose();
        Variance.Dispose();
    }

    private void ForEachBatch<T>(IReadOnlyList<T> items, Func<T, int> length, Action<int, List<T>> body)
    {
        var shares = WorkShares.Balance([.. items.Select(length)], _workers.Count);
        _workers.Run(worker =>
        {
            using (Ops.Scope())
                Ops.Zero(Gradient(worker).Flat);
            foreach (var batch in WorkShares.Batches(shares[worker], i => length(items[i]), _options.MaxTokensPerBatch))
            {
                using var scope = Ops.Scope();
                body(worker, [.. batch.Select(i => items[i])]);
            }
        });
    }

    private void SupervisedBatch(int worker, List<SupervisedExample> examples, double[] tokenWeights, double[] sums)
    {
        var batch = PackedBatch.Of([.. examples.Select(e => (ReadOnlyMemory<int>)e.Tokens)]);
        var (rows, targets, parts) = (new List<int>(), new List<int>(), new List<TokenPart>());
        for (var e = 0; e < examples.Count; e++)
            for (var t = 1; t < examples[e].Tokens.Length; t++)
                if (tokenWeights[(int)examples[e].Parts[t]] > 0)
                {
                    rows.Add(batch.Offsets[e] + t - 1);
                    targets.Add(examples[e].Tokens[t]);
                    parts.Add(examples[e].Parts[t]);
                }
        var coefficients = parts.Select(p => (float)-tokenWeights[(int)p]).ToArray();
        var tape = new Tape(batch, _options.GradientCheckpointing);
        var hidden = _policy.Hidden(batch, tape);
        var (logProbs, dHidden) = TokenLogProbs.Backward(_policy, hidden, [.. rows], [.. targets], coefficients, _baseGradients[worker]);
        _policy.Backward(tape, dHidden, _baseGradients[worker], _adapterGradients[worker]);
        for (var i = 0; i < logProbs.Length; i++)
            sums[(int)parts[i]] += logProbs[i];
    }

    private void PreferenceBatch(int worker, List<(int Index, PreferencePair Item)> pairs, int total, PreferenceLoss loss, (PairLogProbs, PairLoss)[] results)
    {
        var sequences = pairs.SelectMany(p => new[] { (p.Item.Prompt, Response: p.Item.Chosen), (p.Item.Prompt, Response: p.Item.Rejected) }).ToList();
        var responses = new ResponseBatch(sequences);
        double[] reference;
        using (Ops.Scope())
            reference = responses.Sums(TokenLogProbs.Forward(_reference!, _reference!.Hidden(responses.Batch), responses.Rows, responses.Targets));
        var tape = new Tape(responses.Batch, _options.GradientCheckpointing);
        var hidden = _policy.Hidden(responses.Batch, tape);
        // The loss's slope needs the sums first; the logits are made a second time rather than kept.
        var policy = responses.Sums(TokenLogProbs.Forward(_policy, hidden, responses.Rows, responses.Targets));
        var slopes = new double[sequences.Count];
        for (var i = 0; i < pairs.Count; i++)
        {
            var logProbs = new PairLogProbs(policy[2 * i], policy[2 * i + 1], reference[2 * i], reference[2 * i + 1], pairs[i].Item.Chosen.Length, pairs[i].Item.Rejected.Length);
            var result = loss.Of(logProbs);
            results[pairs[i].Index] = (logProbs, result);
            (slopes[2 * i], slopes[2 * i + 1]) = (result.ByChosen / total, result.ByRejected / total);
        }
        var (_, dHidden) = TokenLogProbs.Backward(_policy, hidden, responses.Rows, responses.Targets, responses.Spread(slopes), _baseGradients[worker]);
        _policy.Backward(tape, dHidden, _baseGradients[worker], _adapterGradients[worker]);
    }

    private void RewardBatch(int worker, List<(int Index, PreferencePair Item)> pairs, int total, (double Chosen, double Rejected)[] rewards)
    {
        var batch = PackedBatch.Of([.. pairs.SelectMany(p => new[] { (ReadOnlyMemory<int>)(int[])[.. p.Item.Prompt, .. p.Item.Chosen], (int[])[.. p.Item.Prompt, .. p.Item.Rejected] })]);
        var rows = ScalarReadings.LastRows(batch);
        var tape = new Tape(batch);
        var hidden = _policy.Hidden(batch, tape);
        var scores = ScalarReadings.Forward(_policy, hidden, rows);
        var slopes = new float[rows.Length];
        for (var i = 0; i < pairs.Count; i++)
        {
            var pair = rewards[pairs[i].Index] = (scores[2 * i], scores[2 * i + 1]);
            slopes[2 * i] = (float)(BradleyTerry.Of(pair.Chosen - pair.Rejected).ByMargin / total);
            slopes[2 * i + 1] = -slopes[2 * i];
        }
        var dHidden = Ops.ZerosLike(hidden);
        ScalarReadings.BackwardInto(_policy, hidden, rows, slopes, dHidden, ScoreGradient(worker));
        _policy.Backward(tape, dHidden, _baseGradients[worker], _adapterGradients[worker]);
    }

    private void Roll(List<(int Index, RewardedResponse Item)> responses, double klCoefficient, PpoOptions options, PpoRollout[] rollouts)
    {
        var packed = new ResponseBatch([.. responses.Select(r => (r.Item.Prompt, r.Item.Response))]);
        float[] reference;
        using (Ops.Scope())
            reference = TokenLogProbs.Forward(_reference!, _reference!.Hidden(packed.Batch), packed.Rows, packed.Targets);
        var hidden = _policy.Hidden(packed.Batch);
        var logProbs = TokenLogProbs.Forward(_policy, hidden, packed.Rows, packed.Targets);
        var values = ScalarReadings.Forward(_policy, hidden, packed.Rows);
        var at = 0;
        foreach (var (index, response) in responses)
        {
            var range = at..(at += response.Response.Length);
            double[] own = Array.ConvertAll(values[range], v => (double)v);
            var rewards = Ppo.TokenRewards(response.Reward, logProbs[range], reference[range], klCoefficient);
            var (advantages, returns) = Ppo.Advantages(rewards, own, options.Discount, options.Lambda);
            rollouts[index] = new PpoRollout(logProbs[range], own, advantages, returns, logProbs[range].Zip(reference[range], (p, r) => (double)p - r).Sum());
        }
    }

    private void PpoBatch(int worker, List<(RewardedResponse Response, PpoRollout Rollout)> batch, int tokens, PpoOptions options, ref PpoSums sums)
    {
        var packed = new ResponseBatch([.. batch.Select(b => (b.Response.Prompt, b.Response.Response))]);
        var tape = new Tape(packed.Batch);
        var hidden = _policy.Hidden(packed.Batch, tape);
        var logProbs = TokenLogProbs.Forward(_policy, hidden, packed.Rows, packed.Targets);
        var values = ScalarReadings.Forward(_policy, hidden, packed.Rows);
        float[] byLogProb = new float[logProbs.Length], byValue = new float[logProbs.Length];
        var at = 0;
        foreach (var (_, rollout) in batch)
            for (var t = 0; t < rollout.LogProbs.Length; t++, at++)
            {
                var token = Ppo.Token(logProbs[at], rollout.LogProbs[t], rollout.Advantages[t], values[at], rollout.Values[t], rollout.Returns[t], options);
                byLogProb[at] = (float)(token.ByLogProb / tokens);
                byValue[at] = (float)(options.ValueCoefficient * token.ByValue / tokens);
                double ratio = logProbs[at] - (double)rollout.LogProbs[t];
                sums += new PpoSums(token.Policy, token.Value, token.IsClipped ? 1 : 0, ratio * ratio);
            }
        var (_, dHidden) = TokenLogProbs.Backward(_policy, hidden, packed.Rows, packed.Targets, byLogProb, _baseGradients[worker]);
        ScalarReadings.BackwardInto(_policy, hidden, packed.Rows, byValue, dHidden, ScoreGradient(worker));
        _policy.Backward(tape, dHidden, _baseGradients[worker], _adapterGradients[worker]);
    }

    private Tensor ScoreGradient(int worker) => _adapterGradients[worker]?.Score ?? _baseGradients[worker]?.Score ?? throw new InvalidOperationException("the model has no scalar head to train");

    private FlatBuffer Gradient(int worker) => _adapterGradients[worker]?.Buffer ?? _baseGradients[worker]!.Buffer;

    // Whatever is not finite would be in the weights for good: it is found before they change.
    private double Apply(double loss, double learningRate)
    {
        if (!float.IsFinite((float)learningRate))
            throw new ArithmeticException($"the learning rate of step {Steps + 1} is {learningRate}, which is no number to train with");
        var squares = new double[_workers.Count];
        ForEachStretch((worker, stretch) =>
        {
            var gradient = stretch(Gradient(0));
            for (var other = 1; other < _workers.Count; other++)
                Ops.AddInto(gradient, stretch(Gradient(other)));
            squares[worker] = _policy.Kernels.SumOfSquares(gradient);
        });
        var norm = Math.Sqrt(squares.Sum());
        if (!double.IsFinite(norm))
            throw new ArithmeticException($"the gradient of step {Steps + 1} is not finite: lower the learning rate, or look for damaged weights or data");
        if (!double.IsFinite(loss))
            throw new ArithmeticException($"the loss of step {Steps + 1} is {loss}: lower the learning rate, or look for damaged weights or data, or a setting of the loss that is no number");
        var scale = _options.ClipNorm > 0 && norm > _options.ClipNorm ? _options.ClipNorm / norm : 1;
        var step = new AdamWStep(
            ++Steps, (float)learningRate, (float)_options.Beta1, (float)_options.Beta2, (float)_options.Epsilon, (float)_options.WeightDecay, (float)scale, _decayRanges);
        ForEachStretch((worker, stretch) =>
        {
            var (start, length) = Stretch(worker);
            _policy.Kernels.AdamW(stretch(Trained), stretch(Gradient(0)), stretch(Mean), stretch(Variance), step.Within(start, length));
        });
        return norm;
    }

    // Each worker has a stretch of the flat buffers to itself.
    private void ForEachStretch(Action<int, Func<FlatBuffer, Tensor>> body) => _workers.Run(worker =>
    {
        using var scope = Ops.Scope();
        var (start, length) = Stretch(worker);
        if (length > 0)
            body(worker, buffer => buffer.Flat.narrow(0, start, length));
    });

    private (long Start, long Length) Stretch(int worker)
    {
        long size = Trained.Layout.Size, each = (size / _workers.Count + StretchUnit - 1) / StretchUnit * StretchUnit, start = Math.Min(size, worker * each);
        return (start, worker == _workers.Count - 1 ? size - start : Math.Min(each, size - start));
    }

    /// <summary>A response as PPO saw it before its updates, token by token.</summary>
    private sealed record PpoRollout(float[] LogProbs, double[] Values, double[] Advantages, double[] Returns, double Kl);

    private readonly record struct PpoSums(double Policy, double Value, double Clipped, double SquaredLogRatio)
    {
        public static PpoSums operator +(PpoSums a, PpoSums b) => new(a.Policy + b.Policy, a.Value + b.Value, a.Clipped + b.Clipped, a.SquaredLogRatio + b.SquaredLogRatio);
    }

    private static string MetricName(TokenPart part) => part switch
    {
        TokenPart.Response => "response",
        TokenPart.JudgeToken => "judge_token",
        TokenPart.Rationale => "rationale",
        _ => "judge_prompt",
    };
}
