using System.Net.Sockets;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Npgsql;
using StreamSettlement.Hosting;

namespace StreamSettlement.UnitTests.Hosting;

public sealed class TransientTests
{
    [Theory]
    [InlineData("57P01", true)] // admin_shutdown
    [InlineData("57P02", true)] // crash_shutdown
    [InlineData("57P03", true)] // cannot_connect_now
    [InlineData("08006", true)] // connection_failure
    [InlineData("40001", true)] // serialization_failure
    [InlineData("40P01", true)] // deadlock_detected
    [InlineData("53300", true)] // too_many_connections
    [InlineData("23505", false)] // unique_violation
    [InlineData("42P01", false)] // undefined_table
    [InlineData("28P01", false)] // invalid_password
    public void PostgreSQL_recovers_by_itself_from_being_away_and_from_what_another_transaction_did(string sqlState, bool transient) =>
        Assert.Equal(transient, Transient.Postgres(new PostgresException("", "ERROR", "ERROR", sqlState)));

    [Fact]
    public void A_connection_that_breaks_or_takes_too_long_is_an_outage()
    {
        Assert.True(Transient.Postgres(new SocketException()));
        Assert.True(Transient.Postgres(new TimeoutException()));
        Assert.True(Transient.Postgres(new NpgsqlException("reading", new IOException())));
        Assert.False(Transient.Postgres(new NpgsqlException("a bug")));
        Assert.False(Transient.Postgres(new InvalidOperationException()));
    }

    [Theory]
    [InlineData(ErrorCode.Local_Transport, true)]
    [InlineData(ErrorCode.Local_AllBrokersDown, true)]
    [InlineData(ErrorCode.NotLeaderForPartition, true)]
    [InlineData(ErrorCode.GroupLoadInProgress, true)]
    [InlineData(ErrorCode.Local_MaxPollExceeded, true)]
    [InlineData(ErrorCode.Local_UnknownPartition, true)]
    [InlineData(ErrorCode.MsgSizeTooLarge, false)]
    [InlineData(ErrorCode.TopicAuthorizationFailed, false)]
    [InlineData(ErrorCode.InvalidRequest, false)]
    [InlineData(ErrorCode.Local_Authentication, false)]
    public void Kafka_recovers_by_itself_from_being_away_and_from_moving(ErrorCode code, bool transient) =>
        Assert.Equal(transient, Transient.Kafka(new KafkaException(code)));

    [Theory]
    [InlineData(ErrorCode.NoError, ErrorCode.InvalidReplicationFactor, true)]
    [InlineData(ErrorCode.TopicAlreadyExists, ErrorCode.NotController, true)]
    [InlineData(ErrorCode.NotController, ErrorCode.TopicAuthorizationFailed, false)]
    public void What_went_well_in_part_is_judged_by_its_parts(ErrorCode one, ErrorCode other, bool transient)
    {
        var created = new CreateTopicsException([new() { Topic = "a", Error = one }, new() { Topic = "b", Error = other }]);
        Assert.Equal(transient, Transient.Kafka(created));
        var asked = new TopicPartitionOffsetException([Result(one == ErrorCode.TopicAlreadyExists ? ErrorCode.NoError : one), Result(other)]);
        Assert.Equal(transient, Transient.Kafka(asked));

        static TopicPartitionOffsetError Result(ErrorCode code) => new("a", 0, 0, new Error(code));
    }

    [Fact]
    public void A_fatal_error_of_the_client_never_mends() =>
        Assert.False(Transient.Kafka(new KafkaException(new Error(ErrorCode.Local_Transport, "fenced", isFatal: true))));
}
