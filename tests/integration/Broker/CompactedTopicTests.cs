using System.Text;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Sink;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>The topic of the cursors, to which ingest writes a record per page.</summary>
public sealed class CompactedTopicTests(Servers servers) : BrokerTest(servers)
{
    [Fact]
    public async Task The_cursors_do_not_grow_with_the_pages_and_the_newest_of_each_is_read()
    {
        const int Pages = 20_000;
        var topics = new Topics("");
        var spec = topics.All(1).Single(topic => topic.Name == topics.IngestCursors);
        await CreateTopic(spec.Name, spec.Partitions, new(spec.Configs));
        using (var producer = Producer())
        {
            for (var i = 0; i < Pages; i++) producer.Produce(spec.Name, new() { Key = StreamOf(i).Name(), Value = Encoding.UTF8.GetString(ControlJson.Serialize(Cursor(i))) });
            producer.Flush(Token);
        }

        await Until(() => ReadAll(spec.Name).Count < Pages / 2);

        await Restart(kill: true);
        var cursors = CursorTopic.Read(Broker.Bootstrap, topics);
        foreach (var newest in (int[])[Pages - 2, Pages - 1]) Assert.Equal(Cursor(newest), cursors.CursorOf(StreamOf(newest)));
        Assert.Equal(Pages - 1, ReadAll(spec.Name)[^1].Offset.Value);
    }

    private static SourceStream StreamOf(int page) => SourceStreams.All[page % 2];

    private static StreamCursor Cursor(int page) => new(page, page, new string('c', 200), page, 1, BusinessDay.Of(2026, 11, 21));
}
