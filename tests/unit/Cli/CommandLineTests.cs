using StreamSettlement.Cli;

namespace StreamSettlement.UnitTests.Cli;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("")]
    [InlineData("fly")]
    [InlineData("up --fast")]
    [InlineData("demo --logs many")]
    [InlineData("demo --logs -1")]
    [InlineData("demo --contents 0")]
    [InlineData("demo --day 2026-02-30")]
    [InlineData("demo --day 20261121")]
    [InlineData("demo surplus")]
    [InlineData("generate --rate 0")]
    [InlineData("generate --seconds 5")]
    [InlineData("generate --rate 100 --seconds 0")]
    [InlineData("generate --days 0")]
    [InlineData("end-day")]
    [InlineData("end-day yesterday")]
    [InlineData("close")]
    [InlineData("close 2026-13-01")]
    [InlineData("close 2026-11-21 2026-11-22")]
    [InlineData("repair")]
    [InlineData("accept 2026-11-21")]
    [InlineData("accept --reason why")]
    [InlineData("accept 2026-11-21 --reason")]
    [InlineData("dead-letters --state bad")]
    [InlineData("dead-letters --date today")]
    [InlineData("redrive one")]
    [InlineData("redrive 1 --date 2026-11-21")]
    [InlineData("discard --reason why")]
    [InlineData("discard 1")]
    [InlineData("reset")]
    [InlineData("test everything")]
    [InlineData("test --bootstrap localhost:9092")]
    [InlineData("test unit --bootstrap localhost:9092")]
    [InlineData("test conformance unit --bootstrap localhost:9092")]
    [InlineData("test conformance --bootstrap localhost")]
    [InlineData("test conformance --bootstrap localhost:0")]
    [InlineData("bench --rate 5")]
    [InlineData("bench --live --runs 5")]
    public async Task What_is_not_understood_gives_the_reason_the_usage_and_exit_code_2(string line)
    {
        var (exitCode, output, error) = await RunAsync(line);
        Assert.Equal(2, exitCode);
        Assert.Equal("", output);
        Assert.Contains("Usage:", error, StringComparison.Ordinal);
        Assert.False(error.StartsWith("Description", StringComparison.Ordinal), "the reason comes first");
    }

    [Theory]
    [InlineData("--help", "demo")]
    [InlineData("demo --help", "--keep")]
    [InlineData("close --help", "<day>")]
    public async Task Help_is_no_error(string line, string mentions)
    {
        var (exitCode, output, _) = await RunAsync(line);
        Assert.Equal(0, exitCode);
        Assert.Contains(mentions, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("demo", "--logs --ads --contents --creators --seed --day --json --keep")]
    [InlineData("up", "--docker")]
    [InlineData("status", "--json")]
    [InlineData("generate", "--logs --ads --contents --creators --seed --day --days --rate --seconds")]
    [InlineData("accept", "--reason")]
    [InlineData("dead-letters", "--date --json")]
    [InlineData("redrive", "--date")]
    [InlineData("discard", "--reason")]
    [InlineData("reset", "--yes")]
    [InlineData("test", "--bootstrap")]
    public async Task The_public_options_are_there(string command, string options)
    {
        var (_, output, _) = await RunAsync(command + " --help");
        foreach (var option in options.Split(' ')) Assert.Contains(option, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Usage_names_the_command_that_was_understood()
    {
        var (_, _, error) = await RunAsync("close");
        Assert.Contains("./settlement close <day>", error, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(string line)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await CommandLine.RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), Terminal.Plain(output, error), TimeProvider.System, TestContext.Current.CancellationToken);
        return (exitCode, output.ToString(), error.ToString());
    }
}
