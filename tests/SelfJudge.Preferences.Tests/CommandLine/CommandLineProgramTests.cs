using System.CommandLine;
using SelfJudge.CommandLine;

namespace SelfJudge.Preferences.Tests.CommandLine;

public sealed class CommandLineProgramTests
{
    private static readonly Command Train =
        new("train") { new Option<string>("--recipe"), new Option<string>("--out"), new Option<bool>("--secret") { Hidden = true } };
    private static readonly Command Program = new("program") { Train, new Command("runs") };

    [Fact]
    public void A_word_that_is_not_known_is_named_with_what_is()
    {
        Assert.Equal("tarin is no command of 'program': known are train, runs", CommandLineProgram.Unknown("tarin", Program));
        Assert.Equal("--recipes is no option of 'program train': known are --recipe, --out, --verbose",
            CommandLineProgram.Unknown("--recipes", Train));
        Assert.Equal("further is more than 'program train' takes: put a text with spaces between quotes, or see 'program train --help'",
            CommandLineProgram.Unknown("further", Train));
    }
}
