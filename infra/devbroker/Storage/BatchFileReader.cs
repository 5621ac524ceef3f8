namespace StreamSettlement.DevBroker.Storage;

/// <summary>Reads a segment file batch by batch with large reads, checking each batch, for recovery.</summary>
internal sealed class BatchFileReader(SafeFileHandle file, long fileLength) : IDisposable
{
    private const int WindowBytes = 1 << 20;

    private byte[] _window = ArrayPool<byte>.Shared.Rent(WindowBytes);
    private long _start;
    private int _filled;

    /// <summary>Reads the batch at <paramref name="position"/>.</summary>
    /// <returns>False when no whole, undamaged batch is there.</returns>
    public bool TryRead(long position, out RecordBatch batch)
    {
        batch = default;
        if (!TryWindow(position, RecordBatch.HeaderBytes, out var header)) return false;
        batch = RecordBatch.Parse(header);
        return batch.Size is >= RecordBatch.HeaderBytes and <= RecordBatch.SizeMax
            && TryWindow(position, batch.Size, out var whole)
            && RecordBatch.IsIntact(whole);
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_window);

    private bool TryWindow(long position, int size, out ReadOnlySpan<byte> bytes)
    {
        bytes = default;
        if (size > fileLength - position) return false;
        if (position < _start || position + size > _start + _filled)
        {
            if (size > _window.Length)
            {
                ArrayPool<byte>.Shared.Return(_window);
                _window = ArrayPool<byte>.Shared.Rent(size);
            }
            _start = position;
            _filled = 0;
            while (_filled < size)
            {
                var read = RandomAccess.Read(file, _window.AsSpan(_filled), position + _filled);
                if (read == 0) return false;
                _filled += read;
            }
        }
        bytes = _window.AsSpan((int)(position - _start), size);
        return true;
    }
}
