using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.Settlement.Source;

/// <summary>What a run needs beside the cells: covered days, cards, and where the rollups stood, for its manifest.</summary>
internal static class RunReader
{
    private static readonly string ProgramVersion =
        typeof(RunReader).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    public static async Task<RunPlan> PlanAsync(NpgsqlConnection connection, BusinessDay day, CancellationToken cancel)
    {
        var covered = new HashSet<BusinessDay> { day };
        await using (var posted = connection.Command("select log_date from settlement.day_state where posted_at is not null"))
        await using (var reader = await posted.ExecuteReaderAsync(cancel))
        {
            while (await reader.ReadAsync(cancel)) covered.Add(reader.GetDay(0));
        }
        var cards = await CardsAsync(connection, cancel);
        var marks = (await InputsAsync(connection, covered.Max(), cancel)).ToDictionary(inputs => inputs.Day, inputs => inputs.Mark(cards, covered.Contains(inputs.Day)));
        var settled = new Dictionary<BusinessDay, string>();
        await using (var known = connection.Command("select log_date, mark from settlement.settled_day"))
        await using (var reader = await known.ExecuteReaderAsync(cancel))
        {
            while (await reader.ReadAsync(cancel)) settled.Add(reader.GetDay(0), reader.GetString(1));
        }
        await using var next = connection.Command("select nextval(pg_get_serial_sequence('settlement.run', 'id'))");
        return new RunPlan((long)(await next.ExecuteScalarAsync(cancel))!, day, covered, cards, marks, settled);
    }

    /// <summary>Some rows per day and partition; the cells are not touched.</summary>
    private static async Task<List<DayInputs>> InputsAsync(NpgsqlConnection connection, BusinessDay upTo, CancellationToken cancel)
    {
        await using var command = connection.Command("""
            select day.log_date, 'generation ' || day.generation
              || coalesce(string_agg(format(', %s %s %s %s', stream, rows, id_sum, watch_seconds), '' order by stream), '')
            from rollup.day_generation day
            left join (
              select generation, log_date, stream, sum(rows) as rows, sum(id_sum) as id_sum, sum(watch_seconds) as watch_seconds
              from rollup.partition_day group by generation, log_date, stream
            ) total on total.generation = day.generation and total.log_date = day.log_date
            where day.log_date <= $1
            group by day.log_date, day.generation
            """, upTo.Date);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var inputs = new List<DayInputs>();
        while (await reader.ReadAsync(cancel)) inputs.Add(new DayInputs(reader.GetDay(0), reader.GetString(1)));
        return inputs;
    }

    /// <exception cref="ArgumentException">A card in the table is malformed; the message says which and how.</exception>
    public static async Task<RateCards> CardsAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = connection.Command("""
            select id, kind, currency, effective_from,
              array(select from_units from settlement.rate_tier where card_id = id order by from_units),
              array(select price_micros from settlement.rate_tier where card_id = id order by from_units)
            from settlement.rate_card order by id
            """);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var cards = new List<RateCard>();
        while (await reader.ReadAsync(cancel))
        {
            var tiers = reader.GetFieldValue<long[]>(4).Zip(reader.GetFieldValue<long[]>(5), (from, price) => new Tier(from, new Micros(price)));
            cards.Add(new RateCard(reader.GetInt32(0), PriceKinds.Parse(reader.GetString(1)), reader.GetString(2), reader.GetDay(3), [.. tiers]));
        }
        return new RateCards(cards);
    }

    /// <returns>JSON: day, attempt, what was accepted, generations of the covered days, offsets per stream and partition, rule, cards, program, entries.</returns>
    public static async Task<string> ManifestAsync(
        NpgsqlConnection connection, RunPlan plan, int attempt, Acceptance? accepted, IReadOnlyDictionary<PriceKind, EntryManifest> entries,
        CancellationToken cancel)
    {
        await using var command = connection.Command("""
            select jsonb_build_object(
              'generations', (
                select coalesce(jsonb_agg(jsonb_build_object('generation', generation, 'from', first, 'to', last, 'days', days) order by generation), '[]')
                from (
                  select generation, min(log_date) as first, max(log_date) as last, count(*) as days
                  from rollup.day_generation where log_date = any($1) group by generation
                ) covered),
              'offsets', (
                select coalesce(jsonb_object_agg(generation::text, streams), '{}')
                from (
                  select generation, jsonb_object_agg(stream, partitions) as streams
                  from (
                    select generation, stream, jsonb_object_agg(partition::text, next_offset) as partitions
                    from rollup.progress group by generation, stream
                  ) stream group by generation
                ) generation),
              'eligibilityRule', (select max(version) from rollup.eligibility_rule)
            )::text
            """, plan.Covered.Select(day => day.Date).ToArray());
        var manifest = JsonNode.Parse((string)(await command.ExecuteScalarAsync(cancel))!)!.AsObject();
        manifest["day"] = plan.Day.ToString();
        manifest["attempt"] = attempt;
        if (accepted is not null) manifest["accepted"] = JsonSerializer.SerializeToNode(accepted, ControlJson.Options);
        manifest["program"] = ProgramVersion;
        manifest["currency"] = plan.Cards.Currency;
        manifest["entries"] = new JsonObject(entries.Select(entry => KeyValuePair.Create(entry.Key.Name(), (JsonNode?)new JsonObject
        {
            ["entry"] = entry.Value.EntryId,
            ["lines"] = entry.Value.Lines,
            ["units"] = entry.Value.Units,
            ["amountMicros"] = entry.Value.AmountMicros,
            ["cards"] = new JsonArray([.. entry.Value.Cards.Select(card => (JsonNode?)card)]),
        })));
        return manifest.ToJsonString();
    }
}
