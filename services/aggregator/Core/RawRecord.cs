namespace StreamSettlement.Aggregator.Core;

/// <summary>A record's bytes, valid until its batch is given back. A record may lack key or value.</summary>
internal readonly ref struct RawRecord(bool hasKey, ReadOnlySpan<byte> key, bool hasValue, ReadOnlySpan<byte> value)
{
    public readonly bool HasKey = hasKey;
    public readonly ReadOnlySpan<byte> Key = key;
    public readonly bool HasValue = hasValue;
    public readonly ReadOnlySpan<byte> Value = value;

    public byte[]? CopyKey() => HasKey ? Key.ToArray() : null;

    public byte[]? CopyValue() => HasValue ? Value.ToArray() : null;
}
