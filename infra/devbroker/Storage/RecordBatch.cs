namespace StreamSettlement.DevBroker.Storage;

/// <summary>
/// The header of a record batch (magic 2). The checksum covers everything from the attributes on, so that base offset
/// and leader epoch can be set by the broker without touching it.
/// </summary>
internal readonly record struct RecordBatch(
    long BaseOffset, int Size, short Attributes, int LastOffsetDelta, long BaseTimestamp, long MaxTimestamp,
    long ProducerId, short ProducerEpoch, int BaseSequence, int Count)
{
    /// <summary>Bytes before the first record.</summary>
    public const int HeaderBytes = 61;

    /// <summary>Bytes of base offset and length, which the length field does not count.</summary>
    public const int PrefixBytes = 12;

    /// <summary>No topic takes larger batches: a stored length above it is damage.</summary>
    public const int SizeMax = 16 << 20;

    public const long NoProducer = -1;
    private const byte Magic = 2;
    private const int CompressionMask = 0x07;
    private const int CompressionMax = 4;
    private const int TransactionalFlag = 0x10;
    private const int ControlFlag = 0x20;
    private const int LengthAt = 8;
    private const int LeaderEpochAt = 12;
    private const int MagicAt = 16;
    private const int CrcAt = 17;
    private const int AttributesAt = 21;
    private const int MaxTimestampAt = 35;
    private const int CountAt = 57;

    public long LastOffset => BaseOffset + LastOffsetDelta;

    /// <summary>0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.</summary>
    public int Compression => Attributes & CompressionMask;

    public bool HasProducer => ProducerId != NoProducer;

    /// <summary>The sequence of the last record; sequences go on at 0 after the largest int.</summary>
    /// <remarks>Not by the number of records: compaction takes some away.</remarks>
    public int LastSequence => unchecked((int)(((long)BaseSequence + LastOffsetDelta) & int.MaxValue));

    /// <summary>Reads a header without judging it.</summary>
    /// <param name="bytes">At least <see cref="HeaderBytes"/> bytes.</param>
    public static RecordBatch Parse(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadInt64BigEndian(bytes),
        unchecked(BinaryPrimitives.ReadInt32BigEndian(bytes[LengthAt..]) + PrefixBytes),
        BinaryPrimitives.ReadInt16BigEndian(bytes[AttributesAt..]),
        BinaryPrimitives.ReadInt32BigEndian(bytes[23..]),
        BinaryPrimitives.ReadInt64BigEndian(bytes[27..]),
        BinaryPrimitives.ReadInt64BigEndian(bytes[MaxTimestampAt..]),
        BinaryPrimitives.ReadInt64BigEndian(bytes[43..]),
        BinaryPrimitives.ReadInt16BigEndian(bytes[51..]),
        BinaryPrimitives.ReadInt32BigEndian(bytes[53..]),
        BinaryPrimitives.ReadInt32BigEndian(bytes[CountAt..]));

    /// <summary>Reads the next batch of a file into a buffer, which grows as needed.</summary>
    /// <returns>False when no whole, undamaged batch is there.</returns>
    public static bool TryRead(Stream file, ref byte[] buffer, out RecordBatch batch)
    {
        batch = default;
        if (file.ReadAtLeast(buffer.AsSpan(0, HeaderBytes), HeaderBytes, throwOnEndOfStream: false) < HeaderBytes) return false;
        batch = Parse(buffer);
        var left = batch.Size - HeaderBytes;
        if (left < 0 || batch.Size > SizeMax || left > file.Length - file.Position) return false;
        if (buffer.Length < batch.Size) Array.Resize(ref buffer, batch.Size);
        file.ReadExactly(buffer, HeaderBytes, left);
        return IsIntact(buffer.AsSpan(0, batch.Size));
    }

    /// <summary>Judges a batch that a producer sent; it must be the whole of <paramref name="bytes"/>.</summary>
    /// <returns>In this order: too short, another format, not exactly one batch, damaged, impossible numbers,
    /// unknown compression, transactional.</returns>
    public static ErrorCode Validate(ReadOnlySpan<byte> bytes, int sizeMax, out RecordBatch batch, out string? reason)
    {
        batch = default;
        if (bytes.Length < HeaderBytes)
            return Refuse(ErrorCode.CorruptMessage, $"{bytes.Length} bytes are no record batch", out reason);
        if (bytes[MagicAt] != Magic)
            return Refuse(ErrorCode.UnsupportedVersion, $"record format {bytes[MagicAt]}: only magic 2 is taken", out reason);
        batch = Parse(bytes);
        if (batch.Size != bytes.Length)
            return Refuse(ErrorCode.InvalidRecord, "a partition takes exactly one record batch per request", out reason);
        if (batch.Size > sizeMax)
            return Refuse(ErrorCode.MessageTooLarge, $"a batch of {batch.Size} bytes; at most {sizeMax} are taken", out reason);
        if (!IsIntact(bytes))
            return Refuse(ErrorCode.CorruptMessage, "the batch's checksum does not match", out reason);
        if (batch.Count < 1 || batch.LastOffsetDelta != batch.Count - 1)
            return Refuse(ErrorCode.InvalidRecord, $"{batch.Count} records with offsets 0..{batch.LastOffsetDelta}", out reason);
        if (batch.HasProducer && (batch.ProducerId < 0 || batch.ProducerEpoch < 0 || batch.BaseSequence < 0))
            return Refuse(ErrorCode.InvalidRecord, "a producer id needs an epoch and a sequence", out reason);
        if (batch.Compression > CompressionMax)
            return Refuse(ErrorCode.UnsupportedCompressionType, $"compression {batch.Compression} is unknown", out reason);
        if ((batch.Attributes & (TransactionalFlag | ControlFlag)) != 0)
            return Refuse(ErrorCode.InvalidRecord, "transactions are not supported by this broker", out reason);
        reason = null;
        return ErrorCode.None;
    }

    /// <summary>Whether a stored batch's magic and checksum are right.</summary>
    public static bool IsIntact(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= HeaderBytes && bytes[MagicAt] == Magic
        && BinaryPrimitives.ReadUInt32BigEndian(bytes[CrcAt..]) == Crc32C.Compute(bytes[AttributesAt..]);

    /// <summary>Sets the fields that are the broker's, in place.</summary>
    public static void Place(Span<byte> bytes, long baseOffset)
    {
        BinaryPrimitives.WriteInt64BigEndian(bytes, baseOffset);
        BinaryPrimitives.WriteInt32BigEndian(bytes[LeaderEpochAt..], PartitionLog.LeaderEpoch);
    }

    /// <summary>A batch with fewer records, uncompressed; its offsets, its producer and its sequences stay.</summary>
    public static byte[] WithRecords(ReadOnlySpan<byte> batch, ReadOnlySpan<byte> records, int count, long maxTimestamp)
    {
        byte[] made = [.. batch[..HeaderBytes], .. records];
        var attributes = BinaryPrimitives.ReadInt16BigEndian(batch[AttributesAt..]);
        BinaryPrimitives.WriteInt32BigEndian(made.AsSpan(LengthAt), made.Length - PrefixBytes);
        BinaryPrimitives.WriteInt16BigEndian(made.AsSpan(AttributesAt), (short)(attributes & ~CompressionMask));
        BinaryPrimitives.WriteInt64BigEndian(made.AsSpan(MaxTimestampAt), maxTimestamp);
        BinaryPrimitives.WriteInt32BigEndian(made.AsSpan(CountAt), count);
        BinaryPrimitives.WriteUInt32BigEndian(made.AsSpan(CrcAt), Crc32C.Compute(made.AsSpan(AttributesAt)));
        return made;
    }

    private static ErrorCode Refuse(ErrorCode code, string why, out string? reason)
    {
        reason = why;
        return code;
    }
}
