using StreamSettlement.Cli.Commands;

namespace StreamSettlement.UnitTests.Cli;

public sealed class EnvCommandTests
{
    [Theory]
    [InlineData("http://127.0.0.1:8080", "http://127.0.0.1:8080")]
    [InlineData("", "''")]
    [InlineData("two words", "'two words'")]
    [InlineData("it's $HOME", "'it'\\''s $HOME'")]
    public void Values_are_one_word_for_the_shell(string value, string quoted) => Assert.Equal(quoted, EnvCommand.ShellQuote(value));
}
