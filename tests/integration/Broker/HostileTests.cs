using StreamSettlement.DevBroker.Api;
using StreamSettlement.DevBroker.Wire;
using StreamSettlement.DevStack.Processes;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.DevStack;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>Damaged, oversized and unknown requests, and a second broker on the same data.</summary>
public sealed class HostileTests(Servers servers) : BrokerTest(servers)
{
    /// <summary>Bytes as they come over the connection, lengths included, and what the log says of them.</summary>
    [Theory]
    [InlineData("474554202F20485454502F312E310D0A0D0A", "a request of 1195725856 bytes")]
    [InlineData("7FFFFFFF00000000", "a request of 2147483647 bytes")]
    [InlineData("4000000000030000", "a request of 1073741824 bytes")]
    [InlineData("FFFFFFFF00000000", "a request of -1 bytes")]
    [InlineData("00000004000300", "a request of 4 bytes")]
    [InlineData("0000000A0400000000000001FFFF", "api key 1024 is not served")]
    [InlineData("0000000A001A000000000001FFFF", "api key 26 is not served")]
    [InlineData("0000000A0003007F00000001FFFF", "Metadata version 127 is not served, only 0 to 13")]
    [InlineData("0000000A0000000200000001FFFF", "Produce version 2 is not served, only 3 to 10")]
    [InlineData("0000000A00030000000000010050", "a field of 80 bytes")]
    [InlineData("0000000E0003000100000001FFFF7FFFFFFF", "an array claims 2147483647 elements")]
    public async Task A_bad_request_closes_its_connection_with_a_log_line_and_harms_no_other(string hex, string logged)
    {
        await CreateTopic("t", 1);
        using var neighbour = await RawClient.Connect(Broker.Port);
        Assert.Equal(0, (await neighbour.Ask(18, 0, _ => { }))[1]);
        using var hostile = await RawClient.Connect(Broker.Port);

        await hostile.SendBytes(Convert.FromHexString(hex));

        Assert.Null(await hostile.Read());
        await Until(() => Broker.Process.LogTail().Contains(logged, StringComparison.Ordinal));
        Assert.Equal(0, (await neighbour.Ask(18, 0, _ => { }))[1]);
        using var producer = Producer();
        Assert.Equal(0, (await producer.ProduceAsync("t", new() { Value = "v" }, Token)).Offset.Value);
    }

    /// <summary>Metadata version 0 for all topics, cut off after each byte.</summary>
    [Fact]
    public async Task A_client_that_goes_away_within_a_request_harms_nobody()
    {
        byte[] request = [0, 0, 0, 17, 0, 3, 0, 0, 0, 0, 0, 7, 0, 3, (byte)'r', (byte)'a', (byte)'w', 0, 0, 0, 0];
        using var other = await RawClient.Connect(Broker.Port);
        for (var length = 1; length < request.Length; length++)
            using (var hasty = await RawClient.Connect(Broker.Port)) await hasty.SendBytes(request[..length]);

        Assert.Equal(0, (await other.Ask(18, 0, _ => { }))[1]);
        await other.SendBytes(request);
        Assert.NotNull(await other.Read());
    }

    [Fact]
    public async Task A_batch_with_a_wrong_checksum_is_refused_alone()
    {
        await CreateTopic("t", 1);
        using var client = await RawClient.Connect(Broker.Port);
        var batch = RawBatch.Of();
        byte[] damaged = [.. batch[..^2], (byte)'w', batch[^1]];

        foreach (var (sent, expected) in new[] { (damaged, ErrorCode.CorruptMessage), (batch, ErrorCode.None) })
        {
            var answer = await client.Ask((short)ApiKey.Produce, 3, ask => RawBatch.Produce(ask, sent));
            Assert.Equal((short)expected, ErrorOf(answer));
        }
        Assert.Contains("[522] refused a batch for t-0", Broker.Process.LogTail(), StringComparison.Ordinal);
        Assert.Equal("v", Assert.Single(ReadAll("t")).Message.Value);

        static short ErrorOf(byte[] answer)
        {
            var reader = new RequestReader(answer, flexible: false);
            Assert.Equal((1, "t", 1, 0), (reader.ArrayLength(), reader.String(), reader.ArrayLength(), reader.Int32()));
            return reader.Int16();
        }
    }

    [Fact]
    public async Task Random_bytes_never_take_the_broker_down()
    {
        var random = new Random(1);
        for (var round = 0; round < 300; round++)
        {
            using var client = await RawClient.Connect(Broker.Port);
            var frame = new byte[random.Next(8, 200)];
            random.NextBytes(frame);
            // A known request in a known version, so that the body is read.
            (frame[0], frame[2]) = (0, 0);
            frame[1] = (byte)random.Next(0, 40);
            frame[3] = (byte)random.Next(0, 14);
            await client.SendFrame(frame);
        }

        Assert.False(Broker.Process.Exited.IsCompleted);
        Assert.DoesNotContain("[521]", await File.ReadAllTextAsync(Broker.Process.LogFile, Token), StringComparison.Ordinal);
        using var after = await RawClient.Connect(Broker.Port);
        Assert.Equal(0, (await after.Ask(18, 0, _ => { }))[1]);
    }

    [Fact]
    public async Task A_newer_client_learns_in_the_oldest_form_what_is_served()
    {
        using var client = await RawClient.Connect(Broker.Port);
        var answer = await client.Ask(18, 99, _ => { });

        var reader = new RequestReader(answer, flexible: false);
        Assert.Equal((short)ErrorCode.UnsupportedVersion, reader.Int16());
        Assert.Equal(ApiTable.All.Length, reader.ArrayLength());
        for (var i = 0; i < ApiTable.All.Length; i++)
            Assert.Equal((short)ApiTable.All[i].Key, (reader.Int16(), reader.Int16(), reader.Int16()).Item1);
        Assert.Equal(0, reader.Remaining);
        // The connection goes on.
        Assert.Equal(0, (await client.Ask(18, 0, _ => { }))[1]);
    }

    [Fact]
    public async Task A_second_broker_on_the_same_data_refuses_to_start()
    {
        var command = DotnetCommand.Of("second", Repository.Program("infra/devbroker", "DevBroker"),
            ["--data", DevBrokerServer.DataDirectory(State), "--listen", "127.0.0.1:0"]);
        await using var second = ChildProcess.Start(command, State, TimeProvider.System);

        Assert.Equal(1, await second.Exited.WaitAsync(Token));
        Assert.Contains("is in use by another broker", second.LogTail(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_free_port_is_told_in_the_log_and_wrong_options_exit_2()
    {
        var program = Repository.Program("infra/devbroker", "DevBroker");
        await using (var free = ChildProcess.Start(
            DotnetCommand.Of("free", program, ["--data", State.DataDirectory("free"), "--listen", "127.0.0.1:0"]), State, TimeProvider.System))
        {
            await free.WaitUntilReadyAsync(
                _ => Task.FromResult(free.LogTail().Contains("[501] listening on 127.0.0.1:", StringComparison.Ordinal) ? null : "no address yet"),
                TimeSpan.FromSeconds(30), Token);
            Assert.True(await free.StopAsync());
            Assert.Contains("not for production", free.LogTail(), StringComparison.Ordinal);
            Assert.Contains("[502] stopped", free.LogTail(), StringComparison.Ordinal);
        }
        await using var wrong = ChildProcess.Start(DotnetCommand.Of("wrong", program, ["--prot", "1"]), State, TimeProvider.System);
        Assert.Equal(2, await wrong.Exited.WaitAsync(Token));
        Assert.Contains("unknown option '--prot'", wrong.LogTail(), StringComparison.Ordinal);
    }
}
