using System.Globalization;
using StreamSettlement.Cli.Api;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Cli.Chaos;

/// <summary>Rows stream, faults happen, all settles, and what came of it is compared with the source.</summary>
internal sealed class ChaosRun(LocalStack stack, ChaosSettings settings, Terminal terminal, TimeProvider time)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <exception cref="DevStackException">A server did not come back, or something else that no fault explains.</exception>
    public async Task<ChaosReport> RunAsync(CancellationToken token)
    {
        using var source = new ChaosSource(stack.Source, settings.Rows, settings.RowsPerSecond, time);
        await source.FillMastersAsync(token);
        await stack.StartServicesAsync(terminal.Line, token);
        return await ChaosDisplay.RunAsync(terminal, time, display => RunAsync(source, display, token));
    }

    private async Task<ChaosReport> RunAsync(ChaosSource source, ChaosDisplay display, CancellationToken token)
    {
        using var topics = new ChaosTopics(stack.Bootstrap, stack.Topics, settings.Seed, time);
        using var client = new SettlementApi(stack.Settlement!.Address);
        var api = new PatientApi(client, time);
        using var faults = new ChaosFaults(stack, source, topics, api, settings.Days, display, time);
        var settling = new ChaosSettling(stack, source, topics, api, settings.Days, display, time);

        await DisturbAsync(source, faults, display, token);
        display.Say("no more faults: everything is started, all rows are committed");
        await settling.RecoverAsync(token);
        display.Say("all processes are ready: days are ended");
        var deadLetters = await settling.DeadLettersAsync(token);
        display.Say("dead letters compared: the missing contents are created, rows redriven, bytes discarded");
        var posted = await settling.PostAsync(token);
        display.Say(posted ? "every day is posted" : "not every day is posted");
        return new ChaosReport(
            settings, await RowsAsync(source, topics, token), faults.Survived, faults.Ended, faults.Takeover, posted,
            [.. deadLetters, .. await settling.BooksAsync(token)], display.Elapsed);
    }

    private async Task DisturbAsync(ChaosSource source, ChaosFaults faults, ChaosDisplay display, CancellationToken token)
    {
        // Servers that run already are others': they are left alone.
        string[] servers = [.. stack.OwnServers.Select(server => server.Process.Name)];
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(token);
        var streaming = source.RunAsync(failed.Token);
        var disturbing = faults.RunAsync(ChaosPlan.Of(settings.Seed, settings.Duration, ChaosSettings.Session, servers, stack.Kafka?.Process.Name), failed.Token);
        var looking = LookAsync(source, faults, display, failed.Token);
        try
        {
            // Streaming ends only by a mistake of its own: the others are not worth waiting for then.
            await foreach (var first in Task.WhenEach(streaming, disturbing))
            {
                await first;
                if (disturbing.IsCompleted) break;
            }
            if (settings.Duration - display.Elapsed is { Ticks: > 0 } rest) await Task.Delay(rest, time, token);
            await source.EndAsync(streaming, token);
        }
        finally
        {
            await failed.CancelAsync();
            await Task.WhenAll(streaming, disturbing, looking).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task LookAsync(ChaosSource source, ChaosFaults faults, ChaosDisplay display, CancellationToken token)
    {
        var counted = 0L;
        for (; ; await Task.Delay(LookEvery, time, token))
        {
            try
            {
                counted = await NumberAsync("select coalesce(sum(rows), 0) from rollup.partition_day", token);
            }
            catch (Exception e) when (PostgresDatabase.IsAway(e))
            {
                // PostgreSQL is away: the last number stands.
            }
            display.Status($"{source.Written:N0} rows written, {counted:N0} counted, {faults.Survived.Values.Sum()} faults");
        }
    }

    private async Task<ChaosRows> RowsAsync(ChaosSource source, ChaosTopics topics, CancellationToken token) => new(
        source.Written, source.LateCommits, source.LateRollbacks, source.PoisonRows, topics.Undecodable.Count, topics.Resent,
        await NumberAsync("select coalesce(sum(next_offset), 0) from rollup.progress", token),
        await NumberAsync("select coalesce(sum(views), 0) from rollup.content_daily", token),
        await NumberAsync("select coalesce(sum(ad_views), 0) from rollup.ad_daily", token),
        await NumberAsync("select (select coalesce(sum(late_views), 0) from rollup.content_day) + (select coalesce(sum(late_ad_views), 0) from rollup.ad_content_day)", token),
        await NumberAsync("select count(distinct run_id) from settlement.entry", token),
        await NumberAsync("select coalesce(sum(amount_micros), 0) from settlement.payout", token));

    private async Task<long> NumberAsync(string sql, CancellationToken token) =>
        Convert.ToInt64(await stack.Rollup.ScalarAsync(sql, token), CultureInfo.InvariantCulture);
}
