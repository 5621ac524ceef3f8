namespace StreamSettlement.IntegrationTests.Kafka;

/// <summary>The Apache Kafka that the tests run on.</summary>
internal static class ApacheKafka
{
    /// <summary>Null: the development broker stands in for it.</summary>
    public static string? Home { get; } = Environment.GetEnvironmentVariable("KAFKA_HOME") is { Length: > 0 } home ? home : null;

    /// <summary>Skips a test that only Apache Kafka can pass where there is none.</summary>
    public static string Require()
    {
        Assert.SkipWhen(Home is null, "KAFKA_HOME names no Apache Kafka");
        return Home!;
    }
}
