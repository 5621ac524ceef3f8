namespace StreamSettlement.DevBroker.Storage;

/// <summary>What the sequence check says of a batch.</summary>
internal enum SequenceVerdict
{
    Next, Duplicate, OutOfOrder, OldEpoch,
}

/// <summary>
/// The idempotent producers of one partition: for each the last five batches, as many as a client may have in flight.
/// A batch that is sent again gets its original offset; one that leaves a gap is refused.
/// </summary>
internal sealed class ProducerTable
{
    /// <summary>Batches remembered per producer: the most that an idempotent client keeps in flight.</summary>
    public const int BatchesPerProducerMax = 5;

    private Dictionary<long, Producer> _producers = [];

    public int Count => _producers.Count;

    /// <summary>Judges a batch without changing anything.</summary>
    /// <param name="originalOffset">The first offset of the batch that it duplicates; otherwise -1.</param>
    public SequenceVerdict Check(in RecordBatch batch, out long originalOffset)
    {
        originalOffset = -1;
        // Nothing known: as Kafka does, any sequence is taken, since the state may have gone with deleted records.
        if (!_producers.TryGetValue(batch.ProducerId, out var producer)) return SequenceVerdict.Next;
        if (batch.ProducerEpoch < producer.Epoch) return SequenceVerdict.OldEpoch;
        if (batch.ProducerEpoch > producer.Epoch)
            return batch.BaseSequence == 0 ? SequenceVerdict.Next : SequenceVerdict.OutOfOrder;
        foreach (var known in producer.Batches)
        {
            if (known.FirstSequence != batch.BaseSequence || known.LastSequence != batch.LastSequence) continue;
            originalOffset = known.BaseOffset;
            return SequenceVerdict.Duplicate;
        }
        var expected = unchecked((producer.Batches[^1].LastSequence + 1) & int.MaxValue);
        return batch.BaseSequence == expected ? SequenceVerdict.Next : SequenceVerdict.OutOfOrder;
    }

    /// <summary>Takes note of a batch that is in the log.</summary>
    /// <param name="now">The broker's time, ms since epoch: a client's timestamps may be of any year.</param>
    public void Record(in RecordBatch batch, long now)
    {
        if (!batch.HasProducer) return;
        if (!_producers.TryGetValue(batch.ProducerId, out var producer) || producer.Epoch != batch.ProducerEpoch)
            _producers[batch.ProducerId] = producer = new Producer(batch.ProducerEpoch, []);
        producer.LastSeen = now;
        if (producer.Batches.Count == BatchesPerProducerMax) producer.Batches.RemoveAt(0);
        producer.Batches.Add(new KnownBatch(batch.BaseSequence, batch.LastSequence, batch.BaseOffset));
    }

    /// <summary>Forgets producers that sent nothing since <paramref name="since"/>, ms since epoch.</summary>
    public void Expire(long since)
    {
        foreach (var (id, producer) in _producers)
            if (producer.LastSeen < since)
                _producers.Remove(id);
    }

    /// <summary>Writes the table as it stands at a segment's base offset, so that a start reads the last segment only.</summary>
    public void Save(string path) => DiskFile.Replace(path, JsonSerializer.SerializeToUtf8Bytes(_producers)).Dispose();

    /// <summary>Reads what <see cref="Save"/> wrote; a missing file is an empty table.</summary>
    public static ProducerTable Load(string path) =>
        new() { _producers = File.Exists(path) ? JsonSerializer.Deserialize<Dictionary<long, Producer>>(File.ReadAllBytes(path))! : [] };

    private readonly record struct KnownBatch(int FirstSequence, int LastSequence, long BaseOffset);

    private sealed record Producer(short Epoch, List<KnownBatch> Batches)
    {
        public long LastSeen { get; set; }
    }
}
