using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest.Core;

/// <summary>
/// A row as the protobuf value of contracts/Protos, written by hand: the generated class costs three times as much for each of
/// millions of rows. A test holds the two to the same bytes.
/// </summary>
internal static class RowEncoder
{
    /// <summary>Two tags and lengths, eleven fields of a tag and at most ten bytes each.</summary>
    public const int ValueBytesMax = 128;

    private const byte ViewLogTag = (1 << 3) | 2;
    private const byte AdViewTag = (2 << 3) | 2;
    private const byte Bounded = ValueBytesMax >= 3 + (11 * 11) ? 0 : -1;

    /// <returns>Bytes written to <paramref name="value"/>, which holds at least <see cref="ValueBytesMax"/>.</returns>
    public static int Encode(SourceStream stream, in SourceRow row, int sourceEpoch, Span<byte> value)
    {
        // The message is at most 121 bytes: its length takes one byte, so the body can be written in place.
        var writer = new Writer(value[2..]);
        if (stream == SourceStream.ViewLogs)
        {
            value[0] = ViewLogTag;
            writer.Field(1, row.Id);
            writer.Field(2, sourceEpoch);
            writer.Field(3, row.MemberId);
            writer.Field(4, row.ContentId);
            writer.Field(5, row.CreatorId);
            writer.Field(6, row.LogDate);
            writer.Field(7, row.WatchSeconds);
            writer.Field(8, row.LastPositionSeconds);
            writer.Field(9, row.Status);
            writer.Field(10, row.CreatedAt.Micros);
            writer.Field(11, row.UpdatedAt.Micros);
        }
        else
        {
            value[0] = AdViewTag;
            writer.Field(1, row.Id);
            writer.Field(2, sourceEpoch);
            writer.Field(3, row.MemberId);
            writer.Field(4, row.ContentId);
            writer.Field(5, row.CreatorId);
            writer.Field(6, row.AdvertisementId);
            writer.Field(7, row.LogDate);
            writer.Field(8, row.CreatedAt.Micros);
            writer.Field(9, row.UpdatedAt.Micros);
        }
        value[1] = (byte)writer.Length;
        return writer.Length + 2;
    }

    private ref struct Writer(Span<byte> target)
    {
        private readonly Span<byte> _target = target;

        public int Length { get; private set; }

        /// <summary>proto3: a field with the default value is left out. Negative int32 are sign-extended to ten bytes.</summary>
        public void Field(int number, long value)
        {
            if (value == 0) return;
            _target[Length++] = (byte)(number << 3);
            var rest = unchecked((ulong)value);
            while (rest >= 0x80)
            {
                _target[Length++] = (byte)((rest & 0x7f) | 0x80);
                rest >>= 7;
            }
            _target[Length++] = (byte)rest;
        }
    }
}
