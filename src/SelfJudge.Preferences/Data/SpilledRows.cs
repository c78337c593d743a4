using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>How prompts and pairs lie in a <see cref="SpilledList{T}"/>.</summary>
internal static class SpilledRows
{
    public static SpilledList<IReadOnlyList<Turn>> Prompts(IEnumerable<IReadOnlyList<Turn>> prompts) =>
        Fill(new(Write, ReadTurns), prompts);

    public static SpilledList<PreferenceExample> Pairs(IEnumerable<PreferenceExample> pairs) => Fill(Pairs(), pairs);

    public static SpilledList<PreferenceExample> Pairs() => new(Write, ReadPair);

    private static SpilledList<T> Fill<T>(SpilledList<T> list, IEnumerable<T> items)
    {
        foreach (var item in items)
            list.Add(item);
        return list;
    }

    private static void Write(BinaryWriter writer, IReadOnlyList<Turn> turns)
    {
        writer.Write7BitEncodedInt(turns.Count);
        foreach (var turn in turns)
        {
            writer.Write((byte)turn.Role);
            writer.Write(turn.Content);
        }
    }

    private static Turn[] ReadTurns(BinaryReader reader)
    {
        var turns = new Turn[reader.Read7BitEncodedInt()];
        for (var i = 0; i < turns.Length; i++)
            turns[i] = new Turn((Role)reader.ReadByte(), reader.ReadString());
        return turns;
    }

    private static void Write(BinaryWriter writer, PreferenceExample pair)
    {
        Write(writer, pair.Prompt);
        writer.Write(pair.Chosen);
        writer.Write(pair.Rejected);
        foreach (var text in new[] { pair.ChosenRationale, pair.RejectedRationale, pair.Principle, pair.PolicySystem })
        {
            writer.Write(text is not null);
            if (text is not null)
                writer.Write(text);
        }
    }

    private static PreferenceExample ReadPair(BinaryReader reader)
    {
        string? Text() => reader.ReadBoolean() ? reader.ReadString() : null;
        return new PreferenceExample(ReadTurns(reader), reader.ReadString(), reader.ReadString(), Text(), Text(), Text(), Text());
    }
}
