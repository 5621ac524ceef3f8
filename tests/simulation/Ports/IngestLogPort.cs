using System.Text;
using Google.Protobuf;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Source;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests.Ports;

/// <summary>The log as an ingest writes it.</summary>
internal sealed class IngestLogPort(
    SimulatedProcess process, Network network, SimulatedServer broker, LogTopics topics, Func<SimulatedProcess, Producer> newProducer, Mechanism without)
    : Ingest.Sink.ILog
{
    private Producer? _producer;

    private Producer Producer => _producer ?? throw new InvalidOperationException("the log is not open");

    public async Task<CursorRecords> OpenAsync(CancellationToken cancel)
    {
        var cursors = await network.CallAsync(process, broker, "reads the cursors", topics.ReadCursors);
        _producer = newProducer(process);
        return cursors;
    }

    public void Close()
    {
        _producer?.Close();
        _producer = null;
    }

    public ValueTask<Task> PublishAsync(SourceStream stream, Page page, int sourceEpoch, CancellationToken cancel)
    {
        using (page)
        {
            var (sent, encoder) = (new List<Task>(), new RowEncoder(stream, sourceEpoch));
            foreach (ref readonly var row in page.Rows)
            {
                var (at, record) = (LogTopics.PartitionOf(stream, row.ContentId), Record(encoder, row));
                sent.Add(Producer.Send(at, () => topics.Append(at, record)));
            }
            return ValueTask.FromResult(Task.WhenAll(sent));
        }
    }

    public Task PublishMarkerAsync(SourceStream stream, DayMarker marker, CancellationToken cancel)
    {
        var record = new LogRecord(null, new SourceRecord { DayMarker = marker }.ToByteArray(), Marker: marker);
        return Task.WhenAll(LogTopics.All.Where(at => at.Stream == stream).Select(at =>
            Producer.Send(at, () => topics.Append(at, record), overtakes: without == Mechanism.MarkerAfterFlush)));
    }

    public Task SaveAsync<T>(string key, T record, CancellationToken cancel)
    {
        var json = ControlJson.Serialize(record);
        return Producer.Send("cursors", () => topics.SaveCursor(key, json));
    }

    public async Task AnnounceAsync(ControlEvent happened, CancellationToken cancel)
    {
        try
        {
            await network.CallAsync(process, broker, "announces", () => { });
        }
        catch (Ingest.Sink.LogUnavailableException)
        {
            // A hint that nobody hears.
        }
    }

    private static LogRecord Record(RowEncoder encoder, in SourceRow row)
    {
        Span<byte> value = stackalloc byte[RowEncoder.ValueBytesMax];
        var length = encoder.Encode(row, value);
        return new LogRecord(Encoding.UTF8.GetBytes(new ContentId(row.ContentId).ToString()), value[..length].ToArray(), row);
    }
}
