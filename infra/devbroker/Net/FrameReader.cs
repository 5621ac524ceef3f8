namespace StreamSettlement.DevBroker.Net;

/// <summary>
/// Cuts a connection's bytes into requests. Its pooled buffer grows as bytes arrive, not as a length claims, and goes
/// back to its usual size after a large request.
/// </summary>
internal sealed class FrameReader(Socket socket, int frameBytesMax) : IDisposable
{
    private const int UsualBytes = 128 * 1024;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(UsualBytes);
    private int _start;
    private int _end;

    /// <summary>The next request without its length. It is valid until the next call.</summary>
    /// <returns>Null when the client has closed the connection between two requests.</returns>
    /// <exception cref="MalformedRequestException">The length is impossible or the connection ended within a request.</exception>
    public async ValueTask<Memory<byte>?> Next(CancellationToken stop)
    {
        if (_start == _end) Reset();
        if (!await Have(sizeof(int), stop)) return null;
        var length = BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_start));
        if (length < 8 || length > frameBytesMax)
            throw new MalformedRequestException($"a request of {length} bytes; expected 8 to {frameBytesMax}");
        _start += sizeof(int);
        if (!await Have(length, stop)) throw new MalformedRequestException("the connection ended within a request");
        var frame = _buffer.AsMemory(_start, length);
        _start += length;
        return frame;
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    /// <summary>Receives until <paramref name="count"/> bytes lie at the start.</summary>
    /// <returns>False when the connection ended before the first byte of them.</returns>
    private async ValueTask<bool> Have(int count, CancellationToken stop)
    {
        while (_end - _start < count)
        {
            MakeRoom(count);
            var received = await socket.ReceiveAsync(_buffer.AsMemory(_end), SocketFlags.None, stop);
            if (received == 0)
                return _end == _start ? false : throw new MalformedRequestException("the connection ended within a request");
            _end += received;
        }
        return true;
    }

    private void MakeRoom(int count)
    {
        // At the start there is nothing to move: receive into what is free.
        if (_end < _buffer.Length && (_start == 0 || _buffer.Length - _start >= count)) return;
        var kept = _end - _start;
        // Twice what has arrived at most: a length alone takes no memory.
        var size = Math.Min(count, kept * 2);
        if (size > _buffer.Length) Move(ArrayPool<byte>.Shared.Rent(size), kept);
        else Move(_buffer, kept);
    }

    private void Reset()
    {
        (_start, _end) = (0, 0);
        if (_buffer.Length > 2 * UsualBytes) Move(ArrayPool<byte>.Shared.Rent(UsualBytes), kept: 0);
    }

    private void Move(byte[] target, int kept)
    {
        _buffer.AsSpan(_start, kept).CopyTo(target);
        if (target != _buffer) ArrayPool<byte>.Shared.Return(_buffer);
        (_buffer, _start, _end) = (target, 0, kept);
    }
}
