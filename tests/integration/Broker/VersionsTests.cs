using StreamSettlement.DevBroker.Api;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>
/// Each request in each version that is served, byte by byte: the client library at hand speaks some versions of each,
/// earlier and later ones speak others.
/// </summary>
public sealed class VersionsTests(Servers servers) : WireTest(servers)
{
    private const string Group = "g";

    [Fact]
    public async Task What_is_there() => await WithTopic(async (client, id) =>
    {
        await Each(client, ApiKey.ApiVersions,
            (version, ask) =>
            {
                if (version < 3) return;
                ask.String("test");
                ask.String("1");
                ask.Tags();
            },
            (short version, ref RequestReader answer) =>
            {
                None(ref answer);
                Assert.Equal(ApiTable.All.Length, answer.ArrayLength());
                foreach (var api in ApiTable.All)
                {
                    Assert.Equal(((short)api.Key, api.Advertised, api.Max), (answer.Int16(), answer.Int16(), answer.Int16()));
                    answer.Tags();
                }
                if (version >= 1) answer.Int32();
            });
        await Each(client, ApiKey.Metadata,
            (version, ask) =>
            {
                ask.Array(1);
                // From version 10 on a topic may be asked for by its id, from 12 on without its name.
                if (version >= 10) ask.Uuid(version >= 12 ? id : Guid.Empty);
                ask.String(version >= 12 ? null : "t");
                ask.Tags();
                if (version >= 4) ask.Bool(false);
                if (version is >= 8 and <= 10) ask.Bool(false);
                if (version >= 8) ask.Bool(false);
                ask.Tags();
            },
            (short version, ref RequestReader answer) => ReadMetadata(version, ref answer));
        await Each(client, ApiKey.FindCoordinator,
            (version, ask) =>
            {
                ask.String(Group);
                if (version >= 1) ask.Int8(0);
                ask.Tags();
            },
            (short version, ref RequestReader answer) =>
            {
                if (version >= 1) answer.Int32();
                None(ref answer);
                if (version >= 1) Assert.Null(answer.NullableString());
                Assert.Equal((1, "127.0.0.1", Broker.Port), (answer.Int32(), answer.String(), answer.Int32()));
            });
        await Each(client, ApiKey.DescribeConfigs,
            (version, ask) =>
            {
                ask.Array(1);
                ask.Int8(2);
                ask.String("t");
                ask.Array(1);
                ask.String("cleanup.policy");
                ask.Tags();
                if (version >= 1) ask.Bool(true);
                if (version >= 3) ask.Bool(true);
                ask.Tags();
            },
            (short version, ref RequestReader answer) =>
            {
                answer.Int32();
                Assert.Equal(1, answer.ArrayLength());
                None(ref answer);
                Assert.Null(answer.NullableString());
                Assert.Equal((2, "t", 1), (answer.Int8(), answer.String(), answer.ArrayLength()));
                Assert.Equal(("cleanup.policy", "compact", false), (answer.String(), answer.String(), answer.Bool()));
                Assert.Equal(version == 0 ? 0 : 1, answer.Int8());
                Assert.False(answer.Bool());
                if (version >= 1)
                {
                    Assert.Equal((1, "cleanup.policy", "compact", 1), (answer.ArrayLength(), answer.String(), answer.String(), answer.Int8()));
                    answer.Tags();
                }
                if (version >= 3) Assert.Equal((7, null), (answer.Int8(), answer.NullableString()));
                answer.Tags();
                answer.Tags();
            });
    });

    [Fact]
    public async Task Topics()
    {
        using var client = await RawClient.Connect(Broker.Port);
        await Each(client, ApiKey.CreateTopics,
            (version, ask) =>
            {
                ask.Array(2);
                foreach (var name in new[] { $"made-{version}", "not/legal" })
                {
                    ask.String(name);
                    ask.Int32(version >= 4 ? -1 : 2);
                    ask.Int16(version >= 4 ? (short)-1 : (short)1);
                    ask.Array(0);
                    ask.Array(1);
                    ask.String("retention.ms");
                    ask.String("1000");
                }
                ask.Int32(1000);
                if (version >= 1) ask.Bool(false);
            },
            (short version, ref RequestReader answer) =>
            {
                if (version >= 2) answer.Int32();
                Assert.Equal((2, $"made-{version}"), (answer.ArrayLength(), answer.String()));
                None(ref answer);
                if (version >= 1) Assert.Null(answer.NullableString());
                Assert.Equal(("not/legal", (short)ErrorCode.InvalidTopic), (answer.String(), answer.Int16()));
                if (version >= 1) Assert.NotNull(answer.NullableString());
            });
        using var admin = Admin();
        Assert.Equal([2, 2, 2, 2, 1], admin.GetMetadata(TimeSpan.FromSeconds(10)).Topics.OrderBy(topic => topic.Topic).Select(topic => topic.Partitions.Count));
    }

    [Fact]
    public async Task Records_and_offsets() => await WithTopic(async (client, id) =>
    {
        var expected = 0;
        await Each(client, ApiKey.InitProducerId,
            (version, ask) =>
            {
                ask.String(null);
                ask.Int32(1000);
                if (version >= 3) ask.Int64(-1);
                if (version >= 3) ask.Int16(-1);
                ask.Tags();
            },
            (short _, ref RequestReader answer) =>
            {
                answer.Int32();
                None(ref answer);
                Assert.Equal((true, (short)0), (answer.Int64() >= 0, answer.Int16()));
            });
        await Each(client, ApiKey.Produce,
            (version, ask) => RawBatch.Produce(ask, RawBatch.Of()),
            (short version, ref RequestReader answer) => Assert.Equal((ErrorCode.None, expected++), ReadProduce(version, ref answer)));
        await Each(client, ApiKey.Fetch,
            (version, ask) => WriteFetch(version, ask, id),
            (short version, ref RequestReader answer) => ReadFetch(version, ref answer, id, expected));
        await Each(client, ApiKey.ListOffsets,
            (version, ask) =>
            {
                ask.Int32(-1);
                if (version >= 2) ask.Int8(0);
                ask.Array(1);
                ask.String("t");
                ask.Array(1);
                ask.Int32(0);
                if (version >= 4) ask.Int32(0);
                ask.Int64(version >= 7 ? -3 : -1);
                ask.Tags();
                ask.Tags();
                ask.Tags();
            },
            (short version, ref RequestReader answer) =>
            {
                if (version >= 2) answer.Int32();
                Assert.Equal((1, "t", 1, 0), (answer.ArrayLength(), answer.String(), answer.ArrayLength(), answer.Int32()));
                None(ref answer);
                Assert.Equal(version >= 7 ? (1_000, 0) : (-1, expected), (answer.Int64(), answer.Int64()));
                if (version >= 4) Assert.Equal(0, answer.Int32());
                answer.Tags();
                answer.Tags();
            });
        await Each(client, ApiKey.OffsetForLeaderEpoch,
            (version, ask) =>
            {
                if (version >= 3) ask.Int32(-1);
                ask.Array(1);
                ask.String("t");
                ask.Array(1);
                ask.Int32(0);
                ask.Int32(0);
                ask.Int32(0);
                ask.Tags();
                ask.Tags();
                ask.Tags();
            },
            (short _, ref RequestReader answer) =>
            {
                answer.Int32();
                Assert.Equal((1, "t", 1), (answer.ArrayLength(), answer.String(), answer.ArrayLength()));
                None(ref answer);
                Assert.Equal((0, 0, expected), (answer.Int32(), answer.Int32(), answer.Int64()));
                answer.Tags();
                answer.Tags();
            });
    });

    [Fact]
    public async Task Sequences() => await WithTopic(async (client, _) =>
    {
        async Task<(ErrorCode, long)> Send(short epoch, int sequence)
        {
            var answer = await client.Ask((short)ApiKey.Produce, 7, ask => RawBatch.Produce(ask, RawBatch.Of(5, epoch, sequence)));
            var reader = new RequestReader(answer, flexible: false);
            return ReadProduce(7, ref reader);
        }

        Assert.Equal((ErrorCode.None, 0L), await Send(epoch: 0, sequence: 0));
        Assert.Equal((ErrorCode.None, 1L), await Send(0, 1));
        Assert.Equal((ErrorCode.None, 0L), await Send(0, 0));
        Assert.Equal((ErrorCode.OutOfOrderSequenceNumber, -1L), await Send(0, 3));
        await Restart(kill: true);
        using var again = await RawClient.Connect(Broker.Port);
        client = again;
        Assert.Equal((ErrorCode.None, 1L), await Send(0, 1));
        Assert.Equal((ErrorCode.None, 2L), await Send(0, 2));
        Assert.Equal((ErrorCode.OutOfOrderSequenceNumber, -1L), await Send(1, 3));
        Assert.Equal((ErrorCode.None, 3L), await Send(1, 0));
        Assert.Equal((ErrorCode.InvalidProducerEpoch, -1L), await Send(0, 3));
        Assert.Equal(4, ReadAll("t").Count);
    });

    [Fact]
    public async Task Offsets_of_groups() => await WithTopic(async (client, _) =>
    {
        await Each(client, ApiKey.OffsetCommit,
            (version, ask) =>
            {
                ask.String(Group);
                ask.Int32(-1);
                ask.String("");
                if (version >= 7) ask.String(null);
                if (version <= 4) ask.Int64(-1);
                ask.Array(1);
                ask.String("t");
                ask.Array(2);
                foreach (var partition in new[] { 0, 9 })
                {
                    ask.Int32(partition);
                    ask.Int64(version);
                    if (version >= 6) ask.Int32(0);
                    ask.String($"by version {version}");
                    ask.Tags();
                }
                ask.Tags();
                ask.Tags();
            },
            (short version, ref RequestReader answer) =>
            {
                if (version >= 3) answer.Int32();
                Assert.Equal((1, "t", 2, 0), (answer.ArrayLength(), answer.String(), answer.ArrayLength(), answer.Int32()));
                None(ref answer);
                answer.Tags();
                Assert.Equal((9, (short)ErrorCode.UnknownTopicOrPartition), (answer.Int32(), answer.Int16()));
                answer.Tags();
                answer.Tags();
            });
        await Each(client, ApiKey.OffsetFetch,
            (version, ask) =>
            {
                if (version >= 8) ask.Array(1);
                ask.String(Group);
                if (version >= 9) ask.String(null);
                if (version >= 9) ask.Int32(-1);
                // All of the group where the version can say so.
                if (version >= 2) ask.NullArray();
                else
                {
                    ask.Array(1);
                    ask.String("t");
                    ask.Array(1);
                    ask.Int32(0);
                }
                if (version >= 8) ask.Tags();
                if (version >= 7) ask.Bool(true);
                ask.Tags();
            },
            (short version, ref RequestReader answer) =>
            {
                if (version >= 3) answer.Int32();
                if (version >= 8) Assert.Equal((1, Group), (answer.ArrayLength(), answer.String()));
                Assert.Equal((1, "t", 1), (answer.ArrayLength(), answer.String(), answer.ArrayLength()));
                Assert.Equal((0, 9L), (answer.Int32(), answer.Int64()));
                if (version >= 5) Assert.Equal(0, answer.Int32());
                Assert.Equal("by version 9", answer.String());
                None(ref answer);
                answer.Tags();
                answer.Tags();
                if (version >= 2) None(ref answer);
                if (version >= 8) answer.Tags();
            });
    });

    private async Task WithTopic(Func<RawClient, Guid, Task> test)
    {
        await CreateTopic("t", 1, new() { ["cleanup.policy"] = "compact" });
        using var client = await RawClient.Connect(Broker.Port);
        var answer = await client.Ask((short)ApiKey.Metadata, 11,
            ask =>
            {
                ask.Array(1);
                ask.Uuid(Guid.Empty);
                ask.String("t");
                ask.Tags();
                ask.Bool(false);
                ask.Bool(false);
                ask.Tags();
            },
            flexible: true);
        var reader = new RequestReader(answer, flexible: true);
        await test(client, ReadMetadata(11, ref reader));
    }

    private Guid ReadMetadata(short version, ref RequestReader answer)
    {
        if (version >= 3) answer.Int32();
        Assert.Equal((1, 1, "127.0.0.1", Broker.Port), (answer.ArrayLength(), answer.Int32(), answer.String(), answer.Int32()));
        if (version >= 1) Assert.Null(answer.NullableString());
        answer.Tags();
        if (version >= 2) Assert.NotEmpty(answer.String());
        if (version >= 1) Assert.Equal(1, answer.Int32());
        Assert.Equal(1, answer.ArrayLength());
        None(ref answer);
        Assert.Equal("t", answer.String());
        var id = version >= 10 ? answer.Uuid() : Guid.Empty;
        if (version >= 1) Assert.False(answer.Bool());
        Assert.Equal(1, answer.ArrayLength());
        None(ref answer);
        Assert.Equal((0, 1), (answer.Int32(), answer.Int32()));
        if (version >= 7) Assert.Equal(0, answer.Int32());
        Assert.Equal((1, 1, 1, 1), (answer.ArrayLength(), answer.Int32(), answer.ArrayLength(), answer.Int32()));
        if (version >= 5) Assert.Equal(0, answer.ArrayLength());
        answer.Tags();
        if (version >= 8) answer.Int32();
        answer.Tags();
        if (version is >= 8 and <= 10) answer.Int32();
        if (version >= 13) None(ref answer);
        return id;
    }

    private static (ErrorCode Error, long Offset) ReadProduce(short version, ref RequestReader answer)
    {
        Assert.Equal((1, "t", 1, 0), (answer.ArrayLength(), answer.String(), answer.ArrayLength(), answer.Int32()));
        var result = ((ErrorCode)answer.Int16(), answer.Int64());
        Assert.Equal(-1, answer.Int64());
        if (version >= 5) Assert.Equal(0, answer.Int64());
        if (version >= 8) Assert.Equal((0, null), (answer.ArrayLength(), answer.NullableString()));
        answer.Tags();
        answer.Tags();
        answer.Int32();
        return result;
    }

    private static void WriteFetch(short version, ResponseWriter ask, Guid id)
    {
        if (version <= 14) ask.Int32(-1);
        ask.Int32(1000);
        ask.Int32(1);
        ask.Int32(1 << 20);
        ask.Int8(1);
        if (version >= 7) ask.Int32(0);
        if (version >= 7) ask.Int32(-1);
        ask.Array(1);
        if (version >= 13) ask.Uuid(id);
        else ask.String("t");
        ask.Array(1);
        ask.Int32(0);
        if (version >= 9) ask.Int32(0);
        ask.Int64(0);
        if (version >= 12) ask.Int32(-1);
        if (version >= 5) ask.Int64(-1);
        ask.Int32(1 << 20);
        ask.Tags();
        ask.Tags();
        if (version >= 7) ask.Array(0);
        if (version >= 11) ask.String("");
        ask.Tags();
    }

    private static void ReadFetch(short version, ref RequestReader answer, Guid id, int records)
    {
        answer.Int32();
        if (version >= 7) None(ref answer);
        if (version >= 7) Assert.Equal(0, answer.Int32());
        Assert.Equal(1, answer.ArrayLength());
        if (version >= 13) Assert.Equal(id, answer.Uuid());
        else Assert.Equal("t", answer.String());
        Assert.Equal((1, 0), (answer.ArrayLength(), answer.Int32()));
        None(ref answer);
        Assert.Equal((records, records), (answer.Int64(), answer.Int64()));
        if (version >= 5) Assert.Equal(0, answer.Int64());
        Assert.Equal(0, answer.ArrayLength());
        if (version >= 11) Assert.Equal(-1, answer.Int32());
        Assert.Equal(records * RawBatch.Of().Length, answer.Bytes().Length);
        answer.Tags();
        answer.Tags();
    }
}
