namespace StreamSettlement.DevBroker;

/// <summary>The broker's log messages, 500 to 599.</summary>
internal sealed partial class BrokerTelemetry(ILogger logger)
{
    [LoggerMessage(500, LogLevel.Warning, "development broker, single node: not for production. Data in {Directory}")]
    public partial void Starting(string directory);
    [LoggerMessage(501, LogLevel.Information, "listening on {Address}")]
    public partial void Listening(string address);
    [LoggerMessage(502, LogLevel.Information, "stopped; everything is on disk")]
    public partial void Stopped();
    [LoggerMessage(503, LogLevel.Error, "can't start: {Reason}")]
    public partial void CannotStart(string reason);
    [LoggerMessage(510, LogLevel.Information, "created topic {Topic} with {Partitions} partitions")]
    public partial void TopicCreated(string topic, int partitions);
    [LoggerMessage(511, LogLevel.Warning, "{File}: cut off a torn tail of {Bytes} bytes; the log ends at offset {End}")]
    public partial void TornTail(string file, long bytes, long end);
    [LoggerMessage(512, LogLevel.Error, "partition {Topic}-{Partition} can't be {Action}; the client is told to retry")]
    private partial void StorageFailed(string topic, int partition, string action, Exception cause);
    [LoggerMessage(513, LogLevel.Warning, "{File}: cut off a torn tail of {Bytes} bytes of committed offsets")]
    public partial void TornOffsets(string file, long bytes);
    [LoggerMessage(514, LogLevel.Error, "offsets of group {Group} can't be stored; the client is told to retry")]
    public partial void OffsetsFailed(string group, Exception cause);
    [LoggerMessage(515, LogLevel.Information, "deleted topic {Topic}")]
    public partial void TopicDeleted(string topic);
    [LoggerMessage(516, LogLevel.Information, "topic {Topic} has {Partitions} partitions now")]
    public partial void TopicGrew(string topic, int partitions);
    [LoggerMessage(517, LogLevel.Error, "topics.json or a topic's directory can't be written; the client is told")]
    public partial void CatalogueFailed(Exception cause);
    [LoggerMessage(518, LogLevel.Information, "{Directory}: deleted {Segments} segments, the log begins at offset {Start}")]
    public partial void SegmentsDeleted(string directory, int segments, long start);
    [LoggerMessage(519, LogLevel.Information, "{Directory}: compacted {Before} bytes to {After}")]
    public partial void Compacted(string directory, long before, long after);
    [LoggerMessage(523, LogLevel.Error, "partition {Topic}-{Partition}: old records can't be deleted or compacted; tried again")]
    public partial void HousekeepingFailed(string topic, int partition, Exception cause);
    [LoggerMessage(524, LogLevel.Error, "identity.json can't be written, no producer id is given out; the client asks again")]
    public partial void ProducerIdsFailed(Exception cause);
    [LoggerMessage(520, LogLevel.Warning, "closing the connection from {Peer}: {Reason}")]
    public partial void Refused(string peer, string reason);
    [LoggerMessage(521, LogLevel.Error, "closing the connection from {Peer}: {Api} version {Version} failed")]
    public partial void RequestFailed(string peer, string api, short version, Exception cause);
    [LoggerMessage(522, LogLevel.Warning, "refused a batch for {Topic}-{Partition} from {Client}: {Reason}")]
    public partial void BatchRefused(string topic, int partition, string client, string reason);
    [LoggerMessage(530, LogLevel.Information, "group {Group}: generation {Generation} with {Members} members")]
    public partial void GroupGeneration(string group, int generation, int members);
    [LoggerMessage(531, LogLevel.Information, "group {Group}: member {Member} left, {Reason}")]
    public partial void GroupMemberGone(string group, string member, string reason);
    [LoggerMessage(532, LogLevel.Information, "group {Group} rebalances: {Reason}")]
    public partial void GroupRebalances(string group, string reason);

    /// <summary>Answers with a partition's files; when they fail, that is logged, and the client gets <paramref name="failed"/> of the reason.</summary>
    public T Guard<T>(string topic, int partition, string action, Func<T> answer, Func<string, T> failed)
    {
        try
        {
            return answer();
        }
        catch (IOException failure)
        {
            StorageFailed(topic, partition, action, failure);
            return failed(failure.Message);
        }
    }
}
