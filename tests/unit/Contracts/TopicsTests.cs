using StreamSettlement.Contracts;

namespace StreamSettlement.UnitTests.Contracts;

public class TopicsTests
{
    /// <summary>The most that Kafka takes.</summary>
    private const int NameCharsMax = 249;

    [Fact]
    public void Without_a_prefix_all_names_are_as_pinned() => Assert.Equal(
        [
            "view-logs.v1", "ad-views.v1", "view-logs.v1.dlq", "ad-views.v1.dlq", "ingest-cursors.v1", "settlement.commands.v1", "settlement.events.v1",
            "aggregator-g1", "ingest-control", "aggregator-control", "settlement-control", "ingest",
        ],
        Names(new Topics("")));

    [Theory]
    [InlineData("team-b.")]
    [InlineData("A_1-")]
    public void A_prefix_stands_before_every_name(string prefix) =>
        Assert.Equal(Names(new Topics("")).Select(name => prefix + name), Names(new Topics(prefix)));

    [Fact]
    public void The_longest_prefix_leaves_room_for_every_name()
    {
        var longest = new string('p', Topics.PrefixCharsMax);
        Assert.All(Names(new Topics(longest)), name => Assert.InRange(name.Length, 1, NameCharsMax));
        Assert.False(Topics.IsPrefix(longest + "p"));
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("a/")]
    [InlineData("a:")]
    [InlineData("a'")]
    [InlineData("é")]
    [InlineData("٣")]
    [InlineData("a\n")]
    public void What_kafka_does_not_take_is_refused(string prefix)
    {
        Assert.False(Topics.IsPrefix(prefix));
        Assert.Contains("at most 200 of the characters", Assert.Throws<ArgumentException>(() => new Topics(prefix)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stream_is_known_by_the_topic_of_its_own_deployment_alone()
    {
        var (own, other) = (new Topics("a."), new Topics("b."));
        Assert.All(SourceStreams.All, stream => Assert.Equal(stream, own.StreamOf(own.Of(stream))));
        Assert.All(SourceStreams.All, stream => Assert.Equal(own.Of(stream) + ".dlq", own.DeadLettersOf(stream)));
        Assert.Throws<ArgumentException>(() => own.StreamOf(other.ViewLogs));
        Assert.Throws<ArgumentException>(() => own.StreamOf(own.ViewLogsDeadLetters));
    }

    [Fact]
    public void No_two_prefixes_lead_to_the_same_name()
    {
        // That takes a name that ends with another name.
        var topics = new Topics("").All(1).Select(topic => topic.Name).ToList();
        string[] groups = [.. Names(new Topics("")).Except(topics).Where(name => name != "ingest")];
        foreach (var names in (IReadOnlyList<string>[])[topics, groups])
            Assert.All(names, name => Assert.DoesNotContain(names, other => other != name && other.EndsWith(name, StringComparison.Ordinal)));
    }

    private static IEnumerable<string> Names(Topics topics) =>
    [
        .. topics.All(1).Select(topic => topic.Name), topics.LiveGroup,
        topics.ControlGroup("ingest"), topics.ControlGroup("aggregator"), topics.ControlGroup("settlement"), topics.WithPrefix("ingest"),
    ];
}
