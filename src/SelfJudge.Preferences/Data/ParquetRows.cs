using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Parquet;
using Parquet.Data;
using Parquet.Meta;
using Parquet.Schema;

namespace SelfJudge.Preferences.Data;

/// <summary>Rows of a Parquet file as JSON: of the fields that rows are read by, whatever else the file holds.</summary>
internal static class ParquetRows
{
    private const int MaxDepth = 32;

    /// <exception cref="DataException">The file is damaged, or beyond the bounds.</exception>
    public static IEnumerable<SourceRow> Read(string file)
    {
        using var stream = new EndingFile(file);
        var reader = Guard(file, () => Open(stream));
        var leaves = new List<Leaf>();
        var names = reader.Metadata!.Schema.Skip(1).Take(6).Select(e => e.Name).ToList();
        var fields = Guard(file, () => Fields(reader, leaves));
        if (leaves.Count == 0)
            throw new DataException(
                $"{file}: has no column that rows are read by, but {string.Join(", ", names)}; rows have \"prompt\", \"chosen\" and "
                + $"\"rejected\", or \"instruction\" and \"completions\"");
        var number = 0L;
        for (var group = 0; group < reader.RowGroupCount; group++)
        {
            var rows = Guard(file, () => Load(reader, group, leaves, stream));
            for (var i = 0; i < rows; i++)
                yield return Guard(file, () => Row(file, ++number, fields));
        }
    }

    // The library trusts lengths and nesting, so they are looked at first.
    private static ParquetReader Open(EndingFile stream)
    {
        ParquetChecks.Footer(stream);
        stream.Position = 0;
        return ParquetReader.CreateAsync(stream, leaveStreamOpen: true).GetAwaiter().GetResult();
    }

    // What no row is read by is taken out of the schema: the library is never asked what it makes of it.
    private static List<Node> Fields(ParquetReader reader, List<Leaf> leaves)
    {
        var elements = reader.Metadata!.Schema;
        var kept = new List<SchemaElement> { elements[0] };
        var at = 1;
        var root = new Node(null, elements[0], 0, 0);
        for (var i = elements[0].NumChildren ?? 0; i > 0; i--)
            if (Field(root, isRead: true) is { } field)
                root.Children.Add(field);
        elements[0].NumChildren = root.Children.Count;
        reader.Metadata.Schema = kept;
        if (leaves.Count == 0)
            return [];
        var columns = reader.Schema.GetDataFields().ToDictionary(f => string.Join('\0', f.Path.ToList()));
        foreach (var leaf in leaves)
        {
            leaf.Field = columns.GetValueOrDefault(string.Join('\0', leaf.Path))
                ?? throw new InvalidDataException($"its column {leaf} is of a form that is not known");
            if (leaf.Field.MaxDefinitionLevel != leaf.Definition || leaf.Field.MaxRepetitionLevel != leaf.Repetition)
                throw new InvalidDataException($"its column {leaf} is nested in a way that is not known");
        }
        return root.Children;

        // Null where it is not read, and nothing below it.
        Node? Field(Node parent, bool isRead)
        {
            var element = at < elements.Count ? elements[at++] : throw new InvalidDataException("its schema ends too soon");
            var node = new Node(parent, element, element.NumChildren ?? 0, parent.Depth + 1);
            if (node.Depth > MaxDepth)
                throw new InvalidDataException($"its schema is nested deeper than {MaxDepth} levels");
            // The levels that make a list bear any name.
            isRead &= parent.IsList || parent.IsElementOfList || PreferenceRow.Columns.Contains(element.Name);
            var place = kept.Count;
            if (isRead)
                kept.Add(element);
            for (var i = element.NumChildren ?? 0; i > 0; i--)
                if (Field(node, isRead) is { } child)
                    node.Children.Add(child);
            if (isRead && element.Type is not null)
                leaves.Add(node.Leaf = new Leaf([.. node.Path()], node.Definition, node.Repetition));
            else if (node.Children.Count > 0)
                element.NumChildren = node.Children.Count;
            else
            {
                kept.RemoveRange(place, kept.Count - place);
                return null;
            }
            return node;
        }
    }

    // How many rows the group has.
    private static int Load(ParquetReader reader, int group, List<Leaf> leaves, EndingFile stream)
    {
        var rows = reader.OpenRowGroupReader(group);
        // Values may take next to no room, where they repeat.
        var most = Math.Min(1L << 24, (1L << 20) + 64 * stream.Length);
        Bounded(rows.RowCount, "rows");
        foreach (var leaf in leaves)
        {
            var column = rows.GetMetadata(leaf.Field!)?.MetaData
                ?? throw new InvalidDataException($"row group {group + 1} has no column {leaf}");
            Bounded(column.NumValues, $"values of {leaf}");
            ParquetChecks.Pages(column, $"{leaf}", stream);
            leaf.Take(rows.ReadRawColumnDataBaseAsync(leaf.Field!).AsTask().GetAwaiter().GetResult());
        }
        return (int)rows.RowCount;

        void Bounded(long count, string what)
        {
            if (count < 0 || count > most)
                throw new InvalidDataException(
                    $"row group {group + 1} is to have {count} {what}, of at most {most}: write the file with smaller row groups");
        }
    }

    private static SourceRow Row(string file, long number, List<Node> fields)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(bytes))
        {
            writer.WriteStartObject();
            foreach (var field in fields)
                field.WriteProperty(writer);
            writer.WriteEndObject();
        }
        if (bytes.WrittenCount > JsonRows.MaxRowBytes)
            return new SourceRow(file, number, null,
                $"the row has more than {JsonRows.MaxRowBytes >> 20} MiB, the most that a row may have");
        using var json = JsonDocument.Parse(bytes.WrittenMemory);
        return new SourceRow(file, number, json.RootElement.Clone(), null);
    }

    private static T Guard<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new DataException($"{file}: not a Parquet file that can be read: {(e.InnerException ?? e).Message}");
        }
    }

    /// <summary>A field of the schema, with those of its children that are read (Dremel's definition and repetition levels; Melnik et al.
    /// 2010).</summary>
    private sealed class Node(Node? parent, SchemaElement element, int children, int depth)
    {
        public int Depth { get; } = depth;
        public List<Node> Children { get; } = [];
        public Leaf? Leaf { get; set; }

        /// <summary>A list's outer level: its one child repeats.</summary>
        public bool IsList { get; } = element.ConvertedType == ConvertedType.LIST || element.LogicalType?.LIST is not null;

        /// <summary>A list's middle level, where there is one between it and its elements.</summary>
        public bool IsElementOfList { get; } = parent is { IsList: true } && children == 1;

        public int Definition { get; } = parent is null ? 0
            : parent.Definition + (element.RepetitionType == FieldRepetitionType.REQUIRED ? 0 : 1);
        public int Repetition { get; } = parent is null ? 0
            : parent.Repetition + (element.RepetitionType == FieldRepetitionType.REPEATED ? 1 : 0);

        private Leaf First => Leaf ?? Children[0].First;

        public IEnumerable<string> Path() => parent is null ? [] : parent.Path().Append(element.Name);

        public void WriteProperty(Utf8JsonWriter writer)
        {
            writer.WritePropertyName(element.Name);
            Write(writer);
        }

        private void Write(Utf8JsonWriter writer)
        {
            var isThere = First.LevelHere >= Definition;
            if (element.RepetitionType == FieldRepetitionType.REPEATED)
            {
                writer.WriteStartArray();
                if (isThere)
                    do
                        WriteContent(writer);
                    while (First.Repeats(Repetition));
                else
                    Pass();
                writer.WriteEndArray();
            }
            else if (isThere)
                WriteContent(writer);
            else
            {
                writer.WriteNullValue();
                Pass();
            }
        }

        private void WriteContent(Utf8JsonWriter writer)
        {
            if (Leaf is not null)
                Leaf.Write(writer);
            else if (IsList || IsElementOfList)
                Children[0].Write(writer);
            else
            {
                writer.WriteStartObject();
                foreach (var child in Children)
                    child.WriteProperty(writer);
                writer.WriteEndObject();
            }
        }

        private void Pass()
        {
            Leaf?.Pass();
            foreach (var child in Children)
                child.Pass();
        }
    }

    /// <summary>A column, and where in a row group it is read.</summary>
    private sealed class Leaf(IReadOnlyList<string> path, int definition, int repetition)
    {
        private int[] _definitions = [], _repetitions = [];
        private Action<Utf8JsonWriter, int> _write = (_, _) => { };
        private int _at, _value, _count;

        public IReadOnlyList<string> Path { get; } = path;
        public int Definition { get; } = definition;
        public int Repetition { get; } = repetition;
        public DataField? Field { get; set; }

        /// <summary>The definition level of the next entry.</summary>
        public int LevelHere => _at >= _count ? throw new InvalidDataException($"column {this} has fewer values than its rows")
            : Definition == 0 ? 0 : _definitions[_at];

        /// <summary>Whether the next entry goes on with a list of this repetition level.</summary>
        public bool Repeats(int level) => _at < _count && Repetition > 0 && _repetitions[_at] == level;

        public void Take(RawColumnData data)
        {
            (_at, _value) = (0, 0);
            _definitions = Definition > 0 ? data.DefinitionLevels.ToArray() : [];
            _repetitions = Repetition > 0 ? data.RepetitionLevels.ToArray() : [];
            (_count, _write) = data switch
            {
                RawColumnData<ReadOnlyMemory<char>> d => (d.Values.Length, (w, i) => w.WriteStringValue(d.Values[i].Span)),
                RawColumnData<ReadOnlyMemory<byte>> d => (d.Values.Length, (w, i) => Text(w, d.Values[i].Span)),
                RawColumnData<int> d => (d.Values.Length, (w, i) => w.WriteNumberValue(d.Values[i])),
                RawColumnData<long> d => (d.Values.Length, (w, i) => w.WriteNumberValue(d.Values[i])),
                RawColumnData<float> d => (d.Values.Length, (w, i) => Number(w, d.Values[i])),
                RawColumnData<double> d => (d.Values.Length, (w, i) => Number(w, d.Values[i])),
                // nothing that a row is read by
                _ => (Definition > 0 ? _definitions.Length : int.MaxValue, (Action<Utf8JsonWriter, int>)((w, _) => w.WriteNullValue())),
            };
        }

        public void Write(Utf8JsonWriter writer)
        {
            if (LevelHere < Definition)
                throw new InvalidDataException($"column {this} lacks a value");
            _write(writer, _value++);
            _at++;
        }

        public void Pass() => _at++;

        public override string ToString() => string.Join('.', Path);

        private static void Number(Utf8JsonWriter writer, double value)
        {
            if (double.IsFinite(value))
                writer.WriteNumberValue(value);
            else
                writer.WriteNullValue();
        }

        // Some writers do not say of a text that it is one.
        private static void Text(Utf8JsonWriter writer, ReadOnlySpan<byte> value)
        {
            if (Utf8.IsValid(value))
                writer.WriteStringValue(value);
            else
                writer.WriteNullValue();
        }
    }
}
