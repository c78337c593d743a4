
namespace SelfJudge.Preferences.Recipes;

/// <summary>Who judges, or rewards, as recipes and options name it: parsed here, and nowhere else.</summary>
public abstract record JudgeRef
{
    private JudgeRef()
    {
    }

    /// <summary>How it is written.</summary>
    public abstract string Name { get; }

    /// <summary>How people read of it.</summary>
    public virtual string Called => Name;

    /// <summary>The built-in world's oracle.</summary>
    public sealed record Oracle : JudgeRef
    {
        public const string Word = "oracle";

        public override string Name => Word;
    }

    /// <summary>The policy in training, as it is at each step.</summary>
    public sealed record Policy : JudgeRef
    {
        public const string Word = "policy";

        public override string Name => Word;

        public override string Called => "the policy itself";
    }

    /// <summary>The model that the run starts from.</summary>
    public sealed record Start : JudgeRef
    {
        public const string Word = "start";

        public override string Name => Word;

        public override string Called => "the model that the run starts from";
    }

    /// <summary>The model that a stage of the run leaves.</summary>
    public sealed record Stage(string Of) : JudgeRef
    {
        public override string Name => Of;
    }

    /// <summary>A chat model that is none of ours.</summary>
    public sealed record Endpoint(JudgeEndpoint At) : JudgeRef
    {
        public override string Name => At.Name;
    }

    /// <summary>A model folder from elsewhere.</summary>
    public sealed record Folder(string Path) : JudgeRef
    {
        public override string Name => Path;
    }

    /// <summary>Whether a name means something wherever a judge is named.</summary>
    public static bool IsWord(string name) => name is Oracle.Word or Policy.Word or Start.Word;

    /// <summary>Whether a text is a path: what it means does not depend on what lies in anybody's current directory.</summary>
    public static bool IsPath(string named) => named.AsSpan().IndexOfAny('/', '\\') >= 0;

    /// <summary>Whether a text is an address, which may hold a secret: it goes into <c>judge.endpoints</c>, and is not repeated.</summary>
    public static bool IsAddress(string named) => named.Contains("://", StringComparison.Ordinal);

    /// <summary>What a name means in a recipe; null where it is neither a word, nor a stage or an endpoint of it, nor a path.</summary>
    public static JudgeRef? Parse(string named, Recipe recipe) =>
        named == Oracle.Word ? new Oracle()
        : named == Policy.Word ? new Policy()
        : named == Start.Word ? new Start()
        : recipe.Stages.Any(s => s.Name == named) ? new Stage(named)
        : recipe.Judge.EndpointOf(named) is { } endpoint ? new Endpoint(endpoint)
        : IsPath(named) && !IsAddress(named) ? new Folder(named)
        : null;

    /// <summary>What an option of the console means: the oracle, an address, or else a model: a run or a folder.</summary>
    /// <param name="endpoint">What goes with an address.</param>
    public static JudgeRef ParseOption(string named, JudgeEndpoint endpoint) =>
        named == Oracle.Word ? new Oracle()
        : IsAddress(named) ? new Endpoint(endpoint with { Name = named, Address = named })
        : new Folder(named);

    public sealed override string ToString() => Name;
}
