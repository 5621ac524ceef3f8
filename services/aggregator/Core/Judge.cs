using System.Buffers.Text;
using Google.Protobuf;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using DayMarker = StreamSettlement.Contracts.V1.DayMarker;

namespace StreamSettlement.Aggregator.Core;

/// <summary>
/// Decodes a record and says what it is. Only what would count can be poison: a row that is not COMPLETED is passed over
/// unless it can't be read at all.
/// </summary>
internal static class Judge
{
    private static readonly long LastMicro = SourceTime.FromUtc(DateTime.MaxValue).Micros;

    /// <param name="partitions">Partitions of the topic.</param>
    /// <param name="latestDay">The last <c>log_date</c> that is not in the future.</param>
    /// <param name="topics">For the name of the topic in what a poison record says.</param>
    public static Verdict Of(LogPartition at, int partitions, in RawRecord raw, BusinessDay latestDay, Topics topics)
    {
        var value = raw.Value;
        if (!raw.HasValue) return Undecodable("the record has no value");
        if (value.Length > Limits.RecordValueBytesMax) return Undecodable($"the value has {value.Length} bytes, the limit is {Limits.RecordValueBytesMax}");
        SourceRecord record;
        try
        {
            record = SourceRecord.Parser.ParseFrom(value);
        }
        catch (InvalidProtocolBufferException malformed)
        {
            return Undecodable($"the value is no SourceRecord: {malformed.Message}");
        }
        return record.RecordCase switch
        {
            SourceRecord.RecordOneofCase.ViewLog => OfView(record.ViewLog, at, partitions, raw, latestDay, topics),
            SourceRecord.RecordOneofCase.AdView => OfAd(record.AdView, at, partitions, raw, latestDay, topics),
            SourceRecord.RecordOneofCase.DayMarker => OfMarker(record.DayMarker, at, topics),
            _ => Undecodable("the value holds neither a view log, nor an ad view, nor a day marker"),
        };
    }

    private static Verdict OfView(ViewLog row, LogPartition at, int partitions, in RawRecord raw, BusinessDay latestDay, Topics topics)
    {
        if (row.Status is ViewStatus.InProgress or ViewStatus.Paused) return Verdict.Unfinished;
        var id = new Identity(row.LogDate, row.Id, row.SourceEpoch);
        if (at.Stream != SourceStream.ViewLogs) return id.Poison(PoisonReason.WrongStream, $"a view log in {topics.Of(at.Stream)}");
        if (row.Status != ViewStatus.Completed) return id.Poison(PoisonReason.UnknownStatus, $"status {(int)row.Status}");
        var refused = OfKey(id, row.ContentId, at, partitions, raw)
            ?? OfNumbers(id, row.ContentId, row.CreatorId, row.UpdatedAt)
            ?? OfSeconds(id, row.WatchSeconds)
            ?? OfDay(id, latestDay)
            ?? OfCreator(id, row.ContentId, row.CreatorId);
        if (refused is { } poison) return poison;
        return Verdict.Of(new Fact(
            row.Id, row.SourceEpoch, BusinessDay.FromNumber(row.LogDate), new ContentId(row.ContentId), new CreatorId(row.CreatorId), default,
            row.WatchSeconds, new SourceTime(row.UpdatedAt)));
    }

    private static Verdict OfAd(AdView row, LogPartition at, int partitions, in RawRecord raw, BusinessDay latestDay, Topics topics)
    {
        var id = new Identity(row.LogDate, row.Id, row.SourceEpoch);
        if (at.Stream != SourceStream.AdViews) return id.Poison(PoisonReason.WrongStream, $"an ad view in {topics.Of(at.Stream)}");
        var refused = OfKey(id, row.ContentId, at, partitions, raw)
            ?? OfNumbers(id, row.ContentId, row.CreatorId, row.UpdatedAt)
            ?? OfAdvertisement(id, row.AdvertisementId)
            ?? OfDay(id, latestDay)
            ?? OfCreator(id, row.ContentId, row.CreatorId);
        if (refused is { } poison) return poison;
        return Verdict.Of(new Fact(
            row.Id, row.SourceEpoch, BusinessDay.FromNumber(row.LogDate), new ContentId(row.ContentId), new CreatorId(row.CreatorId),
            new AdvertisementId(row.AdvertisementId), 0, new SourceTime(row.UpdatedAt)));
    }

    private static Verdict OfMarker(DayMarker marker, LogPartition at, Topics topics)
    {
        var hasDay = BusinessDay.TryFromNumber(marker.LogDate, out var day);
        BusinessDay? known = hasDay ? day : null;
        if (marker.Stream != at.Stream.Name())
        {
            return Verdict.Of(new Poison(PoisonReason.WrongStream, $"a marker of {Named(marker.Stream)} in {topics.Of(at.Stream)}", known));
        }
        // Seconds may be negative: the source's sum holds the absurd values of rows that are dead letters themselves.
        if (!hasDay || marker.Attempt < 1 || marker.Rows < 0 || !IsTime(marker.Cutoff) || !IsTime(marker.Horizon))
        {
            return Verdict.Of(new Poison(
                PoisonReason.BadMarker,
                $"a marker of log_date {marker.LogDate}, attempt {marker.Attempt}, {marker.Rows} rows, {marker.WatchSeconds} seconds, "
                    + $"cutoff {marker.Cutoff}, horizon {marker.Horizon}", known));
        }
        return Verdict.Of(new Marker(
            day, marker.Attempt, new SourceTime(marker.Cutoff), new SourceTime(marker.Horizon), new Totals(marker.Rows, marker.IdSum, marker.WatchSeconds)));
    }

    private static Verdict? OfKey(Identity id, long content, LogPartition at, int partitions, in RawRecord raw)
    {
        if (!raw.HasKey) return id.Poison(PoisonReason.KeyMismatch, $"no key, expected '{content}'");
        var belongs = Partitioner.PartitionOf(raw.Key, partitions);
        if (belongs != at.Partition) return id.Poison(PoisonReason.WrongPartition, $"the key belongs to partition {belongs} of {partitions}");
        Span<byte> expected = stackalloc byte[20];
        Utf8Formatter.TryFormat(content, expected, out var length);
        return raw.Key.SequenceEqual(expected[..length])
            ? null
            : id.Poison(PoisonReason.KeyMismatch, $"the key is not the content id '{content}'");
    }

    private static Verdict? OfNumbers(Identity id, long content, long creator, long updatedAt)
    {
        if (id.RowId < 1) return id.Poison(PoisonReason.BadValue, $"row id {id.RowId}");
        if (id.SourceEpoch < 0) return id.Poison(PoisonReason.BadValue, $"source epoch {id.SourceEpoch}");
        if (content < 1) return id.Poison(PoisonReason.BadValue, $"content id {content}");
        if (creator < 0) return id.Poison(PoisonReason.BadValue, $"creator id {creator}");
        return IsTime(updatedAt) ? null : id.Poison(PoisonReason.BadValue, $"updated_at {updatedAt}");
    }

    private static Verdict? OfSeconds(Identity id, int seconds) =>
        seconds is >= 0 and <= Limits.WatchSecondsMax ? null : id.Poison(PoisonReason.BadValue, $"watch_seconds {seconds}");

    private static Verdict? OfAdvertisement(Identity id, long advertisement) =>
        advertisement >= 1 ? null : id.Poison(PoisonReason.BadValue, $"advertisement id {advertisement}");

    private static Verdict? OfDay(Identity id, BusinessDay latestDay)
    {
        if (!BusinessDay.TryFromNumber(id.LogDate, out var day)) return id.Poison(PoisonReason.BadLogDate, $"log_date {id.LogDate}");
        return day > latestDay ? id.Poison(PoisonReason.FutureLogDate, $"log_date {day} is after {latestDay}") : null;
    }

    private static Verdict? OfCreator(Identity id, long content, long creator) =>
        creator == 0 ? id.Poison(PoisonReason.UnknownContent, $"the source has no content {content}") : null;

    /// <summary>Whether it lies between 1970 and 9999, as every time of the source does.</summary>
    private static bool IsTime(long micros) => micros >= 0 && micros <= LastMicro;

    /// <summary>Bytes of strangers, for people: a NUL would be refused by PostgreSQL.</summary>
    private static string Named(string stream) =>
        SourceStreams.TryParse(stream, out var known) ? $"'{known.Name()}'" : "a stream that does not exist";

    private static Verdict Undecodable(string detail) => Verdict.Of(new Poison(PoisonReason.Undecodable, detail));

    private readonly record struct Identity(int LogDate, long RowId, int SourceEpoch)
    {
        public Verdict Poison(PoisonReason reason, string detail) => Verdict.Of(new Poison(
            reason, detail, BusinessDay.TryFromNumber(LogDate, out var day) ? day : null, RowId, SourceEpoch));
    }
}
