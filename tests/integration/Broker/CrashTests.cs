using System.Collections.Concurrent;
using System.Globalization;
using Confluent.Kafka;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>kill -9 at any moment.</summary>
public sealed class CrashTests(Servers servers) : BrokerTest(servers)
{
    [Fact]
    public async Task Every_acknowledged_record_is_there_exactly_once_in_order_after_kills_while_producing()
    {
        const int Partitions = 3;
        const int Kills = 4;
        await CreateTopic("t", Partitions, new() { ["segment.bytes"] = "200000" });
        var acknowledged = new ConcurrentDictionary<(int Partition, long Offset), string>();
        var failures = new ConcurrentQueue<Error>();
        var next = 0;
        using (var producer = Producer(config =>
        {
            config.LingerMs = 1;
            config.BatchNumMessages = 500;
            config.RetryBackoffMs = 20;
            config.ReconnectBackoffMs = 20;
            config.ReconnectBackoffMaxMs = 200;
        }))
        {
            using var enough = new CancellationTokenSource();
            var producing = Task.Factory.StartNew(
                () =>
                {
                    for (; !enough.IsCancellationRequested; next++)
                    {
                        var message = new Message<string?, string> { Value = next.ToString(CultureInfo.InvariantCulture) };
                        while (!TryProduce(producer, new TopicPartition("t", next % Partitions), message)) producer.Poll(TimeSpan.FromMilliseconds(10));
                    }
                },
                Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            for (var kill = 1; kill <= Kills; kill++)
            {
                var target = kill * 5_000;
                while (acknowledged.Count < target) await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
                await Restart(kill: true);
            }
            await enough.CancelAsync();
            await producing;
            producer.Flush(Token);
        }

        Assert.Empty(failures);
        Assert.Equal(next, acknowledged.Count);
        for (var partition = 0; partition < Partitions; partition++)
        {
            var read = ReadAll("t", partition);
            // Each once and in the order of producing: 0, 3, 6, … in partition 0; 1, 4, 7, … in partition 1.
            Assert.Equal(
                Enumerable.Range(0, next).Where(number => number % Partitions == partition),
                read.Select(record => int.Parse(record.Message.Value, CultureInfo.InvariantCulture)));
            Assert.All(read, record => Assert.Equal(record.Message.Value, acknowledged[(partition, record.Offset.Value)]));
        }

        bool TryProduce(IProducer<string?, string> producer, TopicPartition target, Message<string?, string> message)
        {
            try
            {
                producer.Produce(target, message, report =>
                {
                    if (report.Error.IsError) failures.Enqueue(report.Error);
                    else acknowledged[(report.Partition.Value, report.Offset.Value)] = report.Message.Value;
                });
                return true;
            }
            catch (ProduceException<string?, string> full) when (full.Error.Code == ErrorCode.Local_QueueFull)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task Topics_records_and_offsets_survive_an_orderly_stop()
    {
        await CreateTopic("t", 1);
        using (var producer = Producer()) await producer.ProduceAsync("t", new() { Value = "v" }, Token);
        using (var consumer = Consumer("g")) consumer.Commit([new TopicPartitionOffset("t", 0, 1)]);

        await Restart(kill: false);

        Assert.Equal("v", Assert.Single(ReadAll("t")).Message.Value);
        using var again = Consumer("g");
        Assert.Equal(1, again.Committed([new TopicPartition("t", 0)], TimeSpan.FromSeconds(10)).Single().Offset.Value);
        Assert.DoesNotContain("torn", await File.ReadAllTextAsync(Broker.Process.LogFile, Token), StringComparison.Ordinal);
    }
}
