namespace SelfJudge.World;

/// <summary>The words and the facts of the built-in world. Its text is words separated by single spaces, punctuation being words.</summary>
public static class Lexicon
{
    public static IReadOnlyList<string> Colours { get; } = ["red", "yellow", "green", "blue", "brown", "black", "white", "grey", "purple"];
    public static IReadOnlyList<string> Homes { get; } = ["house", "farm", "forest", "sea", "tree", "hive", "field", "cave", "pond"];
    public static IReadOnlyList<string> Foods { get; } = ["grass", "fish", "seeds", "meat", "honey", "insects", "leaves", "worms"];
    public static IReadOnlyList<string> Tastes { get; } = ["sweet", "sour", "bitter", "fresh"];
    public static IReadOnlyList<string> Tools { get; } = ["hammer", "saw", "knife", "spoon", "brush", "needle"];

    /// <summary>Words that mean nothing to anyone: asked about them, the honest answer is not to be sure.</summary>
    public static IReadOnlyList<string> UnknownCreatures { get; } = ["zorp", "wug", "blick", "dax", "fep", "tove"];

    /// <summary>Number words; the index is the value.</summary>
    public static IReadOnlyList<string> Numbers { get; } =
    [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
        "ten", "eleven", "twelve", "thirteen", "fourteen",
    ];

    /// <summary>The value of a number word, −1 if it is none.</summary>
    public static int ValueOf(string number) => Numbers.ToList().IndexOf(number);

    /// <summary>Words that prompts ask to have repeated.</summary>
    public static IReadOnlyList<string> Sounds { get; } =
        ["hello", "yes", "no", "go", "ha", "la", "bravo", "boo", "hey", "wow", "moo", "beep"];

    /// <summary>colour, home and food of each animal.</summary>
    public static IReadOnlyDictionary<string, (string Colour, string Home, string Food)> Animals { get; } =
        new Dictionary<string, (string, string, string)>
        {
            ["cat"] = ("black", "house", "fish"),
            ["dog"] = ("brown", "house", "meat"),
            ["cow"] = ("white", "farm", "grass"),
            ["horse"] = ("brown", "farm", "grass"),
            ["fox"] = ("red", "forest", "meat"),
            ["owl"] = ("grey", "tree", "meat"),
            ["frog"] = ("green", "pond", "insects"),
            ["bee"] = ("yellow", "hive", "honey"),
            ["ant"] = ("red", "field", "leaves"),
            ["bear"] = ("brown", "cave", "honey"),
            ["duck"] = ("yellow", "pond", "seeds"),
            ["mouse"] = ("grey", "field", "seeds"),
            ["whale"] = ("blue", "sea", "fish"),
            ["robin"] = ("brown", "tree", "worms"),
        };

    /// <summary>colour and taste of each fruit.</summary>
    public static IReadOnlyDictionary<string, (string Colour, string Taste)> Fruits { get; } = new Dictionary<string, (string, string)>
    {
        ["apple"] = ("red", "fresh"),
        ["banana"] = ("yellow", "sweet"),
        ["lemon"] = ("yellow", "sour"),
        ["cherry"] = ("red", "sweet"),
        ["grape"] = ("purple", "sweet"),
        ["plum"] = ("blue", "sweet"),
        ["pear"] = ("green", "fresh"),
        ["olive"] = ("black", "bitter"),
    };

    public static IReadOnlyDictionary<string, string> Opposites { get; } = BothWays(
        ("hot", "cold"), ("big", "small"), ("fast", "slow"), ("old", "new"), ("happy", "sad"), ("light", "dark"),
        ("high", "low"), ("wet", "dry"), ("hard", "soft"), ("full", "empty"), ("loud", "quiet"), ("long", "short"));

    /// <summary>What a list prompt may ask for: the plural and its members.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> Categories { get; } = new Dictionary<string, IReadOnlyList<string>>
    {
        ["animals"] = [.. Animals.Keys],
        ["fruits"] = [.. Fruits.Keys],
        ["colours"] = Colours,
        ["tools"] = Tools,
        ["homes"] = Homes,
        ["foods"] = Foods,
    };

    /// <summary>The categories of an is-a prompt, singular with its article, and their members.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> Kinds { get; } = new Dictionary<string, IReadOnlyList<string>>
    {
        ["an animal"] = Categories["animals"],
        ["a fruit"] = Categories["fruits"],
        ["a tool"] = Tools,
    };

    /// <summary>The value of an attribute of a thing, or null where it has none.</summary>
    public static string? FactOf(string thing, string attribute) => attribute switch
    {
        "colour" when Animals.TryGetValue(thing, out var a) => a.Colour,
        "colour" when Fruits.TryGetValue(thing, out var f) => f.Colour,
        "home" when Animals.TryGetValue(thing, out var a) => a.Home,
        "food" when Animals.TryGetValue(thing, out var a) => a.Food,
        "taste" when Fruits.TryGetValue(thing, out var f) => f.Taste,
        _ => null,
    };

    /// <summary>Every value that an attribute can take.</summary>
    public static IReadOnlyList<string> ValuesOf(string attribute) => attribute switch
    {
        "colour" => Colours,
        "home" => Homes,
        "food" => Foods,
        "taste" => Tastes,
        _ => throw new ArgumentOutOfRangeException(nameof(attribute), attribute, "not an attribute of the world"),
    };

    /// <summary>The attributes that a thing has; an unknown creature is asked about as an animal would be.</summary>
    public static IReadOnlyList<string> AttributesOf(string thing) =>
        Fruits.ContainsKey(thing) ? ["colour", "taste"] : ["colour", "home", "food"];

    private static Dictionary<string, string> BothWays(params (string, string)[] pairs) =>
        pairs.SelectMany(p => new[] { p, (p.Item2, p.Item1) }).ToDictionary(p => p.Item1, p => p.Item2);
}
