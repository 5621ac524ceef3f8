namespace StreamSettlement.DevBroker.Wire;

/// <summary>What a connection does after a request was handled.</summary>
internal enum Outcome
{
    Respond,

    /// <summary>The client wants no answer (produce with acks=0).</summary>
    Silent,

    /// <summary>The client wants no answer but there is an error to tell: the connection is closed, as Kafka does.</summary>
    Close,
}

/// <summary>
/// Builds one response in a pooled buffer, each structure in one chain that reads as the protocol's schema does: a field
/// with <c>since</c> or <c>until</c> is only in those versions. Record batches are not copied into it: <see cref="Records"/>
/// notes which extent of which log file belongs at that place, and the connection sends it from the file.
/// </summary>
internal sealed class ResponseWriter : IDisposable
{
    private const int ReasonCharsMax = 1000;
    private const int Latest = int.MaxValue;

    private readonly List<(int At, LogSlice Slice)> _slices = [];
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(1024);

    public short Version { get; set; }

    /// <summary>Whether lengths are compact and structures end with tagged fields.</summary>
    public bool Flexible { get; set; }

    public Outcome Outcome { get; set; }

    /// <summary>Bytes written, slices left out.</summary>
    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, Length);

    /// <summary>Extents of log files, each with the place in <see cref="Written"/> before which it is sent.</summary>
    public IReadOnlyList<(int At, LogSlice Slice)> Slices => _slices;

    /// <summary>Begins the answer to a request of this version, dropping what was written.</summary>
    public void Begin(short version, bool flexible)
    {
        (Version, Flexible, Outcome, Length) = (version, flexible, Outcome.Respond, 0);
        _slices.Clear();
    }

    public ResponseWriter Int8(sbyte value, int since = 0) => Number(value, 1, since);
    public ResponseWriter Bool(bool value, int since = 0, int until = Latest) => Number(value ? 1 : 0, 1, since, until);
    public ResponseWriter Int16(short value) => Number(value, 2);
    public ResponseWriter Error(ErrorCode value, int since = 0) => Number((short)value, 2, since);
    public ResponseWriter Int32(int value, int since = 0, int until = Latest) => Number(value, 4, since, until);
    public ResponseWriter Int64(long value, int since = 0) => Number(value, 8, since);

    public ResponseWriter Uuid(Guid value, int since = 0)
    {
        if (Version >= since) value.TryWriteBytes(Claim(16), bigEndian: true, out _);
        return this;
    }

    public ResponseWriter UnsignedVarInt(uint value)
    {
        for (; value >= 0x80; value >>= 7) Claim(1)[0] = (byte)((value & 0x7F) | 0x80);
        Claim(1)[0] = (byte)value;
        return this;
    }

    public ResponseWriter String(string? value, int since = 0, int until = Latest)
    {
        if (Version < since || Version > until) return this;
        var length = value is null ? -1 : Encoding.UTF8.GetByteCount(value);
        if (Flexible) UnsignedVarInt((uint)(length + 1));
        else Int16(checked((short)length));
        if (length > 0) Encoding.UTF8.GetBytes(value, Claim(length));
        return this;
    }

    /// <summary>An explanation, cut where it would not fit: it may quote what the client sent.</summary>
    public ResponseWriter Reason(string? value, int since = 0) =>
        String(value?.Length > ReasonCharsMax ? value[..ReasonCharsMax] : value, since);

    public ResponseWriter Bytes(ReadOnlySpan<byte> value)
    {
        ByteLength(value.Length);
        value.CopyTo(Claim(value.Length));
        return this;
    }

    public ResponseWriter Array(int count, int since = 0) => Version < since ? this : ByteLength(count);
    public ResponseWriter NullArray() => ByteLength(-1);

    /// <summary>An array of structures, each with an empty list of tagged fields at its end.</summary>
    public ResponseWriter List<T>(IReadOnlyCollection<T> elements, Action<T> write, int since = 0)
    {
        if (Version < since) return this;
        Array(elements.Count);
        foreach (var element in elements)
        {
            write(element);
            Tags();
        }
        return this;
    }

    /// <summary>A record set that is sent from the log's file.</summary>
    public ResponseWriter Records(LogSlice slice)
    {
        ByteLength(slice.Length);
        if (slice.Length > 0) _slices.Add((Length, slice));
        return this;
    }

    /// <summary>An empty list of tagged fields where the version has them.</summary>
    public ResponseWriter Tags() => Flexible ? UnsignedVarInt(0) : this;

    /// <summary>Overwrites the four bytes at <paramref name="at"/>, for a length that is known only at the end.</summary>
    public void PatchInt32(int at, int value) => BinaryPrimitives.WriteInt32BigEndian(_buffer.AsSpan(at, 4), value);

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private ResponseWriter ByteLength(int length) => Flexible ? UnsignedVarInt((uint)(length + 1)) : Int32(length);

    /// <summary>The low <paramref name="bytes"/> bytes of a number, highest first.</summary>
    private ResponseWriter Number(long value, int bytes, int since = 0, int until = Latest)
    {
        if (Version < since || Version > until) return this;
        var target = Claim(bytes);
        for (var i = bytes - 1; i >= 0; i--, value >>= 8) target[i] = unchecked((byte)value);
        return this;
    }

    private Span<byte> Claim(int count)
    {
        if (_buffer.Length - Length < count)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(checked(Length + count), _buffer.Length * 2));
            _buffer.AsSpan(0, Length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }
        var claimed = _buffer.AsSpan(Length, count);
        Length += count;
        return claimed;
    }
}
