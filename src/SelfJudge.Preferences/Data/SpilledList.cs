using System.Buffers;
using System.Collections;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace SelfJudge.Preferences.Data;

/// <summary>
/// A list whose items lie in a temporary file and are read anew at every access; of each, memory holds 8 bytes. A list
/// of a few megabytes never needs the file. Items are added by one thread, before others read; then any number may.
/// Nobody has to dispose of it: the file goes with its handle, whose finalizer closes it.
/// </summary>
/// <param name="write">Writes an item.</param>
/// <param name="read">Reads what <paramref name="write"/> wrote.</param>
/// <param name="memory">How many bytes may wait in memory before they go to the file.</param>
internal sealed class SpilledList<T>(Action<BinaryWriter, T> write, Func<BinaryReader, T> read, int memory = 4 << 20) : IReadOnlyList<T>
{
    // Text that UTF-8 cannot hold is an error, not another text.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly List<long> _ends = [];
    private ArrayBufferWriter<byte> _tail = new(); // What is not in the file yet: whole items.
    private SafeFileHandle? _file;
    private long _spilled;

    public int Count => _ends.Count;

    /// <summary>Bytes in the file; 0 where there is none.</summary>
    public long Spilled => _spilled;

    public T this[int index]
    {
        get
        {
            var start = index == 0 ? 0 : _ends[index - 1];
            var length = checked((int)(_ends[index] - start));
            var buffer = ArrayPool<byte>.Shared.Rent(length);
            try
            {
                if (start >= _spilled)
                    _tail.WrittenSpan.Slice((int)(start - _spilled), length).CopyTo(buffer);
                else
                    ReadFile(start, buffer.AsSpan(0, length));
                using var reader = new BinaryReader(new MemoryStream(buffer, 0, length, writable: false), Strict);
                return read(reader);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    /// <exception cref="DataException">The temporary folder takes no more.</exception>
    public void Add(T item)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes, Strict);
        write(writer, item);
        _tail.Write(bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
        _ends.Add(_spilled + _tail.WrittenCount);
        if (_tail.WrittenCount >= memory)
            Spill();
    }

    public IEnumerator<T> GetEnumerator()
    {
        for (var i = 0; i < Count; i++)
            yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private void ReadFile(long start, Span<byte> bytes)
    {
        for (int filled = 0, count; filled < bytes.Length; filled += count)
        {
            count = RandomAccess.Read(_file!, bytes[filled..], start + filled);
            if (count == 0)
                throw new EndOfStreamException($"the temporary file of the training data ends at byte {start + filled} of {_spilled}");
        }
    }

    private void Spill()
    {
        try
        {
            _file ??= Create();
            RandomAccess.Write(_file, _tail.WrittenSpan, _spilled);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException(
                $"{Path.GetTempPath()}: the training data does not go into a temporary file there: {e.Message} Make room, or name another "
                + $"folder with the environment variable {(OperatingSystem.IsWindows() ? "TMP" : "TMPDIR")}.");
        }
        _spilled += _tail.WrittenCount;
        // A long item's memory is not kept for the short ones that follow.
        if (_tail.Capacity > 4L * memory)
            _tail = new ArrayBufferWriter<byte>();
        _tail.ResetWrittenCount();
    }

    // Only its owner may read it.
    private static SafeFileHandle Create()
    {
        var path = Path.GetTempFileName();
        if (OperatingSystem.IsWindows())
            return File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None,
                FileOptions.DeleteOnClose | FileOptions.RandomAccess);
        // Elsewhere a file may lose its name while it is open: it is gone even where the process is killed.
        var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Delete, FileOptions.RandomAccess);
        File.Delete(path);
        return file;
    }
}
