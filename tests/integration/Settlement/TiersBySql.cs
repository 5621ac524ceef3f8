namespace StreamSettlement.IntegrationTests.Settlement;

/// <summary>
/// The default card's amounts in plain SQL, by another way than the program's: every cell is an interval of units, every tier too,
/// and the amount is the length of their intersections times the price. Prices stand here as literals.
/// </summary>
internal static class TiersBySql
{
    /// <summary>Cells of all days: log_date, content_id, creator_id, kind, units, amount_micros.</summary>
    public const string Expected = """
        with tier (kind, begins, ends, price) as (values
          ('view', 0::numeric, 100000::numeric, 1000000::numeric), ('view', 100000, 500000, 1100000), ('view', 500000, 1000000, 1300000), ('view', 1000000, 1e18, 1500000),
          ('ad', 0, 100000, 10000000), ('ad', 100000, 500000, 12000000), ('ad', 500000, 1000000, 15000000), ('ad', 1000000, 1e18, 20000000)
        ), cell as (
          select log_date, content_id, creator_id, 'view' as kind, views::numeric as units from rollup.content_daily
          union all
          select log_date, content_id, creator_id, 'ad', sum(ad_views)::numeric from rollup.ad_daily group by log_date, content_id, creator_id
        ), range as (
          select *, sum(units) over (partition by kind, content_id order by log_date, creator_id) as ends from cell
        )
        select log_date, content_id, creator_id, range.kind, units::bigint as units,
          sum(greatest(least(range.ends, tier.ends) - greatest(range.ends - units, tier.begins), 0) * price)::bigint as amount_micros
        from range join tier on tier.kind = range.kind
        group by log_date, content_id, creator_id, range.kind, units
        """;

    /// <summary>Rows of settlement.payout and of <see cref="Expected"/> for posted days that the other does not have; 0 when the books are right.</summary>
    public static string Differences => $"""
        with expected as ({Expected}),
        posted as (select expected.* from expected join settlement.day using (log_date) where posted_at is not null and units > 0)
        select count(*) from (
          (select log_date, content_id, creator_id, kind, units, amount_micros from settlement.payout
           except all select log_date, content_id, creator_id, kind, units, amount_micros from posted)
          union all
          (select log_date, content_id, creator_id, kind, units, amount_micros from posted
           except all select log_date, content_id, creator_id, kind, units, amount_micros from settlement.payout)
        ) difference
        """;
}
