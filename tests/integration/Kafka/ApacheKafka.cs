namespace StreamSettlement.IntegrationTests.Kafka;

/// <summary>The Apache Kafka that the tests run on.</summary>
internal static class ApacheKafka
{
    /// <summary>Skips a test that only Apache Kafka can pass where there is none.</summary>
    /// <returns>Its folder.</returns>
    public static string Require()
    {
        Assert.SkipWhen(Servers.KafkaHome is null, "KAFKA_HOME names no Apache Kafka");
        return Servers.KafkaHome!;
    }
}
