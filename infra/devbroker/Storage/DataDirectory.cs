namespace StreamSettlement.DevBroker.Storage;

/// <summary>
/// The data directory: held by one broker at a time through a lock on the file "lock", which the system releases when
/// the process ends in any way. Holds the cluster's id and the producer ids given out.
/// </summary>
internal sealed class DataDirectory : IDisposable
{
    /// <summary>Producer ids reserved with one write: a start after a crash goes on after the reserved ones.</summary>
    private const long ProducerIdsReserved = 1000;

    private readonly Lock _gate = new();
    private readonly FileStream _lock;
    private Identity _identity;
    private long _nextProducerId;

    /// <exception cref="IOException">Another broker holds the directory.</exception>
    public DataDirectory(string path)
    {
        Path = path;
        Directory.CreateDirectory(path);
        try
        {
            _lock = new FileStream(File("lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException held)
        {
            throw new IOException(
                $"{path} is in use by another broker (or can't be written: {held.Message}). "
                + "Stop that broker or give another --data directory.", held);
        }
        _identity = System.IO.File.Exists(IdentityPath)
            ? JsonSerializer.Deserialize<Identity>(System.IO.File.ReadAllBytes(IdentityPath))!
            : new Identity(Convert.ToBase64String(Guid.NewGuid().ToByteArray()).TrimEnd('=').Replace('/', '_').Replace('+', '-'), 0);
        _nextProducerId = _identity.ProducerIdsFrom;
        ReserveProducerIds();
    }

    public string Path { get; }
    public string ClusterId => _identity.ClusterId;
    private string IdentityPath => File("identity.json");

    /// <summary>An id that no producer had before.</summary>
    public long NewProducerId()
    {
        lock (_gate)
        {
            if (_nextProducerId == _identity.ProducerIdsFrom) ReserveProducerIds();
            return _nextProducerId++;
        }
    }

    public void Dispose() => _lock.Dispose();
    private string File(string name) => System.IO.Path.Combine(Path, name);

    private void ReserveProducerIds()
    {
        var reserved = _identity with { ProducerIdsFrom = _nextProducerId + ProducerIdsReserved };
        DiskFile.Replace(IdentityPath, JsonSerializer.SerializeToUtf8Bytes(reserved)).Dispose();
        _identity = reserved;
    }

    /// <param name="ProducerIdsFrom">Where a next start goes on.</param>
    private sealed record Identity(string ClusterId, long ProducerIdsFrom);
}
