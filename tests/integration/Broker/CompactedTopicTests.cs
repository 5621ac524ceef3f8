using System.Globalization;
using System.Text;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Sink;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>The topic of the cursors, to which ingest writes a record per page.</summary>
public sealed class CompactedTopicTests(Servers servers) : BrokerTest(servers)
{
    [Fact]
    public async Task The_cursors_do_not_grow_with_the_pages_and_the_newest_of_each_is_read()
    {
        const int Pages = 20_000;
        var spec = Topics.All(1).Single(topic => topic.Name == Topics.IngestCursors);
        await CreateTopic(spec.Name, spec.Partitions, new(spec.Configs));
        using (var producer = Producer())
        {
            for (var i = 0; i < Pages; i++) producer.Produce(spec.Name, new() { Key = $"stream {i % 2}", Value = $"{i} {new string('c', 200)}" });
            producer.Flush(Token);
        }

        await Until(() => ReadAll(spec.Name).Count < Pages / 2);

        await Restart(kill: true);
        var cursors = CursorTopic.Read(Broker.Bootstrap);
        Assert.Equal(
            [("stream 0", Pages - 2), ("stream 1", Pages - 1)],
            cursors.OrderBy(each => each.Key, StringComparer.Ordinal).Select(each => (each.Key, int.Parse(Encoding.UTF8.GetString(each.Value).Split(' ')[0], CultureInfo.InvariantCulture))));
        Assert.Equal(Pages - 1, ReadAll(spec.Name)[^1].Offset.Value);
    }
}
