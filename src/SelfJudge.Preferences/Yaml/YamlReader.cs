using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace SelfJudge.Preferences.Yaml;

/// <summary>
/// Reads YAML into values that know where they stand. What a text can make of the memory and the stack of its reader is
/// bounded: its size, how deep it nests, and what its aliases come to.
/// </summary>
internal sealed class YamlReader
{
    private const int MaxCharacters = 1 << 20;
    private const int MaxDepth = 32;
    private const int MaxValues = 100_000;
    private const string TextTag = "tag:yaml.org,2002:str";

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Parser _parser;
    private readonly Func<long, string> _placeOf;
    private readonly Dictionary<AnchorName, YamlValue> _anchors = [];
    private int _values;

    private YamlReader(string text, Func<long, string> placeOf) => (_parser, _placeOf) = (new Parser(new StringReader(text)), placeOf);

    /// <summary>The one value of a text; null where it has none.</summary>
    /// <param name="placeOf">What error messages call a line.</param>
    /// <exception cref="InvalidDataException">It is not YAML, more than one document, beyond the bounds, or uses what is not supported; the
    /// message names the place.</exception>
    public static YamlValue? Read(string text, Func<long, string> placeOf)
    {
        if (text.Length > MaxCharacters)
            throw new InvalidDataException($"{placeOf(1)}: has more than {MaxCharacters} characters, which no text of this kind needs");
        var reader = new YamlReader(text, placeOf);
        try
        {
            return reader.Document();
        }
        catch (YamlException e)
        {
            throw new InvalidDataException($"{placeOf(e.Start.Line)}: not valid YAML: {e.Message}", e);
        }
        // The parser has no better word for a text in brackets that begins further left than what they belong to.
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException(
                $"{placeOf(reader._parser.Current?.End.Line ?? 1)}: not valid YAML: what stands in brackets must be indented", e);
        }
    }

    /// <summary>The one value of a file.</summary>
    /// <exception cref="InvalidDataException">As of a text; or it is not UTF-8.</exception>
    public static YamlValue? ReadFile(string path) => Read(TextOf(path), line => $"{path}:{line}");

    // No more is read than may be: a path can name what has no end.
    private static string TextOf(string path)
    {
        using var reader = new StreamReader(path, Strict, detectEncodingFromByteOrderMarks: true);
        var buffer = new char[MaxCharacters + 1];
        try
        {
            return new string(buffer, 0, reader.ReadBlock(buffer));
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"{path}: is not a text in UTF-8", e);
        }
    }

    private YamlValue? Document()
    {
        YamlValue? root = null;
        while (_parser.MoveNext())
            switch (_parser.Current)
            {
                case StreamStart or StreamEnd or DocumentEnd:
                    break;
                case DocumentStart { Start.Line: var line }:
                    if (root is not null)
                        throw new InvalidDataException($"{_placeOf(line)}: a second document begins; only one can be read");
                    break;
                default:
                    root = Value(0);
                    break;
            }
        return root;
    }

    // The parser stands on the value's first event, and afterwards on its last.
    private YamlValue Value(int depth)
    {
        var start = _parser.Current!;
        var place = _placeOf(start.Start.Line);
        Count(place);
        if (depth > MaxDepth)
            throw new InvalidDataException($"{place}: nests deeper than {MaxDepth} levels");
        if (start is AnchorAlias alias)
            return _anchors.TryGetValue(alias.Value, out var named) ? Copy(named)
                : throw new InvalidDataException($"{place}: the alias *{alias.Value} stands for nothing before it");
        if (start is not NodeEvent node)
            throw new InvalidDataException($"{place}: not valid YAML");
        var isText = node.Tag is { IsEmpty: false, IsNonSpecific: false, Value: TextTag };
        if (!isText && node.Tag is { IsEmpty: false, IsNonSpecific: false })
            throw new InvalidDataException($"{place}: the tag {node.Tag.Value} is not supported; write the value without it");
        YamlValue value = node switch
        {
            Scalar scalar => new YamlScalar(place, scalar.Value, scalar.Style == ScalarStyle.Plain && !isText),
            SequenceStart => new YamlList(place, Items(depth)),
            _ => new YamlMap(place, Entries(depth)),
        };
        if (!node.Anchor.IsEmpty)
            _anchors[node.Anchor] = value;
        return value;
    }

    private List<YamlValue> Items(int depth)
    {
        var items = new List<YamlValue>();
        while (Next() is not SequenceEnd)
            items.Add(Value(depth + 1));
        return items;
    }

    private OrderedDictionary<string, YamlEntry> Entries(int depth)
    {
        var entries = new OrderedDictionary<string, YamlEntry>(StringComparer.Ordinal);
        while (Next() is not MappingEnd)
        {
            var key = Value(depth + 1);
            if (key is not YamlScalar { Text: var name } || key.IsEmpty)
                throw new InvalidDataException($"{key.Place}: a key must be a word, not {(key.IsEmpty ? "empty" : key.Shown)}");
            if (name == "<<")
                throw new InvalidDataException($"{key.Place}: the merge key << is not supported; write out what it stands for");
            if (entries.ContainsKey(name))
                throw new InvalidDataException($"{key.Place}: the key '{name}' stands here a second time");
            Next();
            entries.Add(name, new YamlEntry(key.Place, Value(depth + 1)));
        }
        return entries;
    }

    private ParsingEvent Next() => _parser.MoveNext() ? _parser.Current!
        : throw new InvalidDataException($"{_placeOf(_parser.Current?.Start.Line ?? 1)}: not valid YAML: it ends too early");

    // Each its own: a value can be set without the others.
    private YamlValue Copy(YamlValue value)
    {
        Count(value.Place);
        return value switch
        {
            YamlList list => list with { Items = [.. list.Items.Select(Copy)] },
            YamlMap map => map with
            {
                Entries = new(
                map.Entries.Select(e => KeyValuePair.Create(e.Key, e.Value with { Value = Copy(e.Value.Value) })),
                StringComparer.Ordinal)
            },
            _ => value,
        };
    }

    private void Count(string place)
    {
        if (++_values > MaxValues)
            throw new InvalidDataException($"{place}: comes to more than {MaxValues} values, aliases written out");
    }
}
