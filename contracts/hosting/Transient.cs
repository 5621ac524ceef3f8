using System.Net.Sockets;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Npgsql;

namespace StreamSettlement.Hosting;

/// <summary>Transient or bug: which faults a server recovers from by itself. Anything else stops the service.</summary>
public static class Transient
{
    public static bool Postgres(Exception fault) => fault switch
    {
        // 57P01-57P03: shut down, crashed, starting up. 08xxx and 40001/40P01 are in IsTransient.
        PostgresException postgres => postgres.IsTransient || postgres.SqlState is "57P01" or "57P02" or "57P03",
        NpgsqlException npgsql => npgsql.IsTransient || npgsql.InnerException is IOException or SocketException or TimeoutException,
        SocketException or TimeoutException => true,
        _ => false,
    };

    public static bool Kafka(Exception fault) => fault switch
    {
        // Says only that not all of it went well; each part says how it went.
        TopicPartitionOffsetException partial => partial.Results.TrueForAll(part => !part.Error.IsError || Kafka(part.Error)),
        CreateTopicsException partial => partial.Results.TrueForAll(part => part.Error.Code is ErrorCode.NoError or ErrorCode.TopicAlreadyExists || Kafka(part.Error)),
        KafkaException { Error: { IsFatal: false } error } => Kafka(error),
        _ => false,
    };

    /// <remarks>
    /// Unknown partition: the client's word for one without a leader. Invalid replication factor: a cluster whose brokers are not all there yet. Max
    /// poll exceeded: what a record was for was out of reach for minutes, the group went on without us; polling joins it again.
    /// </remarks>
    public static bool Kafka(Error error) => error.Code is
        ErrorCode.Local_Transport or ErrorCode.Local_AllBrokersDown or ErrorCode.Local_TimedOut or ErrorCode.Local_MsgTimedOut
        or ErrorCode.Local_Resolve or ErrorCode.Local_QueueFull or ErrorCode.Local_WaitCoord or ErrorCode.Local_Retry
        or ErrorCode.Local_UnknownTopic or ErrorCode.Local_TimedOutQueue or ErrorCode.Local_MaxPollExceeded or ErrorCode.Local_UnknownPartition
        or ErrorCode.UnknownTopicOrPart or ErrorCode.LeaderNotAvailable or ErrorCode.NotLeaderForPartition
        or ErrorCode.RequestTimedOut or ErrorCode.BrokerNotAvailable or ErrorCode.NetworkException
        or ErrorCode.GroupLoadInProgress or ErrorCode.GroupCoordinatorNotAvailable or ErrorCode.NotCoordinatorForGroup
        or ErrorCode.NotController or ErrorCode.InvalidReplicationFactor or ErrorCode.KafkaStorageError or ErrorCode.ReplicaNotAvailable
        or ErrorCode.OffsetNotAvailable or ErrorCode.NotEnoughReplicas or ErrorCode.NotEnoughReplicasAfterAppend;
}
