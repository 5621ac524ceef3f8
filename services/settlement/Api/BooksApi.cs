using System.Text.Json;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;
using StreamSettlement.Settlement.Source;

namespace StreamSettlement.Settlement.Api;

internal sealed record StatementLine(BusinessDay Day, string Kind, long Contents, long Units, Micros AmountMicros);

/// <param name="BalanceMicros">What the creator is owed over all days.</param>
/// <param name="TotalMicros">Sum of the lines shown.</param>
internal sealed record StatementView(long CreatorId, Micros BalanceMicros, Micros TotalMicros, IReadOnlyList<StatementLine> Lines);

internal sealed record TierView(long FromUnits, Micros PriceMicros);

internal sealed record RateView(int Id, string Kind, string Currency, BusinessDay EffectiveFrom, IReadOnlyList<TierView> Tiers);

/// <param name="Day">The day whose closing caused the entry.</param>
/// <param name="AmountMicros">What creators were credited, net.</param>
internal sealed record EntryView(
    long Id, long RunId, BusinessDay Day, int Attempt, string Kind, string Currency, DateTimeOffset PostedAt, long Lines, Micros AmountMicros)
{
    public static EntryView Of(EntryRow row) => new(
        row.EntryId, row.RunId, row.Day, row.Attempt, row.Kind.Name(), row.Currency, row.PostedAt, row.Lines, row.Amount);
}

/// <param name="AmountMicros">Positive: owed to the creator; negative: expense.</param>
internal sealed record PostingView(string Account, long? CreatorId, Micros AmountMicros);

/// <param name="PostingCount">How many there are; <paramref name="Postings"/> holds the expense, then the largest, up to the limit.</param>
internal sealed record EntryDetailView(EntryView Entry, long PostingCount, IReadOnlyList<PostingView> Postings, JsonElement Manifest);

internal sealed record AccountView(string Account, long Accounts, long Postings, Micros AmountMicros);

/// <param name="SumMicros">Always 0.</param>
internal sealed record TrialBalanceView(IReadOnlyList<AccountView> Accounts, Micros SumMicros);

/// <summary>Statements, rate cards and the ledger.</summary>
internal static class BooksApi
{
    private const int EntriesDefault = 100;
    private const int EntriesMax = 1_000;
    private const int PostingsDefault = 1_000;
    private const int PostingsMax = 100_000;

    public static void Map(WebApplication app)
    {
        app.MapGet("/creators/{id}/statement", StatementAsync).WithTags("books").WithSummary("What a creator earned per day and kind, and is owed")
            .Produces<StatementView>().ProducesProblem(400).ProducesProblem(404).ProducesProblem(503);
        app.MapGet("/rates", RatesAsync).WithTags("books").WithSummary("Rate cards with their tiers")
            .Produces<IReadOnlyList<RateView>>().ProducesProblem(503);
        var ledger = app.MapGroup("/ledger").WithTags("books");
        ledger.MapGet("/entries", EntriesAsync).WithSummary("Ledger entries, newest first; before= continues after the last one seen")
            .Produces<IReadOnlyList<EntryView>>().ProducesProblem(400).ProducesProblem(503);
        ledger.MapGet("/entries/{id}", EntryAsync).WithSummary("One entry with its postings and the manifest of its run")
            .Produces<EntryDetailView>().ProducesProblem(400).ProducesProblem(404).ProducesProblem(503);
        ledger.MapGet("/balance", BalanceAsync).WithSummary("Trial balance: expense against what is owed to creators")
            .Produces<TrialBalanceView>().ProducesProblem(503);
    }

    private static async Task<IResult> StatementAsync(string id, string? from, string? to, LedgerQuery query, CancellationToken cancel)
    {
        var asked = new Asked();
        var creator = new CreatorId(asked.Id("id", id));
        var (first, last) = asked.Days(from, to);
        if (asked.Problem is { } problem) return problem;
        if (await query.StatementAsync(creator, first, last, cancel) is not var (balance, rows))
            return Problems.NotFound($"creator {creator} has no payouts in the books");
        return Results.Ok(new StatementView(
            creator.Value, balance, rows.Aggregate(Micros.Zero, (sum, row) => sum + row.Amount),
            [.. rows.Select(row => new StatementLine(row.Day, row.Kind.Name(), row.Contents, row.Units, row.Amount))]));
    }

    private static async Task<IResult> RatesAsync(NpgsqlDataSource postgres, CancellationToken cancel)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        var cards = await RunReader.CardsAsync(connection, cancel);
        return Results.Ok(cards.All.Select(card => new RateView(
            card.Id, card.Kind.Name(), card.Currency, card.EffectiveFrom, [.. card.Tiers.Select(tier => new TierView(tier.FromUnits, tier.Price))])));
    }

    private static async Task<IResult> EntriesAsync(string? day, string? before, string? limit, LedgerQuery query, CancellationToken cancel)
    {
        var asked = new Asked();
        BusinessDay? of = day is null ? null : asked.Day("day", day);
        var last = before is null ? long.MaxValue : asked.Id("before", before);
        var most = asked.Limit(limit, EntriesDefault, EntriesMax);
        return asked.Problem ?? Results.Ok((await query.EntriesAsync(of, last, most, cancel)).Select(EntryView.Of));
    }

    private static async Task<IResult> EntryAsync(string id, string? limit, LedgerQuery query, CancellationToken cancel)
    {
        var asked = new Asked();
        var entryId = asked.Id("id", id);
        var most = asked.Limit(limit, PostingsDefault, PostingsMax);
        if (asked.Problem is { } problem) return problem;
        if (await query.EntryAsync(entryId, most, cancel) is not { } page) return Problems.NotFound($"the ledger has no entry {entryId}");
        return Results.Ok(new EntryDetailView(
            EntryView.Of(page.Entry), page.Postings,
            [.. page.Largest.Select(row => new PostingView(row.Account, row.Creator, row.Amount))], page.Manifest));
    }

    private static async Task<IResult> BalanceAsync(LedgerQuery query, CancellationToken cancel)
    {
        var rows = await query.BalanceAsync(cancel);
        return Results.Ok(new TrialBalanceView(
            [.. rows.Select(row => new AccountView(row.Account, row.Accounts, row.Postings, row.Amount))],
            rows.Aggregate(Micros.Zero, (sum, row) => sum + row.Amount)));
    }
}
