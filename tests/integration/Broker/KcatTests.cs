using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests.Broker;

public sealed class KcatTests(Servers servers) : BrokerTest(servers)
{
    [Theory]
    [InlineData("")]
    [InlineData("-X enable.idempotence=true -z lz4")]
    [InlineData("-X acks=0")]
    [InlineData("-X acks=1 -z gzip")]
    public async Task Lines_are_produced_and_consumed(string options)
    {
        await CreateTopic("t", 1);
        var lines = string.Concat(Enumerable.Range(0, 10_000).Select(i => $"line {i}\n"));

        await Kcat.Run(Broker.Bootstrap, $"-P -t t {options}", lines);

        Assert.Equal(lines, await Kcat.Run(Broker.Bootstrap, "-C -t t -e -q"));
        Assert.Equal("line 9999\n", await Kcat.Run(Broker.Bootstrap, "-C -t t -o -1 -e -q"));
    }

    [Fact]
    public async Task Topics_are_listed()
    {
        await CreateTopic("t", 2);

        var listed = await Kcat.Run(Broker.Bootstrap, "-L");

        Assert.Contains($"broker 1 at {Broker.Bootstrap} (controller)", listed, StringComparison.Ordinal);
        Assert.Contains("topic \"t\" with 2 partitions:", listed, StringComparison.Ordinal);
        Assert.Contains("partition 1, leader 1, replicas: 1, isrs: 1", listed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("gzip")]
    [InlineData("lz4")]
    public async Task Offsets_are_queried_by_time(string compression)
    {
        await CreateTopic("t", 1);
        using (var producer = Producer(config =>
        {
            config.LingerMs = 50;
            config.CompressionType = Enum.Parse<Confluent.Kafka.CompressionType>(compression, ignoreCase: true);
        }))
        {
            for (var i = 0; i < 1_000; i++)
                producer.Produce("t", new() { Value = $"some value {i}", Timestamp = new(1_000 * (i + 1), Confluent.Kafka.TimestampType.CreateTime) });
            producer.Flush(Token);
        }

        Assert.Equal("t [0] offset 0\n", await Kcat.Run(Broker.Bootstrap, "-Q -t t:0:-2"));
        Assert.Equal("t [0] offset 1000\n", await Kcat.Run(Broker.Bootstrap, "-Q -t t:0:-1"));
        Assert.Equal("t [0] offset 500\n", await Kcat.Run(Broker.Bootstrap, "-Q -t t:0:500001"));
        Assert.Equal("t [0] offset 999\n", await Kcat.Run(Broker.Bootstrap, "-Q -t t:0:1000000"));
        Assert.Equal("some value 998\nsome value 999\n", await Kcat.Run(Broker.Bootstrap, "-C -t t -o s@999000 -e -q"));
    }

    [Fact]
    public async Task A_group_reads_each_record_once()
    {
        await CreateTopic("t", 4);
        await Kcat.Run(Broker.Bootstrap, "-P -t t -X partitioner=murmur2_random -K :", string.Concat(Enumerable.Range(0, 1_000).Select(i => $"{i}:{i}\n")));

        var first = await Kcat.Run(Broker.Bootstrap, "-G g -c 600 -q -X auto.offset.reset=earliest t");
        var second = await Kcat.Run(Broker.Bootstrap, "-G g -e -q -X auto.offset.reset=earliest t");

        var read = (first + second).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse).Order();
        Assert.Equal(Enumerable.Range(0, 1_000), read);
    }

    [Fact]
    public async Task A_topic_is_made_by_its_first_use_only_where_the_broker_is_told_so()
    {
        var port = LoopbackPorts.Next();
        var command = DotnetCommand.Of("auto", Repository.Program("infra/devbroker", "DevBroker"),
            ["--data", State.DataDirectory("auto"), "--listen", $"127.0.0.1:{port}", "--auto-create-topics"]);
        await using var process = ChildProcess.Start(command, State, TimeProvider.System);
        await Until(() => process.LogTail().Contains("[501]", StringComparison.Ordinal));

        await Kcat.Run($"127.0.0.1:{port}", "-P -t fresh", "line\n");

        Assert.Equal("line\n", await Kcat.Run($"127.0.0.1:{port}", "-C -t fresh -e -q"));
        Assert.Contains("0 topics", await Kcat.Run(Broker.Bootstrap, "-L"), StringComparison.Ordinal);
        Assert.Contains("Unknown topic or partition", await Kcat.Run(Broker.Bootstrap, "-L -t fresh -X allow.auto.create.topics=true"), StringComparison.Ordinal);
        LoopbackPorts.Return(port);
    }
}
