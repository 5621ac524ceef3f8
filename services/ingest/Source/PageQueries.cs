using System.Buffers;
using System.Globalization;
using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.Ingest.Source;

/// <summary>
/// Reads pages of one stream on one connection. A page takes two steps. The first looks only at the index (updated_at, id) and finds
/// where the page ends. The second fetches the rows: where the page's ids lie close together, as they do in a backlog, by primary key,
/// which costs MySQL a third of following the index row by row; otherwise by the index.
/// </summary>
internal sealed class PageQueries(SourceStream stream, MySqlSettings settings, TimeProvider time)
{
    /// <summary>By primary key while at least every third row of the id range belongs to the page.</summary>
    private const int IdsPerRowMax = 3;

    private const string InGroup = "updated_at = @from and id > @after";

    private readonly string _table = TableOf(stream);
    private readonly CreatorCache _creators = new(time);

    // A date as a number is the date's digits, also of one that is none: 20260231.
    private readonly string _columns = "id, member_id, content_post_id, log_date + 0, created_at, updated_at, "
        + (stream == SourceStream.ViewLogs ? "watch_seconds, last_position_seconds, cast(status as unsigned)" : "advertisement_id");

    public static string TableOf(SourceStream stream) => stream == SourceStream.ViewLogs ? "daily_member_view_log" : "ad_view_log";

    /// <returns>The rest of a group of equal times, then what follows it.</returns>
    /// <exception cref="SourceRefusedException">A row holds what can't be read; the message names it.</exception>
    public async Task<Page> ReadAsync(MySqlConnection connection, SourcePosition after, SourceTime below, int rowsMax, CancellationToken cancel)
    {
        // Two ranges of the index, never a row comparison: MariaDB reads the whole range for one.
        var from = settings.Literal(after.UpdatedAt);
        var group = await FindEndsAsync(connection, $"updated_at = {from} and id > {after.Id} order by id limit {rowsMax}", cancel);
        var bounds = new Bounds(after, group.Newest, 0);
        if (group.Rows == rowsMax)
        {
            var end = after with { Id = group.Ids.Last };
            return await FetchAsync(connection, group, [$"{InGroup} and id <= @end"], bounds with { End = end.Id }, end, isLast: false, cancel);
        }
        var room = rowsMax - group.Rows;
        var following = await FindEndsAsync(connection, $"updated_at > {from} and updated_at < {settings.Literal(below)} order by updated_at, id limit {room}", cancel);
        if (following.Rows == 0)
            return await FetchAsync(connection, group, [InGroup], bounds, after, isLast: true, cancel);

        var found = Ends.Join(group, following);
        bounds = bounds with { Last = following.Newest };
        if (following.Rows < room)
            return await FetchAsync(connection, found, [InGroup, "updated_at > @from and updated_at <= @last"], bounds, after, isLast: true, cancel);
        // The page is full. It ends before its last group of equal times, so that no group is cut in two without need …
        if (following.Oldest < following.Newest)
        {
            return await FetchAsync(connection, found, [InGroup, "updated_at > @from and updated_at < @last"], bounds,
                new SourcePosition(following.Newest, 0), isLast: false, cancel);
        }
        // … unless that group is all there is: bulk statements give tens of thousands of rows one time.
        var cut = new SourcePosition(following.Newest, following.Ids.Last);
        return await FetchAsync(connection, found, [InGroup, "updated_at = @last and id <= @end"], bounds with { End = cut.Id }, cut, isLast: false, cancel);
    }

    /// <exception cref="SourceRefusedException">A row holds what can't be read; the message names it.</exception>
    public async Task<Page> ReadDayAsync(MySqlConnection connection, BusinessDay day, IdRange ids, SourceTime below, int rowsMax, CancellationToken cancel)
    {
        var ofDay = $"log_date = '{day}' and updated_at < {settings.Literal(below)}";
        while (true)
        {
            // The window holds no more ids than the page may hold rows; where it is empty, the next row is looked for.
            var last = Math.Min(ids.Last, checked(ids.First + rowsMax - 1));
            var window = $"from {_table} force index (primary) where id between @first and @end and {ofDay}";
            var page = await FetchAsync(connection, rowsMax, window, [("@first", ids.First), ("@end", last)], SourcePosition.Beginning, last == ids.Last, last + 1, cancel);
            if (page.Count > 0 || page.IsLast) return page;
            page.Dispose();
            await using var next = new MySqlCommand(
                $"select id from {_table} force index (primary) where id between {last + 1} and {ids.Last} and {ofDay} order by id limit 1", connection);
            if (await next.ExecuteScalarAsync(cancel) is not { } id) return new Page([], 0, SourcePosition.Beginning, isLast: true, _ => { });
            ids = ids with { First = Convert.ToInt64(id, CultureInfo.InvariantCulture) };
        }
    }

    /// <exception cref="SourceRefusedException">The row holds what can't be read; the message names it.</exception>
    public Task<Page> ReadRowAsync(MySqlConnection connection, long id, CancellationToken cancel) => FetchAsync(
        connection, rowsFound: 1, $"from {_table} force index (primary) where id = @end", [("@end", id)], SourcePosition.Beginning, isLast: true, nextId: 0, cancel);

    private async Task<Ends> FindEndsAsync(MySqlConnection connection, string range, CancellationToken cancel)
    {
        (int Rows, ulong First, ulong Last, MySqlDateTime Oldest, MySqlDateTime Newest) found;
        var page = $"from (select id, updated_at from {_table} force index ({_table}_updated) where {range}) page";
        await using (var command = new MySqlCommand($"select count(*), min(id), max(id), min(updated_at), max(updated_at) {page}", connection))
        await using (var reader = await command.ExecuteReaderAsync(cancel))
        {
            await reader.ReadAsync(cancel);
            if (reader.GetInt32(0) == 0) return default;
            found = (reader.GetInt32(0), reader.GetUInt64(1), reader.GetUInt64(2), reader.GetMySqlDateTime(3), reader.GetMySqlDateTime(4));
        }
        var ids = new IdRange(SourceValue.Id(found.First, _table, found.First, "id"), SourceValue.Id(found.Last, _table, found.Last, "id"));
        return new Ends(found.Rows, ids, await TimeAsync(connection, page, found.Oldest, cancel), await TimeAsync(connection, page, found.Newest, cancel));
    }

    /// <exception cref="SourceRefusedException">It has no place in the stream's order: a day, month or year is 0 or does not exist.</exception>
    private async Task<SourceTime> TimeAsync(MySqlConnection connection, string page, MySqlDateTime updatedAt, CancellationToken cancel)
    {
        var row = 0UL;
        if (!SourceValue.IsDate(updatedAt))
        {
            // Compared as text: as a time MySQL takes no such literal.
            await using var command = new MySqlCommand($"select min(id) {page} where cast(updated_at as char) = '{SourceValue.Text(updatedAt)}'", connection);
            row = Convert.ToUInt64(await command.ExecuteScalarAsync(cancel), CultureInfo.InvariantCulture);
        }
        return new SourceTime(SourceValue.Micros(updatedAt, _table, row, "updated_at") - settings.OffsetMicros);
    }

    /// <param name="end">The page's end; of the last page no more than where it begins: its last row is its end.</param>
    private Task<Page> FetchAsync(
        MySqlConnection connection, Ends found, string[] ranges, Bounds bounds, SourcePosition end, bool isLast, CancellationToken cancel)
    {
        if (found.Rows == 0) return Task.FromResult(new Page([], 0, end, isLast, _ => { }));
        var byKey = (Int128)found.Ids.Last - found.Ids.First < (Int128)found.Rows * IdsPerRowMax;
        var from = byKey
            ? $"from {_table} force index (primary) where id between @first and @highest and ({string.Join(" or ", ranges.Select(range => $"({range})"))})"
            : string.Join($"; select {_columns} ", ranges.Select(range => $"from {_table} force index ({_table}_updated) where {range}"));
        (string, object)[] parameters =
        [
            ("@first", found.Ids.First), ("@highest", found.Ids.Last), ("@from", settings.Local(bounds.After.UpdatedAt)), ("@after", bounds.After.Id),
            ("@last", settings.Local(bounds.Last)), ("@end", bounds.End),
        ];
        return FetchAsync(connection, found.Rows, from, parameters, end, isLast, nextId: 0, cancel);
    }

    /// <remarks>
    /// Prepared, and so in the binary protocol: numbers and times come as such, a quarter less to do for both sides. The connection keeps what it has
    /// prepared until it is closed: the texts are few, whatever changes from page to page is a parameter.
    /// </remarks>
    private async Task<Page> FetchAsync(
        MySqlConnection connection, int rowsFound, string from, (string Name, object Value)[] parameters, SourcePosition end, bool isLast, long nextId,
        CancellationToken cancel)
    {
        var rows = ArrayPool<SourceRow>.Shared.Rent(rowsFound);
        try
        {
            var count = 0;
            await using (var command = new MySqlCommand($"select {_columns} {from}", connection))
            {
                foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
                await command.PrepareAsync(cancel);
                await using var reader = await command.ExecuteReaderAsync(cancel);
                do
                {
                    while (await reader.ReadAsync(cancel))
                    {
                        // More than the index showed a moment ago: a row that committed behind the horizon.
                        if (count == rows.Length) Grow(ref rows, count, checked(count * 2));
                        Take(reader, ref rows[count++]);
                    }
                }
                while (await reader.NextResultAsync(cancel));
            }
            if (nextId == 0) Sort(rows.AsSpan(0, count));
            await _creators.FillAsync(connection, rows, count, cancel);
            if (isLast && count > 0) end = rows[count - 1].Position;
            return new Page(rows, count, end, isLast, given => ArrayPool<SourceRow>.Shared.Return(given)) { NextId = nextId };
        }
        catch
        {
            ArrayPool<SourceRow>.Shared.Return(rows);
            throw;
        }
    }

    private void Take(MySqlDataReader reader, ref SourceRow row)
    {
        row = default;
        var id = reader.GetUInt64(0);
        row.Id = SourceValue.Id(id, _table, id, "id");
        row.MemberId = SourceValue.Id(reader.GetUInt64(1), _table, id, "member_id");
        row.ContentId = SourceValue.Id(reader.GetUInt64(2), _table, id, "content_post_id");
        row.LogDate = reader.GetInt32(3);
        row.CreatedAt = Utc(reader.GetMySqlDateTime(4), id, "created_at");
        row.UpdatedAt = Utc(reader.GetMySqlDateTime(5), id, "updated_at");
        if (stream == SourceStream.AdViews)
        {
            row.AdvertisementId = SourceValue.Id(reader.GetUInt64(6), _table, id, "advertisement_id");
            return;
        }
        row.WatchSeconds = reader.GetInt32(6);
        row.LastPositionSeconds = reader.GetInt32(7);
        row.Status = reader.GetInt32(8);
    }

    /// <summary>The zero date, which MySQL allows, is the epoch.</summary>
    private SourceTime Utc(MySqlDateTime local, ulong row, string column) => SourceValue.IsZero(local)
        ? SourceTime.Zero
        : new SourceTime(SourceValue.Micros(local, _table, row, column) - settings.OffsetMicros);

    private static void Grow(ref SourceRow[] rows, int count, int needed)
    {
        var larger = ArrayPool<SourceRow>.Shared.Rent(needed);
        rows.AsSpan(0, count).CopyTo(larger);
        ArrayPool<SourceRow>.Shared.Return(rows);
        rows = larger;
    }

    /// <summary>Fetched by primary key they are in the order of ids, which in a backlog is nearly always that of the times, too.</summary>
    private static void Sort(Span<SourceRow> rows)
    {
        for (var i = 1; i < rows.Length; i++)
        {
            if (rows[i - 1].Position < rows[i].Position) continue;
            rows.Sort((left, right) => left.Position.CompareTo(right.Position));
            return;
        }
    }

    /// <summary>What the ranges of a page are bounded by.</summary>
    private readonly record struct Bounds(SourcePosition After, SourceTime Last, long End);

    /// <summary>What a range of the index holds.</summary>
    private readonly record struct Ends(int Rows, IdRange Ids, SourceTime Oldest, SourceTime Newest)
    {
        public static Ends Join(Ends group, Ends following) => group.Rows == 0
            ? following
            : new Ends(
                group.Rows + following.Rows,
                new IdRange(Math.Min(group.Ids.First, following.Ids.First), Math.Max(group.Ids.Last, following.Ids.Last)),
                group.Oldest,
                following.Newest);
    }
}
