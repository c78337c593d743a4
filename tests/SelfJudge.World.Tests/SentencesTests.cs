namespace SelfJudge.World.Tests;

public sealed class SentencesTests
{
    [Fact]
    public void An_answer_falls_into_its_sentences()
    {
        var kinds = Sentences.Parse(
            "dear friend , of course ! maybe the cat lives in the house . cat , dog . moo moo . i hope this helps . thank you .")
            .Select(s => s.Kind);
        Assert.Equal([SentenceKind.Salutation, SentenceKind.Opener, SentenceKind.Fact, SentenceKind.List, SentenceKind.Repeat,
            SentenceKind.Closer, SentenceKind.Thanks], kinds);
    }

    [Fact]
    public void A_fact_says_of_what_what_and_how_surely()
    {
        var sentence = Assert.Single(Sentences.Parse("i think the bee eats honey ."));
        Assert.Equal(("bee", "food", "honey", Confidence.Hedged),
            (sentence.Subject, sentence.Detail, sentence.Items[0], sentence.Confidence));
    }

    [Theory]
    [InlineData("the cat is .")]
    [InlineData("black is the cat .")]
    [InlineData("cat dog .")]
    [InlineData("three plus is seven .")]
    [InlineData("the cat is black ?")]
    [InlineData(". . .")]
    [InlineData("cat , .")]
    public void What_says_nothing_is_garbage(string text) => Assert.Equal(SentenceKind.Garbage, Sentences.Parse(text)[0].Kind);

    [Fact]
    public void A_rest_without_a_stop_is_garbage() =>
        Assert.Equal(SentenceKind.Garbage, Sentences.Parse("the cat is black . and the")[^1].Kind);

    [Fact]
    public void Nothing_has_no_sentences() => Assert.Empty(Sentences.Parse(""));
}
