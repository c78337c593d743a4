using SelfJudge.Modeling.Tokenizers;

namespace SelfJudge.Modeling.Tests.Tokenizers;

public sealed class StreamingDecoderTests
{
    [Fact]
    public void A_character_comes_with_the_last_of_its_bytes()
    {
        using var small = new SmallTokenizer();
        var stream = new StreamingDecoder(small.Load());
        Assert.Equal(["a", "", "", "", "🦙", "b"], new[] { 'a', 0xF0, 0x9F, 0xA6, 0x99, 'b' }.Select(stream.Feed));
        Assert.Equal("", stream.Finish());
    }

    [Fact]
    public void What_never_becomes_a_character_is_replaced()
    {
        using var small = new SmallTokenizer();
        var stream = new StreamingDecoder(small.Load());
        Assert.Equal(["", "\ufffda", ""], new[] { 0xE6, 'a', 0xF0 }.Select(stream.Feed));
        Assert.Equal("\ufffd", stream.Finish());
    }

    [Fact]
    public void Special_and_unknown_ids_have_no_text()
    {
        using var small = new SmallTokenizer();
        var stream = new StreamingDecoder(small.Load());
        Assert.Equal(["", "a", "", ""], new[] { 900, 'a', 901, 77_777 }.Select(stream.Feed));
    }

    [Fact]
    public void Only_the_first_space_is_the_tokenizers_own()
    {
        var words = new WordLevelTokenizer(["</s>", "<unk>", "cat", "dog"], []);
        var stream = new StreamingDecoder(words);
        Assert.Equal(["", "cat", " dog"], new[] { 0, 2, 3 }.Select(stream.Feed));
    }
}
