using SelfJudge.Preferences.Data;

namespace SelfJudge.Preferences.Tests.Data;

public sealed class ThriftStructTests
{
    [Fact]
    public void Numbers_and_lengths_of_lists_are_found_by_field_and_of_one_struct_within()
    {
        // 1: i32 3 (zigzag 6); 2: list of two i32; 5: struct { 1: i64 −1 }; 6: binary "ab"; 7: true; end; and a byte behind it.
        byte[] bytes = [0x15, 6, 0x19, 0x25, 2, 4, 0x3C, 0x16, 1, 0, 0x18, 2, (byte)'a', (byte)'b', 0x11, 0, 99];
        var numbers = new long[6 * ThriftStruct.Stride];
        var shape = new ThriftShape("1n 2ln 5s 6b 7t", new ThriftShape("1n"));
        Assert.Equal(bytes.Length - 1, new ThriftStruct(bytes, shape).Walk(numbers));
        Assert.Equal((3, 2, -1), (numbers[1], numbers[2], numbers[5 * ThriftStruct.Stride + 1]));
        Assert.Equal(3, numbers.Count(n => n != 0));
    }

    [Theory]
    [InlineData(new byte[] { }, "it ends too soon")]
    [InlineData(new byte[] { 0x15, 0x80 }, "it ends too soon")]
    [InlineData(new byte[] { 0x15, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF },
        "the number before byte 11 has no end")]
    [InlineData(new byte[] { 0x18, 0xFF, 0xFF, 0xFF, 0x7F }, "268435455 bytes have no room in it")]
    [InlineData(new byte[] { 0x19, 0xFC, 0xFF, 0xFF, 0x7F }, "a list of 2097151 elements has no room in it")]
    [InlineData(new byte[] { 0x1F, 0 }, "byte 1 is of no known type")]
    [InlineData(new byte[] { 0x1C, 0 }, "it has a part 1 that is not known here")]
    [InlineData(new byte[] { 0x19, 0x1C, 0 }, "it has a part 1 that is not known here")]
    [InlineData(new byte[] { 0x98, 0 }, "its field 9 before byte 1 is of another type")]
    [InlineData(new byte[] { 0xA9, 0x18, 0 }, "its field 10 before byte 2 is a list of another type")]
    public void What_goes_beyond_the_bytes_or_is_of_another_kind_is_refused(byte[] bytes, string message) =>
        Assert.Equal(message, Assert.Throws<InvalidDataException>(() =>
            new ThriftStruct(bytes, new ThriftShape("9n 10ln")).Walk([])).Message);
}
