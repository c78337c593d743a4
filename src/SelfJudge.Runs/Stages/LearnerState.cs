namespace SelfJudge.Runs.Stages;

/// <summary>
/// Where a trainer stands: a stage is open under an epoch, or none is; of its steps one at a time waits for triplets, is then begun,
/// and is made when the stage has counted it. Calls to a trainer interleave at every wait. What one of them may do, and whether what
/// it waits for is still asked for, is decided here, without tasks, triplets or time.
/// </summary>
internal sealed record LearnerState
{
    private LearnerState()
    {
    }

    /// <summary>No stage is open.</summary>
    public static LearnerState Closed { get; } = new();

    /// <summary>Of the open stage; null where none is open.</summary>
    public long? Epoch { get; private init; }

    /// <summary>The step that waits for triplets, and of how many prompts; null where none does.</summary>
    public (int Step, int Prompts)? Awaited { get; private init; }

    /// <summary>The last step whose triplets were handed to the device; 0 before the first.</summary>
    public int Begun { get; private init; }

    private long DuplicatesCounted { get; init; }

    /// <summary>A stage is opened.</summary>
    /// <exception cref="InvalidOperationException">One is open already.</exception>
    public LearnerState Open(long epoch) => Epoch is { } open
        ? throw new InvalidOperationException($"epoch {epoch} cannot open a stage before that of epoch {open} is left")
        : Closed with { Epoch = epoch };

    /// <summary>The stage is left: whoever waits is told, and the step that was begun is known until another stage is opened.</summary>
    public LearnerState Leave() => Closed with { Begun = Begun };

    /// <summary>A step is to wait for the triplets of its prompts.</summary>
    /// <param name="made">Steps that the stage has made.</param>
    /// <exception cref="InvalidOperationException">It is not the step's turn, or it was asked for already.</exception>
    public LearnerState Await(int step, int prompts, int made)
    {
        if (step != made + 1)
            throw new InvalidOperationException($"step {step} was asked for, but the stage is at step {made}");
        if (Awaited?.Step == step || Begun == step)
            throw new InvalidOperationException($"step {step} was asked for twice");
        return this with { Awaited = (step, prompts) };
    }

    /// <summary>Whether a call that began to wait under an epoch has to wait on.</summary>
    /// <param name="handedOver">Prompts of the step whose triplets are here.</param>
    public bool HasToWait(long epoch, int handedOver) => Epoch == epoch && Awaited is { } awaited && handedOver < awaited.Prompts;

    /// <summary>Whether what was kept for a step is the last that it waits for.</summary>
    public bool IsComplete(int step, int handedOver) => Awaited is { } awaited && awaited.Step == step && handedOver >= awaited.Prompts;

    /// <summary>The step that waits is handed to the device.</summary>
    /// <exception cref="InvalidOperationException">None waits.</exception>
    public LearnerState Begin() => Awaited is { } awaited
        ? this with { Awaited = null, Begun = awaited.Step }
        : throw new InvalidOperationException("no step waits for its triplets");

    /// <summary>A call that began to wait under an epoch waits no longer: its step may be asked for again.</summary>
    public LearnerState GiveUp(long epoch) => Epoch == epoch ? this with { Awaited = null } : this;

    /// <summary>Counts duplicates that have come since they were last counted.</summary>
    /// <param name="dropped">In this opening of the stage so far.</param>
    public (LearnerState Next, long New) Count(long dropped) => (this with { DuplicatesCounted = dropped }, dropped - DuplicatesCounted);

    /// <summary>
    /// Whether a batch is acknowledged as it arrives: nobody will ask for it, or its step is made and on disk and an earlier
    /// acknowledgement was lost. What is kept is acknowledged when its step is durable.
    /// </summary>
    /// <param name="made">Steps that the stage has made.</param>
    /// <param name="isDurable">Whether all of them are finished.</param>
    public static bool IsAnsweredAtOnce(Arrival arrival, int step, int made, bool isDurable) =>
        arrival == Arrival.OtherStage || arrival == Arrival.Duplicate && step <= made && isDurable;
}
