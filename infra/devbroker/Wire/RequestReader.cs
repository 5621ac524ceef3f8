namespace StreamSettlement.DevBroker.Wire;

/// <summary>A request's bytes do not follow the protocol. The connection it came on is closed; no other is touched.</summary>
internal sealed class MalformedRequestException(string message) : Exception(message);

internal delegate T ElementReader<out T>(ref RequestReader reader);

/// <summary>
/// Reads the fields of one request from its bytes. With <paramref name="flexible"/>, lengths are compact (unsigned
/// varint, plus one) and structures end with tagged fields. Every length is checked against what is left. A field with
/// <c>since</c> is not there, and not read, below that <paramref name="version"/>.
/// </summary>
internal ref struct RequestReader(ReadOnlySpan<byte> body, bool flexible, short version = 0)
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> _body = body;
    private int _position;

    public readonly int Position => _position;
    public readonly int Remaining => _body.Length - _position;

    public sbyte Int8(int since = 0, sbyte otherwise = 0) => version < since ? otherwise : unchecked((sbyte)Take(1)[0]);
    public bool Bool(int since = 0) => version >= since && Take(1)[0] != 0;
    public short Int16() => BinaryPrimitives.ReadInt16BigEndian(Take(2));
    public int Int32(int since = 0, int otherwise = 0) => version < since ? otherwise : BinaryPrimitives.ReadInt32BigEndian(Take(4));
    public long Int64(int since = 0) => version < since ? 0 : BinaryPrimitives.ReadInt64BigEndian(Take(8));
    public Guid Uuid(int since = 0) => version < since ? Guid.Empty : new(Take(16), bigEndian: true);

    /// <summary>Base 128, least significant group first; at most five bytes.</summary>
    public uint UnsignedVarInt()
    {
        uint value = 0;
        for (var shift = 0; shift < 35; shift += 7)
        {
            var part = Take(1)[0];
            if (shift == 28 && part > 0x0F) throw new MalformedRequestException("a varint has more than 32 bits");
            value |= (uint)(part & 0x7F) << shift;
            if (part < 0x80) return value;
        }
        throw new MalformedRequestException("a varint has more than five bytes");
    }

    public string String() => NullableString() ?? throw new MalformedRequestException("a string that must not be null is null");
    public string? NullableString(int since = 0) => version < since ? null : Text(flexible ? CompactLength() : Int16());

    /// <summary>A string with a fixed two-byte length whatever the version, as in the request header.</summary>
    public string? FixedNullableString() => Text(Int16());

    /// <summary>A copy of a byte field. Null reads as empty.</summary>
    public byte[] Bytes() => NullableSpan().ToArray();

    /// <summary>The extent of a byte field, to be sliced from the body without a copy. Null reads as empty.</summary>
    public (int Start, int Length) Extent()
    {
        var span = NullableSpan();
        return (_position - span.Length, span.Length);
    }

    /// <returns>The number of elements; -1 when the array is null.</returns>
    public int ArrayLength()
    {
        var count = flexible ? CompactLength() : Int32();
        // Each element takes a byte at least: a count that can't fit is a lie, and must not size a list.
        if (count < -1 || count > Remaining)
            throw new MalformedRequestException($"an array claims {count} elements with {Remaining} bytes left");
        return count;
    }

    /// <returns>The number of elements; 0 when the array is null.</returns>
    public int Count() => Math.Max(0, ArrayLength());

    /// <summary>An array of structures, each with its tagged fields; null reads as empty.</summary>
    public List<T> List<T>(ElementReader<T> element) => Elements(element, tagged: true) ?? [];
    public List<T>? NullableList<T>(ElementReader<T> element) => Elements(element, tagged: true);

    /// <summary>An array of plain values, which have no tagged fields.</summary>
    public List<T> Values<T>(ElementReader<T> element) => Elements(element, tagged: false) ?? [];
    public List<T>? NullableValues<T>(ElementReader<T> element) => Elements(element, tagged: false);

    /// <summary>Skips the tagged fields at the end of a structure: none of those we are sent changes an answer.</summary>
    public void Tags()
    {
        if (!flexible) return;
        var count = UnsignedVarInt();
        for (uint i = 0; i < count; i++)
        {
            UnsignedVarInt();
            var size = UnsignedVarInt();
            if (size > (uint)Remaining) throw new MalformedRequestException("a tagged field is longer than the request");
            Take((int)size);
        }
    }

    private List<T>? Elements<T>(ElementReader<T> element, bool tagged)
    {
        var count = ArrayLength();
        if (count < 0) return null;
        var elements = new List<T>();
        for (; count > 0; count--)
        {
            elements.Add(element(ref this));
            if (tagged) Tags();
        }
        return elements;
    }

    private ReadOnlySpan<byte> NullableSpan()
    {
        var length = flexible ? CompactLength() : Int32();
        return length == -1 ? default : Take(length);
    }

    private string? Text(int length)
    {
        if (length == -1) return null;
        try
        {
            return StrictUtf8.GetString(Take(length));
        }
        catch (DecoderFallbackException)
        {
            throw new MalformedRequestException("a string is not UTF-8");
        }
    }

    private int CompactLength()
    {
        var value = UnsignedVarInt();
        if (value > int.MaxValue) throw new MalformedRequestException($"a length of {value} is too large");
        return (int)value - 1;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > Remaining)
            throw new MalformedRequestException($"a field of {count} bytes at {_position} with {Remaining} bytes left");
        var taken = _body.Slice(_position, count);
        _position += count;
        return taken;
    }
}
