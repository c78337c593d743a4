using System.Text;
using System.Text.Json;

namespace SelfJudge.Fuzz.Mutations;

/// <summary>A JSON value that may be what no JSON library would make: an object that names a key twice, a number that is none.</summary>
internal abstract record JsonTree
{
    /// <summary>A number, a truth value, null, or a string with its quotes.</summary>
    public sealed record Leaf(string Raw) : JsonTree;

    public sealed record List(IReadOnlyList<JsonTree> Items) : JsonTree;

    public sealed record Map(IReadOnlyList<(string Key, JsonTree Value)> Entries) : JsonTree;

    public static JsonTree Parse(string json)
    {
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 1000 });
        return Of(document.RootElement);
    }

    private static JsonTree Of(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => new Map([.. element.EnumerateObject().Select(p => (p.Name, Of(p.Value)))]),
        JsonValueKind.Array => new List([.. element.EnumerateArray().Select(Of)]),
        _ => new Leaf(element.GetRawText()),
    };

    public static JsonTree Text(string text) => new Leaf(JsonSerializer.Serialize(text));

    public override string ToString()
    {
        var text = new StringBuilder();
        Write(text);
        return text.ToString();
    }

    private void Write(StringBuilder text)
    {
        switch (this)
        {
            case Leaf leaf:
                text.Append(leaf.Raw);
                break;
            case List list:
                text.Append('[');
                foreach (var (i, item) in list.Items.Index())
                {
                    text.Append(i > 0 ? "," : "");
                    item.Write(text);
                }
                text.Append(']');
                break;
            case Map map:
                text.Append('{');
                foreach (var (i, (key, value)) in map.Entries.Index())
                {
                    text.Append(i > 0 ? "," : "").Append(JsonSerializer.Serialize(key)).Append(':');
                    value.Write(text);
                }
                text.Append('}');
                break;
        }
    }
}

/// <summary>Changes to what a JSON document says, which leave it well formed; and documents made up of the same words.</summary>
internal static class JsonMutation
{
    /// <param name="words">Keys and names to make things up of.</param>
    public static string Mutate(Random random, string json, string[] words)
    {
        var tree = JsonTree.Parse(json);
        if (random.Next(16) == 0)
            return Generate(random, words, 4).ToString();
        for (var changes = 1 << random.Next(3); changes > 0 && Length(tree) < Mutation.Longest; changes--)
        {
            var at = random.Next(Count(tree));
            tree = ChangeAt(tree, ref at, random, Pick(tree, random), words);
        }
        return tree.ToString();
    }

    public static JsonTree Generate(Random random, string[] words, int depth) => random.Next(depth > 0 ? 8 : 5) switch
    {
        0 or 1 => new JsonTree.Leaf(Json(OddValues.Number(random))),
        2 => random.Next(8) == 0 ? new JsonTree.Leaf("\"\\ud800\"") : JsonTree.Text(OddValues.Text(random)),
        3 => new JsonTree.Leaf(random.Next(3) switch { 0 => "null", 1 => "true", _ => "false" }),
        4 => JsonTree.Text(Word(random, words)),
        5 => new JsonTree.List([.. Enumerable.Range(0, random.Next(4)).Select(_ => Generate(random, words, depth - 1))]),
        _ => new JsonTree.Map([.. Enumerable.Range(0, random.Next(6))
            .Select(_ => (Word(random, words), Generate(random, words, depth - 1)))]),
    };

    private static JsonTree Change(JsonTree node, Random random, JsonTree other, string[] words)
    {
        switch (random.Next(12))
        {
            case 0 or 1:
                return Generate(random, words, 2);
            case 2:
                return other;
            case 3:
                return new JsonTree.List([node]);
            case 4:
                return new JsonTree.Map([(Word(random, words), node)]);
            case 5:
                for (var depth = Math.Min(1000, OddValues.Depth(random)); depth > 0; depth--)
                    node = random.Next(2) == 0 ? new JsonTree.List([node]) : new JsonTree.Map([("a", node)]);
                return node;
            case 6:
                return new JsonTree.Leaf("null");
        }
        switch (node)
        {
            case JsonTree.Map { Entries.Count: > 0 } map:
                var at = random.Next(map.Entries.Count);
                var (key, value) = map.Entries[at];
                return random.Next(4) switch
                {
                    0 => new JsonTree.Map([.. map.Entries.Where((_, i) => i != at)]),
                    1 => new JsonTree.Map([.. map.Entries, (key, random.Next(2) == 0 ? value : other)]),
                    2 => new JsonTree.Map([.. map.Entries.Select((e, i) =>
                        i == at ? (random.Next(2) == 0 ? Word(random, words) : OddValues.Text(random), value) : e)]),
                    _ => new JsonTree.Map([.. map.Entries, (Word(random, words), Generate(random, words, 2))]),
                };
            case JsonTree.List { Items.Count: > 0 } list:
                var index = random.Next(list.Items.Count);
                return random.Next(3) switch
                {
                    0 => new JsonTree.List([.. list.Items.Where((_, i) => i != index)]),
                    1 => new JsonTree.List([.. list.Items, .. Enumerable.Repeat(list.Items[index],
                        random.Next(10) == 0 && Length(list.Items[index]) < 10_000 ? 2000 : 3)]),
                    _ => new JsonTree.List([.. list.Items.Reverse()]),
                };
            default:
                return random.Next(4) == 0 ? JsonTree.Text(OddValues.Text(random)) : new JsonTree.Leaf(Json(OddValues.Number(random)));
        }
    }

    // What is no number in JSON becomes a string: the document stays one.
    private static string Json(string number)
    {
        try
        {
            using var _ = JsonDocument.Parse(number);
            return number;
        }
        catch (JsonException)
        {
            return $"\"{number}\"";
        }
    }

    private static string Word(Random random, string[] words) => words.Length == 0 ? "a" : words[random.Next(words.Length)];

    private static JsonTree Pick(JsonTree tree, Random random)
    {
        var at = random.Next(Count(tree));
        JsonTree? found = null;
        Visit(tree, node =>
        {
            if (at-- == 0)
                found = node;
        });
        return found!;
    }

    private static int Count(JsonTree tree)
    {
        var count = 0;
        Visit(tree, _ => count++);
        return count;
    }

    private static int Length(JsonTree tree)
    {
        var length = 0;
        Visit(tree, node => length += node switch
        {
            JsonTree.Leaf leaf => leaf.Raw.Length,
            JsonTree.Map map =>
            map.Entries.Sum(e => e.Key.Length),
            _ => 2
        });
        return length;
    }

    private static void Visit(JsonTree tree, Action<JsonTree> action)
    {
        action(tree);
        foreach (var child in tree switch
        {
            JsonTree.List list => list.Items,
            JsonTree.Map map => map.Entries.Select(e => e.Value),
            _ =>
            []
        })
            Visit(child, action);
    }

    // The node of that number, in the order of the text, is changed.
    private static JsonTree ChangeAt(JsonTree tree, ref int at, Random random, JsonTree other, string[] words)
    {
        if (at-- == 0)
            return Change(tree, random, other, words);
        switch (tree)
        {
            case JsonTree.List list:
                var items = new List<JsonTree>();
                foreach (var item in list.Items)
                    items.Add(at < 0 ? item : ChangeAt(item, ref at, random, other, words));
                return new JsonTree.List(items);
            case JsonTree.Map map:
                var entries = new List<(string, JsonTree)>();
                foreach (var (key, value) in map.Entries)
                    entries.Add((key, at < 0 ? value : ChangeAt(value, ref at, random, other, words)));
                return new JsonTree.Map(entries);
            default:
                return tree;
        }
    }
}
