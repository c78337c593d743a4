namespace SelfJudge.Preferences.Data;

/// <summary>A file whose end is an error to read beyond: the Parquet library would take what is not there for bytes, for ever.</summary>
internal sealed class EndingFile(string path) : FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read)
{
    public override int ReadByte() => base.ReadByte() is >= 0 and var b ? b : throw new EndOfStreamException("it ends too soon");
}
