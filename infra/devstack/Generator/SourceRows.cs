using System.Text;

namespace StreamSettlement.DevStack.Generator;

/// <summary>A table as the generator writes it.</summary>
internal sealed record SourceTable(string Name, IReadOnlyList<string> Columns)
{
    public static readonly SourceTable Member = new("member", ["id", "nickname"]);
    public static readonly SourceTable Content = new("content_post", ["id", "creator_id", "title", "duration_seconds"]);
    public static readonly SourceTable Advertisement = new("advertisement", ["id", "title", "advertiser"]);
    public static readonly SourceTable ViewLog =
        new("daily_member_view_log", ["id", "member_id", "content_post_id", "log_date", "watch_seconds", "last_position_seconds", "status"]);
    public static readonly SourceTable AdView = new("ad_view_log", ["id", "member_id", "content_post_id", "advertisement_id", "log_date"]);

    /// <summary>One INSERT of the rows <paramref name="firstId"/> and following.</summary>
    public StringBuilder Insert(AppendRow append, long firstId, int count)
    {
        var sql = new StringBuilder(128 + (count * 80)).Append("insert into ").Append(Name).Append(" (").AppendJoin(',', Columns).Append(") values ");
        for (var row = 0; row < count; row++)
        {
            if (row > 0) sql.Append(',');
            append(sql, RowFormat.Sql, firstId + row);
        }
        return sql;
    }
}

/// <summary>How the fields of a row are written: as a line for LOAD DATA, or as a row of an INSERT. No value holds a quote or a tab.</summary>
internal sealed record RowFormat(string Open, string Between, string Close)
{
    /// <summary>A row under way: <c>format.Row(text, id).Field(…).Field(…).End()</c>.</summary>
    public Writer Row(StringBuilder text, long id) => new(this, text.Append(Open).Append(id));

    internal readonly ref struct Writer(RowFormat format, StringBuilder text)
    {
        public Writer Field(long value)
        {
            text.Append(format.Between).Append(value);
            return this;
        }

        public Writer Field(string value)
        {
            text.Append(format.Between).Append(value);
            return this;
        }

        public void End() => text.Append(format.Close);
    }

    public static readonly RowFormat Line = new("", "\t", "\n");
    public static readonly RowFormat Sql = new("('", "','", "')");
}

/// <summary>Appends the row with an id.</summary>
internal delegate void AppendRow(StringBuilder text, RowFormat format, long id);

/// <summary>Every row as a pure function of the settings and its id.</summary>
internal sealed class SourceRows(GeneratorSettings settings)
{
    /// <summary>Behind an INSERT of view logs: those that are there already get their last state.</summary>
    public const string OrLastState =
        " on duplicate key update watch_seconds = values(watch_seconds), last_position_seconds = values(last_position_seconds), status = values(status)";

    private readonly Popularity popularity = new(settings.Contents, settings.Seed);
    private readonly string[] dates = [.. Enumerable.Range(0, settings.Days).Select(back => settings.Day.AddDays(back - settings.Days + 1).ToString())];

    public int Members => checked(settings.Creators + settings.Viewers);

    public void AppendMember(StringBuilder text, RowFormat format, long id) =>
        format.Row(text, id).Field($"{(id <= settings.Creators ? "creator" : "viewer")} {id}").End();

    public void AppendContent(StringBuilder text, RowFormat format, long id)
    {
        var random = new RowRandom(settings.Seed, RowKind.Content, id);
        format.Row(text, id).Field(1 + random.Next(settings.Creators)).Field($"content {id}").Field(Duration(id)).End();
    }

    public static void AppendAdvertisement(StringBuilder text, RowFormat format, long id) =>
        format.Row(text, id).Field($"advertisement {id}").Field($"advertiser {1 + (id % 50)}").End();

    /// <summary>The log in its last state: about 80 % COMPLETED, the rest PAUSED or IN_PROGRESS.</summary>
    public void AppendViewLog(StringBuilder text, RowFormat format, long id)
    {
        var log = ViewLog(id);
        format.Row(text, id).Field(log.Member).Field(log.Content).Field(log.Date).Field(log.WatchSeconds).Field(log.Position).Field(log.Status).End();
    }

    /// <summary>The same log as it begins: IN_PROGRESS, nothing watched yet.</summary>
    public void AppendBegunViewLog(StringBuilder text, RowFormat format, long id)
    {
        var log = ViewLog(id);
        format.Row(text, id).Field(log.Member).Field(log.Content).Field(log.Date).Field(0).Field(0).Field("IN_PROGRESS").End();
    }

    /// <summary>Whether the log's last state is COMPLETED: those count.</summary>
    public bool IsCompleted(long id) => ViewLog(id).Status == "COMPLETED";

    public void AppendAdView(StringBuilder text, RowFormat format, long id)
    {
        var random = new RowRandom(settings.Seed, RowKind.AdView, id);
        var content = popularity.Draw(ref random);
        format.Row(text, id).Field(Viewer(ref random)).Field(content).Field(1 + random.Next(settings.Advertisements)).Field(dates[random.Next(dates.Length)]).End();
    }

    /// <returns>One of the viewers and creators: creators watch too.</returns>
    private int Viewer(ref RowRandom random) => 1 + random.Next(Members);

    private (int Member, int Content, string Date, int WatchSeconds, int Position, string Status) ViewLog(long id)
    {
        var random = new RowRandom(settings.Seed, RowKind.ViewLog, id);
        var content = popularity.Draw(ref random);
        var duration = Duration(content);
        var member = Viewer(ref random);
        var date = dates[random.Next(dates.Length)];
        var position = 1 + random.Next(duration);
        // Whoever rewinds watches longer than the position he stops at.
        var watched = position + random.Next(1 + (position / 4));
        var status = random.Next(10) switch { < 8 => "COMPLETED", 8 => "PAUSED", _ => "IN_PROGRESS" };
        return (member, content, date, watched, position, status);
    }

    private int Duration(long content)
    {
        var random = new RowRandom(settings.Seed, RowKind.Content, -content);
        return 30 + random.Next(3_570);
    }
}
