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
    [InlineData("generate --seconds soon")]
    [InlineData("generate --rate fast --seconds 5")]
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
    [InlineData("redrive 1 --date today")]
    [InlineData("redrive one --date 2026-11-21")]
    [InlineData("discard --reason why")]
    [InlineData("discard 1")]
    [InlineData("reset")]
    [InlineData("reset --yes=perhaps")]
    [InlineData("test everything")]
    [InlineData("test --bootstrap localhost:9092")]
    [InlineData("test unit --bootstrap localhost:9092")]
    [InlineData("test conformance unit --bootstrap localhost:9092")]
    [InlineData("test conformance --bootstrap localhost")]
    [InlineData("test conformance --bootstrap localhost:0")]
    [InlineData("test --table /no/such/directory/README.md")]
    [InlineData("demo --kafka /opt/kafka --bootstrap localhost:9092")]
    [InlineData("up --mysql /opt/mysql --source Server=a;Database=b")]
    [InlineData("up --topic-prefix team/b")]
    [InlineData("demo --bootstrap localhost")]
    [InlineData("demo --bootstrap a:9092,b")]
    [InlineData("demo --source Server=localhost")]
    [InlineData("demo --source nothing")]
    [InlineData("chaos --postgres Host=localhost")]
    [InlineData("bench --postgres Host=localhost;Prot=1;Database=x")]
    [InlineData("test --source Server=a;Database=b")]
    [InlineData("bench --rate 5")]
    [InlineData("bench --live --runs 5")]
    [InlineData("bench --live=perhaps --rate 5")]
    [InlineData("demo --json")]
    [InlineData("demo --json /no/such/directory/demo.json")]
    [InlineData("demo --json /tmp")]
    [InlineData("bench --chart /no/such/directory/bench.svg")]
    [InlineData("bench deadlocks --chart /no/such/directory/races.svg")]
    [InlineData("bench --logs 3000000 --scale 1000")]
    [InlineData("bench --logs 1 --ads 3000000 --scale 1000")]
    [InlineData("bench --logs many --scale 1000")]
    [InlineData("bench --logs 3000000 --scale much")]
    [InlineData("generate --day 0001-01-01 --days 2")]
    [InlineData("generate --day 0001-01-01 --days 0")]
    [InlineData("generate --day 0000-01-01 --days 2")]
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
    [InlineData("demo", "--logs --ads --contents --creators --seed --day --json --keep --kafka --mysql --bootstrap --source --postgres")]
    [InlineData("up", "--docker --topic-prefix --kafka --mysql --bootstrap --source --postgres")]
    [InlineData("bench", "--kafka --mysql --bootstrap --source --postgres")]
    [InlineData("chaos", "--kafka --mysql --bootstrap --source --postgres")]
    [InlineData("status", "--json")]
    [InlineData("generate", "--logs --ads --contents --creators --seed --day --days --rate --seconds")]
    [InlineData("accept", "--reason")]
    [InlineData("dead-letters", "--date --json")]
    [InlineData("redrive", "--date")]
    [InlineData("discard", "--reason")]
    [InlineData("reset", "--yes")]
    [InlineData("test", "--bootstrap --table --kafka --mysql")]
    public async Task The_public_options_are_there(string command, string options)
    {
        var (_, output, _) = await RunAsync(command + " --help");
        foreach (var option in options.Split(' ')) Assert.Contains(option, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_string_that_is_refused_is_not_repeated_with_its_password()
    {
        var (exitCode, _, error) = await RunAsync("demo --source Server=a;Password=geheim");
        Assert.Equal(2, exitCode);
        Assert.DoesNotContain("geheim", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("demo --kafka /no/such/folder")]
    [InlineData("test unit --kafka /no/such/folder")]
    [InlineData("up --mysql /no/such/folder")]
    [InlineData("test unit --mysql /no/such/folder")]
    public async Task A_home_without_its_server_is_one_line_and_exit_code_3(string line)
    {
        var (exitCode, _, error) = await RunAsync(line);
        Assert.Equal(3, exitCode);
        Assert.Single(error.TrimEnd().Split('\n'));
        Assert.Contains("/no/such/folder", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_value_is_complained_about_once()
    {
        var (_, _, error) = await RunAsync("generate --day 0001-01-01 --days 0");
        Assert.Equal(2, error.Split("--days is").Length);
    }

    [Fact]
    public async Task What_nobody_foresaw_is_shown_with_its_stack_and_is_no_abort()
    {
        var (exitCode, _, error) = await RunAsync("generate", new ClockWithoutTime());
        Assert.Equal(1, exitCode);
        Assert.Contains("NotSupportedException: no time here", error, StringComparison.Ordinal);
        Assert.Contains(nameof(ClockWithoutTime), error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Usage_names_the_command_that_was_understood()
    {
        var (_, _, error) = await RunAsync("close");
        Assert.Contains("./settlement close <day>", error, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(string line, TimeProvider? time = null)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await CommandLine.RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), Terminal.Plain(output, error), time ?? TimeProvider.System, TestContext.Current.CancellationToken);
        return (exitCode, output.ToString(), error.ToString());
    }

    private sealed class ClockWithoutTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => throw new NotSupportedException("no time here");
    }
}
