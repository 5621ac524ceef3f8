using System.Net;
using StreamSettlement.DevBroker;

namespace StreamSettlement.UnitTests.Broker;

public sealed class BrokerOptionsTests
{
    [Fact]
    public void The_broker_listens_on_loopback_unless_told_otherwise()
    {
        var (options, error) = BrokerOptions.Parse(["--data", "d"]);

        Assert.Null(error);
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 9092), options!.Listen);
        Assert.False(options.AutoCreateTopics);
        Assert.Equal(Path.GetFullPath("d"), options.DataDirectory);
    }

    [Fact]
    public void All_options_are_read()
    {
        var (options, _) = BrokerOptions.Parse(
            ["--listen", "0.0.0.0:0", "--data", "/d", "--advertise", "kafka.local:19092", "--auto-create-topics"]);

        Assert.Equal(new IPEndPoint(IPAddress.Any, 0), options!.Listen);
        Assert.Equal(new DnsEndPoint("kafka.local", 19092), options.Advertise);
        Assert.True(options.AutoCreateTopics);
    }

    [Theory]
    [InlineData("--data DIR is missing", "--listen", "127.0.0.1:1")]
    [InlineData("--data needs a value", "--data")]
    [InlineData("unknown option '--port'", "--port", "1")]
    [InlineData("--listen 'localhost'", "--data", "d", "--listen", "localhost")]
    [InlineData("--listen '127.0.0.1'", "--data", "d", "--listen", "127.0.0.1")]
    [InlineData("--advertise ':1'", "--data", "d", "--advertise", ":1")]
    [InlineData("--advertise 'host:0'", "--data", "d", "--advertise", "host:0")]
    public void A_wrong_command_line_is_refused_with_what_is_wrong(string expected, params string[] args)
    {
        var (options, error) = BrokerOptions.Parse(args);

        Assert.Null(options);
        Assert.StartsWith(expected, error, StringComparison.Ordinal);
    }
}
