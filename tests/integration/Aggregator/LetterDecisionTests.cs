using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using StreamSettlement.Hosting;

namespace StreamSettlement.IntegrationTests.Aggregator;

/// <summary>What redriving and discarding do to letters, seals and the log; ingest is not there.</summary>
public sealed class LetterDecisionTests(Servers servers)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_discarded_row_stands_in_every_seal_from_then_on_and_opens_no_letter_again()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.StartAggregatorAsync();
        var bad = Without(TestRows.View(1, seconds: 40));
        log.Produce(bad);
        log.Produce(TestRows.View(2, seconds: 2));
        log.Produce(TestRows.Marker(SourceStream.ViewLogs));
        await log.CaughtUpAsync();
        Assert.Equal("1 2 2", await SealedAsync(log, attempt: 1));

        await DiscardAsync(log, "unknown-content");
        log.Produce(bad);
        log.Produce(TestRows.Marker(SourceStream.ViewLogs, attempt: 2));
        await log.CaughtUpAsync();
        Assert.Equal("2 3 42", await SealedAsync(log, attempt: 2));
        Assert.Equal(1, await log.CountAsync("select count(*) from rollup.dead_letter"));
        Assert.Equal(1, await log.CountAsync("select count(*) from rollup.dead_letter where state = 'discarded' and decided_by = 'alice' and decided_reason = 'a test row'"));
        Assert.Equal(1, await log.CountAsync("select sum(views) from rollup.content_day"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // by the next owner, who finds the letter in the table
    public async Task A_discarded_row_that_is_corrected_is_counted_and_stands_in_its_seal_once(bool anotherOwner)
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        var aggregator = await log.StartAggregatorAsync("before");
        log.Produce(Without(TestRows.View(1, seconds: 40)));
        await log.CaughtUpAsync();
        await DiscardAsync(log, "unknown-content");
        if (anotherOwner)
        {
            await aggregator.DisposeAsync();
            await log.StartAggregatorAsync("after");
        }
        // As a repair does: rows and marker at once, in one chunk.
        log.Produce(TestRows.View(1, seconds: 40));
        log.Produce(TestRows.Marker(SourceStream.ViewLogs));
        await log.CaughtUpAsync();
        Assert.Equal("1 1 40", await SealedAsync(log, attempt: 1));
        Assert.Equal(1, await log.CountAsync("select views from rollup.content_day"));
        Assert.Equal(1, await log.CountAsync(
            "select count(*) from rollup.dead_letter where state = 'redriven' and not owed and decided_reason like '%alice had discarded it%'"));
    }

    [Fact]
    public async Task A_copy_that_is_discarded_adds_nothing_to_the_row_itself()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.StartAggregatorAsync();
        var row = TestRows.View(1, seconds: 40);
        log.Produce(row);
        // Made by hand: in a wrong partition, and without a creator behind the row that was counted.
        log.Produce(log.Topics.ViewLogs, (log.PartitionOf(7) + 1) % log.Partitions, "7"u8.ToArray(), LogUnderTest.Bytes(new SourceRecord { ViewLog = row }));
        log.Produce(Without(row));
        await log.CaughtUpAsync();
        await DiscardAsync(log, "wrong-partition");
        await DiscardAsync(log, "unknown-content");
        log.Produce(TestRows.Marker(SourceStream.ViewLogs));
        await log.CaughtUpAsync();
        Assert.Equal("1 1 40", await SealedAsync(log, attempt: 1));
    }

    [Fact]
    public async Task Two_letters_of_one_row_are_owed_once()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.StartAggregatorAsync();
        var absurd = TestRows.View(1, seconds: 40);
        absurd.CreatorId = -1;
        log.Produce(Without(TestRows.View(1, seconds: 40)));
        log.Produce(absurd);
        await log.CaughtUpAsync();
        await DiscardAsync(log, "unknown-content");
        await DiscardAsync(log, "bad-value");
        log.Produce(TestRows.Marker(SourceStream.ViewLogs));
        await log.CaughtUpAsync();
        Assert.Equal("1 1 40", await SealedAsync(log, attempt: 1));
    }

    [Theory]
    [InlineData("")]
    [InlineData("team-b.")]
    public async Task Bytes_that_are_no_row_are_sent_again_and_if_they_are_still_bad_they_are_a_new_letter(string topicPrefix)
    {
        await using var log = await LogUnderTest.StartAsync(servers, topicPrefix: topicPrefix);
        await log.StartAggregatorAsync();
        log.Produce(log.Topics.ViewLogs, 2, "key"u8.ToArray(), "hello"u8.ToArray());
        await log.CaughtUpAsync();
        var id = await log.CountAsync("select id from rollup.dead_letter");
        await SendAsync(log, CommandKind.RedriveDeadLetter, id);
        await UntilAsync(log, "select count(*) = 1 from rollup.dead_letter where state = 'open' and kafka_offset = 1 and partition = 2 and value = 'hello'::bytea and key = 'key'::bytea");
        Assert.Equal(id, await log.CountAsync("select id from rollup.dead_letter where state = 'redriven' and decided_by = 'alice'"));
        // Twice changes nothing more.
        await SendAsync(log, CommandKind.RedriveDeadLetter, id);
        Assert.Contains($"dead letter {id} was redriven by alice", (await EventAsync(log, EventKind.CommandRefused)).Detail, StringComparison.Ordinal);
        Assert.Equal(2, await log.CountAsync("select count(*) from rollup.dead_letter"));
    }

    [Fact]
    public async Task A_redrive_that_no_broker_takes_is_refused_and_does_not_keep_the_next_command()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.StartAggregatorAsync();
        log.Produce(log.Topics.ViewLogs, 2, "key"u8.ToArray(), "hello"u8.ToArray());
        await log.CaughtUpAsync();
        // As a producer with higher limits may have sent it.
        await log.Postgres.ExecuteAsync("update rollup.dead_letter set value = convert_to(repeat('x', 2000000), 'UTF8')", Token);
        var id = await log.CountAsync("select id from rollup.dead_letter");
        await SendAsync(log, CommandKind.RedriveDeadLetter, id);
        Assert.Contains("can't be carried out", (await EventAsync(log, EventKind.CommandRefused)).Detail, StringComparison.Ordinal);
        await SendAsync(log, CommandKind.DiscardDeadLetter, id);
        await UntilAsync(log, "select state = 'discarded' from rollup.dead_letter");
    }

    [Fact]
    public async Task A_row_is_asked_of_ingest_and_its_letter_is_closed_so_that_it_may_become_one_again()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.StartAggregatorAsync();
        var bad = Without(TestRows.View(5));
        log.Produce(bad);
        await log.CaughtUpAsync();
        var id = await log.CountAsync("select id from rollup.dead_letter");
        await SendAsync(log, CommandKind.RedriveDeadLetter, id);
        await UntilAsync(log, "select state = 'redriven' from rollup.dead_letter");
        ControlCommand? asked = null;
        await LogUnderTest.UntilAsync(
            () => Task.FromResult((asked = Commands(log).Find(command => command.Kind == CommandKind.PublishRow)) is not null), () => Task.FromResult("ingest was not asked"));
        Assert.Equal(new ControlCommand(CommandKind.PublishRow, TestRows.Day, "alice", $"dead letter {id}", Stream: SourceStream.ViewLogs, Row: 5), asked);
        // What ingest then publishes is still bad.
        log.Produce(bad);
        await log.CaughtUpAsync();
        Assert.Equal(1, await log.CountAsync("select count(*) from rollup.dead_letter where state = 'open'"));
    }

    [Fact]
    public async Task A_row_of_the_other_stream_with_the_same_id_settles_nothing()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.StartAggregatorAsync();
        log.Produce(log.Topics.ViewLogs, log.PartitionOf(7), "7"u8.ToArray(), LogUnderTest.Bytes(new SourceRecord { AdView = TestRows.Ad(5) }));
        await log.CaughtUpAsync();
        log.Produce(TestRows.View(5));
        await log.CaughtUpAsync();
        Assert.Equal(1, await log.CountAsync("select count(*) from rollup.dead_letter where state = 'open' and reason = 'wrong-stream'"));
    }

    private static ViewLog Without(ViewLog row)
    {
        var bad = row.Clone();
        bad.CreatorId = 0;
        return bad;
    }

    private static async Task DiscardAsync(LogUnderTest log, string reason)
    {
        await SendAsync(log, CommandKind.DiscardDeadLetter, await log.CountAsync($"select id from rollup.dead_letter where reason = '{reason}'"));
        await UntilAsync(log, $"select state = 'discarded' from rollup.dead_letter where reason = '{reason}'");
    }

    private static async Task SendAsync(LogUnderTest log, CommandKind kind, long letter)
    {
        using var producer = new ControlProducer(log.Broker.Bootstrap, log.Topics, "test", TimeProvider.System);
        await producer.SendAsync(new ControlCommand(kind, TestRows.Day, "alice", "a test row", Letter: letter), Token);
    }

    /// <returns>Rows, sum of ids and seconds of the views' seals of an attempt.</returns>
    private static async Task<string?> SealedAsync(LogUnderTest log, int attempt) => (string?)await log.Postgres.ScalarAsync(
        $"select sum(own_rows) || ' ' || sum(own_id_sum) || ' ' || sum(own_watch_seconds) from rollup.seal where attempt = {attempt}", Token);

    private static Task UntilAsync(LogUnderTest log, string sql) =>
        LogUnderTest.UntilAsync(async () => await log.Postgres.ScalarAsync(sql, Token) is true, () => Task.FromResult($"never: {sql}"));

    private static List<ControlCommand> Commands(LogUnderTest log) => [.. log.Read(log.Topics.Commands).Select(record => ControlJson.Deserialize<ControlCommand>(record.Value))];

    private static async Task<ControlEvent> EventAsync(LogUnderTest log, EventKind kind)
    {
        ControlEvent? found = null;
        await LogUnderTest.UntilAsync(
            () => Task.FromResult((found = log.Read(log.Topics.Events).Select(record => ControlJson.Deserialize<ControlEvent>(record.Value)).FirstOrDefault(happened => happened.Kind == kind)) is not null),
            () => Task.FromResult($"no event {kind}"));
        return found!;
    }
}
