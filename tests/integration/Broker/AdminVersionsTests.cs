using Confluent.Kafka;
using StreamSettlement.DevBroker.Api;
using StreamSettlement.DevBroker.Wire;
using ErrorCode = StreamSettlement.DevBroker.Wire.ErrorCode;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>The requests of people who look after topics and groups, each in each version that is served.</summary>
public sealed class AdminVersionsTests(Servers servers) : WireTest(servers)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task The_cluster_is_described()
    {
        using var client = await RawClient.Connect(Broker.Port);
        await Each(client, ApiKey.DescribeCluster,
            (version, ask) =>
            {
                ask.Bool(false);
                if (version >= 1) ask.Int8(1);
                ask.Tags();
            },
            (short version, ref RequestReader answer) =>
            {
                answer.Int32();
                None(ref answer);
                Assert.Null(answer.NullableString());
                if (version >= 1) Assert.Equal(1, answer.Int8());
                Assert.NotEmpty(answer.String());
                Assert.Equal((1, 1, 1), (answer.Int32(), answer.ArrayLength(), answer.Int32()));
                Assert.Equal(("127.0.0.1", Broker.Port, null), (answer.String(), answer.Int32(), answer.NullableString()));
                answer.Tags();
                Assert.Equal(int.MinValue, answer.Int32());
            });
    }

    [Fact]
    public async Task Partitions_are_added()
    {
        await CreateTopic("t", 1);
        using var client = await RawClient.Connect(Broker.Port);
        await Each(client, ApiKey.CreatePartitions,
            (version, ask) =>
            {
                // One more than before, on the only node; as many as before; a topic that is not there.
                (string Topic, int Total, bool Assigned)[] wanted = [("t", version + 2, true), ("t", 1, false), ("missing", 2, false)];
                ask.Array(wanted.Length);
                foreach (var (topic, total, assigned) in wanted)
                {
                    ask.String(topic);
                    ask.Int32(total);
                    if (assigned)
                    {
                        ask.Array(1);
                        ask.Array(1);
                        ask.Int32(1);
                        ask.Tags();
                    }
                    else ask.NullArray();
                    ask.Tags();
                }
                ask.Int32(1000);
                ask.Bool(false);
                ask.Tags();
            },
            (short _, ref RequestReader answer) =>
            {
                answer.Int32();
                Assert.Equal(3, answer.ArrayLength());
                foreach (var (topic, error) in new[]
                {
                    ("t", ErrorCode.None), ("t", ErrorCode.InvalidPartitions), ("missing", ErrorCode.UnknownTopicOrPartition),
                })
                {
                    Assert.Equal(topic, answer.String());
                    Is(error, ref answer);
                    Assert.Equal(error == ErrorCode.None, answer.NullableString() is null);
                    answer.Tags();
                }
            });
        using (var producer = Producer()) await producer.ProduceAsync(new TopicPartition("t", 4), new() { Value = "v" }, Token);
        await Restart(kill: true);
        using var admin = Admin();
        Assert.Equal(5, admin.GetMetadata("t", Patience).Topics.Single().Partitions.Count);
        Assert.Equal("v", Assert.Single(ReadAll("t", 4)).Message.Value);
    }

    [Fact]
    public async Task Topics_are_deleted_and_come_back_empty()
    {
        Assert.True(ApiTable.TryFind((short)ApiKey.DeleteTopics, out var api));
        for (short version = 0; version <= api.Max; version++) await CreateTopic($"t{version}", 1);
        using (var producer = Producer()) await producer.ProduceAsync("t0", new() { Value = "before" }, Token);
        using (var consumer = Consumer("g")) consumer.Commit([new TopicPartitionOffset("t0", 0, 1), new TopicPartitionOffset("t1", 0, 0)]);
        using var client = await RawClient.Connect(Broker.Port);
        await Each(client, ApiKey.DeleteTopics,
            (version, ask) =>
            {
                ask.Array(2);
                foreach (var topic in new[] { $"t{version}", "missing" })
                {
                    ask.String(topic);
                    if (version < 6) continue;
                    ask.Uuid(Guid.Empty);
                    ask.Tags();
                }
                ask.Int32(1000);
                ask.Tags();
            },
            (short version, ref RequestReader answer) =>
            {
                if (version >= 1) answer.Int32();
                Assert.Equal(2, answer.ArrayLength());
                foreach (var (topic, error) in new[] { ($"t{version}", ErrorCode.None), ("missing", ErrorCode.UnknownTopicOrPartition) })
                {
                    Assert.Equal(topic, answer.NullableString());
                    if (version >= 6) Assert.Equal(error == ErrorCode.None, answer.Uuid() != Guid.Empty);
                    Is(error, ref answer);
                    if (version >= 5) Assert.Equal(error == ErrorCode.None, answer.NullableString() is null);
                    answer.Tags();
                }
            });
        await Restart(kill: true);
        using var admin = Admin();
        Assert.Empty(admin.GetMetadata(Patience).Topics);
        Assert.Empty(Directory.GetDirectories(Path.Combine(State.DataDirectory("broker"), "logs")));
        Assert.Null(admin.ListGroup("g", Patience));
        await CreateTopic("t0", 1);
        Assert.Empty(ReadAll("t0"));
    }

    [Fact]
    public async Task A_topic_is_deleted_by_its_id_under_a_waiting_fetch()
    {
        await CreateTopic("t", 1);
        using var client = await RawClient.Connect(Broker.Port);
        using var reader = await RawClient.Connect(Broker.Port);
        var waiting = reader.Ask((short)ApiKey.Fetch, 4, ask =>
        {
            ask.Int32(-1);
            ask.Int32(60_000);
            ask.Int32(1);
            ask.Int32(1 << 20);
            ask.Int8(0);
            ask.Array(1);
            ask.String("t");
            ask.Array(1);
            ask.Int32(0);
            ask.Int64(0);
            ask.Int32(1 << 20);
        });
        var answer = await client.Ask((short)ApiKey.Metadata, 10,
            ask =>
            {
                ask.NullArray();
                ask.Bool(false);
                ask.Bool(false);
                ask.Bool(false);
                ask.Tags();
            },
            flexible: true);
        var id = TopicId(answer);

        var deleted = await client.Ask((short)ApiKey.DeleteTopics, 6,
            ask =>
            {
                ask.Array(2);
                foreach (var each in new[] { id, Guid.Parse("11111111-2222-3333-4444-555555555555") })
                {
                    ask.String(null);
                    ask.Uuid(each);
                    ask.Tags();
                }
                ask.Int32(1000);
                ask.Tags();
            },
            flexible: true);

        CheckDeleted(deleted);
        CheckFetched(await waiting.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token));

        static void CheckFetched(byte[] bytes)
        {
            var reader = new RequestReader(bytes, flexible: false);
            Assert.Equal((0, 1, "t", 1, 0), (reader.Int32(), reader.ArrayLength(), reader.String(), reader.ArrayLength(), reader.Int32()));
            Is(ErrorCode.UnknownTopicOrPartition, ref reader);
        }

        void CheckDeleted(byte[] bytes)
        {
            var reader = new RequestReader(bytes, flexible: true);
            reader.Int32();
            Assert.Equal((2, "t", id), (reader.ArrayLength(), reader.NullableString(), reader.Uuid()));
            None(ref reader);
            Assert.Null(reader.NullableString());
            reader.Tags();
            Assert.Null(reader.NullableString());
            reader.Uuid();
            Is(ErrorCode.UnknownTopicId, ref reader);
        }
    }

    [Fact]
    public async Task Records_are_deleted()
    {
        await CreateTopic("t", 1);
        using (var producer = Producer())
            for (var i = 0; i < 10; i++) await producer.ProduceAsync("t", new() { Value = "v" }, Token);
        using var client = await RawClient.Connect(Broker.Port);
        await Each(client, ApiKey.DeleteRecords,
            (version, ask) =>
            {
                ask.Array(1);
                ask.String("t");
                (int Partition, long Before)[] wanted = [(0, version + 3), (0, 11), (1, 0)];
                ask.Array(wanted.Length);
                foreach (var (partition, before) in wanted)
                {
                    ask.Int32(partition);
                    ask.Int64(before);
                    ask.Tags();
                }
                ask.Tags();
                ask.Int32(1000);
                ask.Tags();
            },
            (short version, ref RequestReader answer) =>
            {
                answer.Int32();
                Assert.Equal((1, "t", 3), (answer.ArrayLength(), answer.String(), answer.ArrayLength()));
                foreach (var (partition, start, error) in new[]
                {
                    (0, version + 3L, ErrorCode.None), (0, -1, ErrorCode.OffsetOutOfRange), (1, -1, ErrorCode.UnknownTopicOrPartition),
                })
                {
                    Assert.Equal((partition, start), (answer.Int32(), answer.Int64()));
                    Is(error, ref answer);
                    answer.Tags();
                }
                answer.Tags();
            });
        await Restart(kill: true);
        Assert.Equal([5, 6, 7, 8, 9], ReadAll("t").Select(record => record.Offset.Value));
    }

    [Fact]
    public async Task Settings_are_replaced()
    {
        await CreateTopic("t", 1, new() { ["retention.bytes"] = "5" });
        using var client = await RawClient.Connect(Broker.Port);
        await Each(client, ApiKey.AlterConfigs,
            (version, ask) =>
            {
                (sbyte Type, string Name, string Key)[] wanted = [(2, "t", "retention.ms"), (2, "t", "retention"), (2, "missing", "retention.ms"), (4, "1", "retention.ms")];
                ask.Array(wanted.Length);
                foreach (var (type, name, key) in wanted)
                {
                    ask.Int8(type);
                    ask.String(name);
                    ask.Array(1);
                    ask.String(key);
                    ask.String($"{version}");
                    ask.Tags();
                    ask.Tags();
                }
                ask.Bool(false);
                ask.Tags();
            },
            (short _, ref RequestReader answer) => ReadAltered(ref answer));
        Assert.Equal([("retention.ms", "2")], await OwnSettings());
        await Restart(kill: true);
        Assert.Equal([("retention.ms", "2")], await OwnSettings());
    }

    [Fact]
    public async Task Settings_are_changed_one_by_one()
    {
        await CreateTopic("t", 1, new() { ["retention.bytes"] = "5", ["retention.ms"] = "5" });
        using var client = await RawClient.Connect(Broker.Port);
        await Each(client, ApiKey.IncrementalAlterConfigs,
            (version, ask) =>
            {
                (sbyte Type, string Name, (string Key, sbyte Change, string? Value)[] Changes)[] wanted =
                [
                    (2, "t", [("retention.ms", 0, "9"), ("retention.bytes", 1, null), ("cleanup.policy", (sbyte)(version == 0 ? 2 : 3), version == 0 ? "compact" : "delete")]),
                    (2, "t", [("retention", 0, "1")]), (2, "missing", [("retention.ms", 0, "1")]), (4, "1", [("retention.ms", 0, "1")]),
                ];
                ask.Array(wanted.Length);
                foreach (var (type, name, changes) in wanted)
                {
                    ask.Int8(type);
                    ask.String(name);
                    ask.Array(changes.Length);
                    foreach (var (key, change, value) in changes)
                    {
                        ask.String(key);
                        ask.Int8(change);
                        ask.String(value);
                        ask.Tags();
                    }
                    ask.Tags();
                }
                ask.Bool(false);
                ask.Tags();
            },
            (short version, ref RequestReader answer) =>
            {
                ReadAltered(ref answer);
                Assert.Equal(
                    [("cleanup.policy", version == 0 ? "delete,compact" : "compact"), ("retention.ms", "9")], OwnSettings().GetAwaiter().GetResult());
            });
    }

    [Fact]
    public async Task Groups_are_deleted()
    {
        await CreateTopic("t", 1);
        using var member = Consumer("busy");
        member.Subscribe("t");
        Assert.True(member.Consume(Token).IsPartitionEOF);
        using var client = await RawClient.Connect(Broker.Port);
        for (var version = 0; version <= 2; version++)
            using (var consumer = Consumer($"g{version}")) consumer.Commit([new TopicPartitionOffset("t", 0, 5)]);
        await Each(client, ApiKey.DeleteGroups,
            (version, ask) =>
            {
                string[] wanted = [$"g{version}", "missing", "busy"];
                ask.Array(wanted.Length);
                foreach (var group in wanted) ask.String(group);
                ask.Tags();
            },
            (short version, ref RequestReader answer) =>
            {
                answer.Int32();
                Assert.Equal(3, answer.ArrayLength());
                foreach (var (group, error) in new[]
                {
                    ($"g{version}", ErrorCode.None), ("missing", ErrorCode.GroupIdNotFound), ("busy", ErrorCode.NonEmptyGroup),
                })
                {
                    Assert.Equal(group, answer.String());
                    Is(error, ref answer);
                    answer.Tags();
                }
            });
        await Restart(kill: true);
        using var again = Consumer("g2");
        Assert.Equal(Offset.Unset, again.Committed([new TopicPartition("t", 0)], Patience).Single().Offset);
        member.Close();
    }

    [Fact]
    public async Task Offsets_are_deleted_where_no_member_reads_the_topic()
    {
        await CreateTopic("t", 2);
        await CreateTopic("read", 1);
        using var member = Consumer("g");
        member.Subscribe("read");
        Assert.True(member.Consume(Token).IsPartitionEOF);
        member.Commit([new("t", 0, 5), new("t", 1, 6), new("read", 0, 7)]);
        using var client = await RawClient.Connect(Broker.Port);
        await Each(client, ApiKey.OffsetDelete,
            (_, ask) =>
            {
                ask.String("g");
                ask.Array(2);
                foreach (var (topic, partitions) in new[] { ("t", new[] { 0, 7 }), ("read", [0]) })
                {
                    ask.String(topic);
                    ask.Array(partitions.Length);
                    foreach (var partition in partitions) ask.Int32(partition);
                }
            },
            (short _, ref RequestReader answer) =>
            {
                None(ref answer);
                answer.Int32();
                Assert.Equal((2, "t", 2, 0), (answer.ArrayLength(), answer.String(), answer.ArrayLength(), answer.Int32()));
                None(ref answer);
                Assert.Equal(7, answer.Int32());
                Is(ErrorCode.UnknownTopicOrPartition, ref answer);
                Assert.Equal(("read", 1, 0), (answer.String(), answer.ArrayLength(), answer.Int32()));
                Is(ErrorCode.GroupSubscribedToTopic, ref answer);
            });
        Assert.Equal([Offset.Unset, 6, 7], member.Committed([new("t", 0), new("t", 1), new("read", 0)], Patience).Select(each => each.Offset));
        await Each(client, ApiKey.OffsetDelete,
            (_, ask) =>
            {
                ask.String("missing");
                ask.Array(0);
            },
            (short _, ref RequestReader answer) =>
            {
                Is(ErrorCode.GroupIdNotFound, ref answer);
                Assert.Equal((0, 0), (answer.Int32(), answer.ArrayLength()));
            });
        member.Close();
    }

    private static void ReadAltered(ref RequestReader answer)
    {
        answer.Int32();
        Assert.Equal(4, answer.ArrayLength());
        foreach (var (type, name, error) in new[]
        {
            (2, "t", ErrorCode.None), (2, "t", ErrorCode.InvalidConfig),
            (2, "missing", ErrorCode.UnknownTopicOrPartition), (4, "1", ErrorCode.InvalidRequest),
        })
        {
            Is(error, ref answer);
            Assert.Equal(error == ErrorCode.None, answer.NullableString() is null);
            Assert.Equal((type, name), (answer.Int8(), answer.String()));
            answer.Tags();
        }
    }

    private async Task<List<(string, string)>> OwnSettings()
    {
        using var admin = Admin();
        var described = await admin.DescribeConfigsAsync([new() { Type = Confluent.Kafka.Admin.ResourceType.Topic, Name = "t" }]);
        return [.. described.Single().Entries.Values.Where(entry => !entry.IsDefault).OrderBy(entry => entry.Name, StringComparer.Ordinal).Select(entry => (entry.Name, entry.Value))];
    }

    private static Guid TopicId(byte[] metadata)
    {
        var reader = new RequestReader(metadata, flexible: true);
        reader.Int32();
        for (var brokers = reader.ArrayLength(); brokers > 0; brokers--)
        {
            reader.Int32();
            reader.String();
            reader.Int32();
            reader.NullableString();
            reader.Tags();
        }
        reader.String();
        reader.Int32();
        Assert.Equal(1, reader.ArrayLength());
        None(ref reader);
        Assert.Equal("t", reader.String());
        return reader.Uuid();
    }
}
