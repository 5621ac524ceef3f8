using Google.Protobuf;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;

namespace StreamSettlement.Ingest.Core;

/// <summary>Rows of one stream as values of contracts/Protos. One message is filled again for every row; not for two threads at once.</summary>
internal sealed class RowEncoder
{
    /// <summary>Two tags and lengths, eleven fields of a tag and at most ten bytes each.</summary>
    public const int ValueBytesMax = 128;

    private const byte Bounded = ValueBytesMax >= 3 + (11 * 11) ? 0 : -1;

    private readonly SourceStream _stream;
    private readonly SourceRecord _record;

    public RowEncoder(SourceStream stream, int sourceEpoch)
    {
        _stream = stream;
        _record = stream == SourceStream.ViewLogs
            ? new SourceRecord { ViewLog = new ViewLog { SourceEpoch = sourceEpoch } }
            : new SourceRecord { AdView = new AdView { SourceEpoch = sourceEpoch } };
    }

    /// <returns>Bytes written to <paramref name="value"/>, which holds at least <see cref="ValueBytesMax"/>.</returns>
    public int Encode(in SourceRow row, Span<byte> value)
    {
        if (_stream == SourceStream.ViewLogs) Fill(_record.ViewLog, row);
        else Fill(_record.AdView, row);
        var bytes = _record.CalculateSize();
        _record.WriteTo(value[..bytes]);
        return bytes;
    }

    private static void Fill(ViewLog view, in SourceRow row)
    {
        view.Id = row.Id;
        view.MemberId = row.MemberId;
        view.ContentId = row.ContentId;
        view.CreatorId = row.CreatorId;
        view.LogDate = row.LogDate;
        view.WatchSeconds = row.WatchSeconds;
        view.LastPositionSeconds = row.LastPositionSeconds;
        view.Status = (ViewStatus)row.Status;
        view.CreatedAt = row.CreatedAt.Micros;
        view.UpdatedAt = row.UpdatedAt.Micros;
    }

    private static void Fill(AdView ad, in SourceRow row)
    {
        ad.Id = row.Id;
        ad.MemberId = row.MemberId;
        ad.ContentId = row.ContentId;
        ad.CreatorId = row.CreatorId;
        ad.AdvertisementId = row.AdvertisementId;
        ad.LogDate = row.LogDate;
        ad.CreatedAt = row.CreatedAt.Micros;
        ad.UpdatedAt = row.UpdatedAt.Micros;
    }
}
