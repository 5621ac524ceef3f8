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

    private readonly string _table = TableOf(stream);
    private readonly CreatorCache _creators = new(time);

    private readonly string _columns = "id, member_id, content_post_id, log_date, created_at, updated_at, "
        + (stream == SourceStream.ViewLogs ? "watch_seconds, last_position_seconds, status + 0" : "advertisement_id");

    public static string TableOf(SourceStream stream) => stream == SourceStream.ViewLogs ? "daily_member_view_log" : "ad_view_log";

    /// <returns>The rest of a group of equal times, then what follows it.</returns>
    public Page Read(MySqlConnection connection, SourcePosition after, SourceTime below, int rowsMax)
    {
        // Two ranges of the index, never a row comparison: MariaDB reads the whole range for one.
        var from = settings.Literal(after.UpdatedAt);
        var inGroup = $"updated_at = {from} and id > {after.Id}";
        var group = FindEnds(connection, $"{inGroup} order by id limit {rowsMax}");
        if (group.Rows == rowsMax)
        {
            var end = after with { Id = group.Ids.Last };
            return Fetch(connection, group, [$"{inGroup} and id <= {end.Id}"], end, isLast: false);
        }
        var room = rowsMax - group.Rows;
        var following = FindEnds(connection, $"updated_at > {from} and updated_at < {settings.Literal(below)} order by updated_at, id limit {room}");
        if (following.Rows == 0)
            return Fetch(connection, group, [inGroup], after, isLast: true);

        var found = Ends.Join(group, following);
        var last = settings.Literal(following.Newest);
        if (following.Rows < room)
            return Fetch(connection, found, [inGroup, $"updated_at > {from} and updated_at <= {last}"], after, isLast: true);
        // The page is full. It ends before its last group of equal times, so that no group is cut in two without need …
        if (following.Oldest < following.Newest)
            return Fetch(connection, found, [inGroup, $"updated_at > {from} and updated_at < {last}"], new SourcePosition(following.Newest, 0), isLast: false);
        // … unless that group is all there is: bulk statements give tens of thousands of rows one time.
        var cut = new SourcePosition(following.Newest, following.Ids.Last);
        return Fetch(connection, found, [inGroup, $"updated_at = {last} and id <= {cut.Id}"], cut, isLast: false);
    }

    public Page ReadDay(MySqlConnection connection, BusinessDay day, IdRange ids, SourceTime below, int rowsMax)
    {
        var ofDay = $"log_date = '{day}' and updated_at < {settings.Literal(below)}";
        // The window holds no more ids than the page may hold rows; where it is empty, the next row is looked for.
        var last = Math.Min(ids.Last, checked(ids.First + rowsMax - 1));
        var window = $"from {_table} force index (primary) where id between {ids.First} and {last} and {ofDay}";
        var page = Fetch(connection, rowsMax, window, SourcePosition.Beginning, last == ids.Last, nextId: last + 1);
        if (page.Count > 0 || page.IsLast) return page;
        page.Dispose();
        using var next = new MySqlCommand(
            $"select id from {_table} force index (primary) where id between {last + 1} and {ids.Last} and {ofDay} order by id limit 1", connection);
        return next.ExecuteScalar() is { } id
            ? ReadDay(connection, day, ids with { First = Convert.ToInt64(id, CultureInfo.InvariantCulture) }, below, rowsMax)
            : new Page([], 0, SourcePosition.Beginning, isLast: true, _ => { });
    }

    public Page ReadRow(MySqlConnection connection, long id) =>
        Fetch(connection, rowsFound: 1, $"from {_table} force index (primary) where id = {id}", SourcePosition.Beginning, isLast: true, nextId: 0);

    private Ends FindEnds(MySqlConnection connection, string range)
    {
        using var command = new MySqlCommand(
            "select count(*), min(id), max(id), timestampdiff(microsecond, '1970-01-01', min(updated_at)), timestampdiff(microsecond, '1970-01-01', max(updated_at)) "
            + $"from (select id, updated_at from {_table} force index ({_table}_updated) where {range}) page", connection);
        using var reader = command.ExecuteReader();
        reader.Read();
        var rows = reader.GetInt32(0);
        return rows == 0
            ? default
            : new Ends(rows, new IdRange(reader.GetInt64(1), reader.GetInt64(2)), Time(reader.GetInt64(3)), Time(reader.GetInt64(4)));
    }

    private SourceTime Time(long localMicros) => new(localMicros - settings.OffsetMicros);

    /// <param name="end">The page's end; of the last page no more than where it begins: its last row is its end.</param>
    private Page Fetch(MySqlConnection connection, Ends found, string[] ranges, SourcePosition end, bool isLast)
    {
        if (found.Rows == 0) return new Page([], 0, end, isLast, _ => { });
        var byKey = (Int128)found.Ids.Last - found.Ids.First < (Int128)found.Rows * IdsPerRowMax;
        var from = byKey
            ? $"from {_table} force index (primary) where id between {found.Ids.First} and {found.Ids.Last} and ({string.Join(" or ", ranges.Select(range => $"({range})"))})"
            : string.Join($"; select {_columns} ", ranges.Select(range => $"from {_table} force index ({_table}_updated) where {range}"));
        return Fetch(connection, found.Rows, from, end, isLast, nextId: 0);
    }

    private Page Fetch(MySqlConnection connection, int rowsFound, string from, SourcePosition end, bool isLast, long nextId)
    {
        var rows = ArrayPool<SourceRow>.Shared.Rent(rowsFound);
        try
        {
            var count = 0;
            using (var command = new MySqlCommand($"select {_columns} {from}", connection))
            using (var reader = Prepared(command).ExecuteReader())
            {
                do
                {
                    while (reader.Read())
                    {
                        // More than the index showed a moment ago: a row that committed behind the horizon.
                        if (count == rows.Length) Grow(ref rows, count, checked(count * 2));
                        Take(reader, ref rows[count++]);
                    }
                }
                while (reader.NextResult());
            }
            var read = rows.AsSpan(0, count);
            if (nextId == 0) Sort(read);
            _creators.Fill(connection, read);
            if (isLast && count > 0) end = read[^1].Position;
            return new Page(rows, count, end, isLast, given => ArrayPool<SourceRow>.Shared.Return(given)) { NextId = nextId };
        }
        catch
        {
            ArrayPool<SourceRow>.Shared.Return(rows);
            throw;
        }
    }

    /// <summary>The binary protocol: numbers and times come as such, a quarter less to do for both sides.</summary>
    private static MySqlCommand Prepared(MySqlCommand command)
    {
        command.Prepare();
        return command;
    }

    private void Take(MySqlDataReader reader, ref SourceRow row)
    {
        row = default;
        row.Id = reader.GetInt64(0);
        row.MemberId = reader.GetInt64(1);
        row.ContentId = reader.GetInt64(2);
        row.LogDate = Date(reader.GetDateTime(3));
        row.CreatedAt = Utc(reader.GetDateTime(4));
        row.UpdatedAt = Utc(reader.GetDateTime(5));
        if (stream == SourceStream.AdViews)
        {
            row.AdvertisementId = reader.GetInt64(6);
            return;
        }
        row.WatchSeconds = reader.GetInt32(6);
        row.LastPositionSeconds = reader.GetInt32(7);
        row.Status = reader.GetInt32(8);
    }

    /// <summary>The zero date, which MySQL allows, is 0.</summary>
    private static int Date(DateTime date) => date == default ? 0 : (date.Year * 10_000) + (date.Month * 100) + date.Day;

    private SourceTime Utc(DateTime local) =>
        local == default ? SourceTime.Zero : new SourceTime(((local.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond) - settings.OffsetMicros);

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
