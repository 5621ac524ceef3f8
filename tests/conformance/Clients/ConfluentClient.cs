using System.Text;
using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace StreamSettlement.ConformanceTests.Clients;

/// <summary>Confluent.Kafka, in this process.</summary>
internal sealed class ConfluentClient : IKafkaAdmin, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _bootstrap;
    private readonly IAdminClient _admin;

    public ConfluentClient(string bootstrap)
    {
        _bootstrap = bootstrap;
        _admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).SetLogHandler(Quiet).Build();
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async Task Produce(string topic, IReadOnlyList<NewRecord> records, string compression, bool idempotent)
    {
        using var producer = new ProducerBuilder<string?, string?>(new ProducerConfig
        {
            BootstrapServers = _bootstrap, EnableIdempotence = idempotent, LingerMs = 5, Partitioner = Partitioner.Murmur2Random,
            CompressionType = Enum.Parse<CompressionType>(compression, ignoreCase: true),
        }).SetLogHandler(Quiet).Build();
        await Refusals(() => Task.WhenAll(records.Select(record => producer.ProduceAsync(
            new TopicPartition(topic, record.Partition ?? Partition.Any),
            new Message<string?, string?>
            {
                Key = record.Key, Value = record.Value, Headers = HeadersOf(record),
                Timestamp = record.Timestamp is { } time ? new Timestamp(time, TimestampType.CreateTime) : Timestamp.Default,
            },
            Token))));
    }

    public Task<List<ReadRecord>> Read(string topic, int partition) => Task.Run(() =>
    {
        using var consumer = Consumer("reader", config =>
        {
            config.EnablePartitionEof = true;
            // Closing waits for the fetch that waits for more.
            config.FetchWaitMaxMs = 50;
        });
        consumer.Assign(new TopicPartitionOffset(topic, partition, Offset.Beginning));
        var records = new List<ReadRecord>();
        while (consumer.Consume(Token) is { IsPartitionEOF: false } result) records.Add(Told(result));
        return records;
    });

    public Task<List<ReadRecord>> ReadInGroup(string topic, string group, int count) => Task.Run(() =>
    {
        using var consumer = Consumer(group);
        consumer.Subscribe(topic);
        var records = new List<ReadRecord>();
        while (records.Count < count)
        {
            var result = consumer.Consume(Token);
            records.Add(Told(result));
            consumer.Commit(result);
        }
        consumer.Close();
        return records;
    });

    public async Task<OffsetRange> Offsets(string topic, int partition)
    {
        using var consumer = Consumer("reader");
        var range = new WatermarkOffsets(Offset.Unset, Offset.Unset);
        await Refusals(() =>
        {
            range = consumer.QueryWatermarkOffsets(new TopicPartition(topic, partition), Patience);
            return Task.CompletedTask;
        });
        return new OffsetRange(range.Low.Value, range.High.Value);
    }

    public async Task<long> OffsetAt(string topic, int partition, long timestamp)
    {
        using var consumer = Consumer("reader");
        var found = consumer.OffsetsForTimes([new(topic, partition, new Timestamp(timestamp, TimestampType.CreateTime))], Patience).Single().Offset;
        return found == Offset.End ? (await Offsets(topic, partition)).High : found.Value;
    }

    public Task<int> Partitions(string topic)
    {
        var found = _admin.GetMetadata(topic, Patience).Topics.Single();
        return found.Error.IsError
            ? Task.FromException<int>(new RefusedException((int)found.Error.Code, found.Error.Reason))
            : Task.FromResult(found.Partitions.Count);
    }

    public async Task<ClusterDescription> Cluster()
    {
        var described = await _admin.DescribeClusterAsync(new DescribeClusterOptions { RequestTimeout = Patience });
        return new ClusterDescription([.. described.Nodes.Select(node => $"{node.Host}:{node.Port}")], described.Controller?.Id ?? -1, described.ClusterId);
    }

    public async Task<Sharing> Share(string topic, string group, int partitions)
    {
        var assigned = new[] { Array.Empty<int>(), [] };
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Token);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var members = new[] { (0, stopping.Token), (1, leaving.Token) }.Select(each => Task.Run(() => Member(each.Item1, each.Item2))).ToArray();
        await Until(() => assigned.All(each => each.Length > 0) && assigned.Sum(each => each.Length) == partitions);
        var both = assigned.ToArray();
        var described = _admin.ListGroup(group, Patience);
        await leaving.CancelAsync();
        await members[1];
        await Until(() => assigned[0].Length == partitions);
        await stopping.CancelAsync();
        await members[0];
        return new Sharing(both, assigned[0], described.State, described.Members.Count);

        void Member(int index, CancellationToken stop)
        {
            using var consumer = Consumer(group);
            consumer.Subscribe(topic);
            while (!stop.IsCancellationRequested)
            {
                consumer.Consume(TimeSpan.FromMilliseconds(100));
                assigned[index] = [.. consumer.Assignment.Select(place => place.Partition.Value).Order()];
            }
            consumer.Close();
        }

        async Task Until(Func<bool> reached)
        {
            while (!reached())
            {
                var failed = members.FirstOrDefault(member => member.IsFaulted);
                if (failed is not null) await failed;
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Token);
            }
        }
    }

    public Task CreateTopic(string topic, int partitions, short replicas = 1, IReadOnlyDictionary<string, string>? settings = null) =>
        Refusals(() => _admin.CreateTopicsAsync([new TopicSpecification
        {
            Name = topic, NumPartitions = partitions, ReplicationFactor = replicas, Configs = new Dictionary<string, string>(settings ?? new Dictionary<string, string>()),
        }]));

    public Task DeleteTopic(string topic) => Refusals(() => _admin.DeleteTopicsAsync([topic]));

    public Task CreatePartitions(string topic, int total) =>
        Refusals(() => _admin.CreatePartitionsAsync([new PartitionsSpecification { Topic = topic, IncreaseTo = total }]));

    public async Task<Dictionary<string, string>> Settings(string topic)
    {
        List<DescribeConfigsResult> described = [];
        await Refusals(async () => described = await _admin.DescribeConfigsAsync([Resource(topic)]));
        return described.Single().Entries.Values.ToDictionary(entry => entry.Name, entry => entry.Value);
    }

    public Task AlterSettings(string topic, IReadOnlyDictionary<string, string> settings) =>
        Refusals(() => _admin.AlterConfigsAsync(new()
        {
            [Resource(topic)] = [.. settings.Select(setting => new ConfigEntry { Name = setting.Key, Value = setting.Value })],
        }));

    public Task DeleteRecords(string topic, int partition, long before) =>
        Refusals(() => _admin.DeleteRecordsAsync([new TopicPartitionOffset(topic, partition, before)]));

    public Task<long> Committed(string group, string topic, int partition)
    {
        using var consumer = Consumer(group);
        var offset = consumer.Committed([new TopicPartition(topic, partition)], Patience).Single().Offset;
        return Task.FromResult(offset == Offset.Unset ? -1 : offset.Value);
    }

    public Task<string[]> Groups() => Task.FromResult(_admin.ListGroups(Patience).Select(group => group.Group).ToArray());

    public Task DeleteGroup(string group) => Refusals(() => _admin.DeleteGroupsAsync([group]));

    public IConsumer<string?, string?> Consumer(string group, Action<ConsumerConfig>? change = null)
    {
        var config = new ConsumerConfig
        {
            BootstrapServers = _bootstrap, GroupId = group, EnableAutoCommit = false, AutoOffsetReset = AutoOffsetReset.Earliest,
            SessionTimeoutMs = 6_000, HeartbeatIntervalMs = 300,
        };
        change?.Invoke(config);
        return new ConsumerBuilder<string?, string?>(config).SetLogHandler(Quiet).SetErrorHandler((_, _) => { }).Build();
    }

    public void Dispose() => _admin.Dispose();

    /// <summary>The broker's refusals, of whatever kind this client makes of them.</summary>
    private static async Task Refusals(Func<Task> request)
    {
        try
        {
            await request();
        }
        catch (KafkaException refused)
        {
            var error = refused switch
            {
                CreateTopicsException each => each.Results[0].Error,
                DeleteTopicsException each => each.Results[0].Error,
                CreatePartitionsException each => each.Results[0].Error,
                DescribeConfigsException each => each.Results[0].Error,
                AlterConfigsException each => each.Results[0].Error,
                DeleteRecordsException each => each.Results[0].Error,
                DeleteGroupsException each => each.Results[0].Error,
                _ => refused.Error,
            };
            throw new RefusedException((int)error.Code, error.Reason);
        }
    }

    private static ConfigResource Resource(string topic) => new() { Type = ResourceType.Topic, Name = topic };

    private static Headers HeadersOf(NewRecord record)
    {
        var headers = new Headers();
        foreach (var (name, value) in record.Headers) headers.Add(name, Encoding.UTF8.GetBytes(value));
        return headers;
    }

    private static ReadRecord Told(ConsumeResult<string?, string?> result) => new(
        result.Partition.Value, result.Offset.Value, result.Message.Timestamp.UnixTimestampMs, result.Message.Key, result.Message.Value,
        result.Message.Headers.ToDictionary(header => header.Key, header => Encoding.UTF8.GetString(header.GetValueBytes())));

    private static void Quiet(IClient client, LogMessage message)
    {
        // What matters comes back as the exception of the call.
    }
}
