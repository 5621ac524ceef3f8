using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using StreamSettlement.DevBroker.Storage;

namespace StreamSettlement.DevBroker.Wire;

/// <summary>
/// Builds one response in a pooled buffer. Record batches are not copied into it: <see cref="Records"/> notes which
/// extent of which log file belongs at that place, and the connection sends it from the file.
/// </summary>
internal sealed class ResponseWriter : IDisposable
{
    private const int ReasonCharsMax = 1000;

    private readonly List<(int At, LogSlice Slice)> _slices = [];
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(1024);

    /// <summary>Whether lengths are compact and structures end with tagged fields.</summary>
    public bool Flexible { get; set; }

    /// <summary>Bytes written, slices left out.</summary>
    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, Length);

    /// <summary>Extents of log files, each with the place in <see cref="Written"/> before which it is sent.</summary>
    public IReadOnlyList<(int At, LogSlice Slice)> Slices => _slices;

    public void Clear()
    {
        Length = 0;
        _slices.Clear();
    }

    public void Int8(sbyte value) => Claim(1)[0] = unchecked((byte)value);

    public void Bool(bool value) => Claim(1)[0] = value ? (byte)1 : (byte)0;

    public void Int16(short value) => BinaryPrimitives.WriteInt16BigEndian(Claim(2), value);

    public void Error(ErrorCode value) => Int16((short)value);

    public void Int32(int value) => BinaryPrimitives.WriteInt32BigEndian(Claim(4), value);

    public void Int64(long value) => BinaryPrimitives.WriteInt64BigEndian(Claim(8), value);

    public void Uuid(Guid value) => value.TryWriteBytes(Claim(16), bigEndian: true, out _);

    public void UnsignedVarInt(uint value)
    {
        while (value >= 0x80)
        {
            Claim(1)[0] = (byte)((value & 0x7F) | 0x80);
            value >>= 7;
        }
        Claim(1)[0] = (byte)value;
    }

    public void String(string? value)
    {
        var length = value is null ? -1 : Encoding.UTF8.GetByteCount(value);
        if (Flexible) UnsignedVarInt((uint)(length + 1));
        else Int16(checked((short)length));
        if (length > 0) Encoding.UTF8.GetBytes(value, Claim(length));
    }

    /// <summary>An explanation, cut where it would not fit: it may quote what the client sent.</summary>
    public void Reason(string? value) => String(value?.Length > ReasonCharsMax ? value[..ReasonCharsMax] : value);

    public void Bytes(ReadOnlySpan<byte> value)
    {
        ByteLength(value.Length);
        value.CopyTo(Claim(value.Length));
    }

    /// <summary>Writes the number of elements that follow.</summary>
    public void Array(int count) => ByteLength(count);

    public void NullArray() => ByteLength(-1);

    /// <summary>A record set that is sent from the log's file.</summary>
    public void Records(LogSlice slice)
    {
        ByteLength(slice.Length);
        if (slice.Length > 0) _slices.Add((Length, slice));
    }

    /// <summary>An empty list of tagged fields where the version has them.</summary>
    public void Tags()
    {
        if (Flexible) UnsignedVarInt(0);
    }

    /// <summary>Overwrites the four bytes at <paramref name="at"/>, for a length that is known only at the end.</summary>
    public void PatchInt32(int at, int value) => BinaryPrimitives.WriteInt32BigEndian(_buffer.AsSpan(at, 4), value);

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private void ByteLength(int length)
    {
        if (Flexible) UnsignedVarInt((uint)(length + 1));
        else Int32(length);
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
