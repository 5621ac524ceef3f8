using StreamSettlement.ConformanceTests.Clients;

namespace StreamSettlement.ConformanceTests;

/// <summary>The protocol's numbers for the errors that the tables expect.</summary>
internal static class Refusal
{
    /// <summary>What a client says that is older than an error.</summary>
    public const int NotKnownToTheClient = -1;

    public const int UnknownTopic = 3;
    public const int MessageTooLarge = 10;
    public const int InvalidTopic = 17;
    public const int TopicExists = 36;
    public const int InvalidPartitions = 37;
    public const int InvalidReplicationFactor = 38;
    public const int InvalidSetting = 40;
    public const int PolicyViolation = 44;
    public const int GroupNotEmpty = 68;
    public const int GroupNotFound = 69;
    public const int FencedInstance = 82;
    public const int InvalidRecord = 87;

    /// <summary>Asserts that the broker refuses with this error.</summary>
    public static async Task Is(int code, Func<Task> request)
    {
        var refused = await Assert.ThrowsAsync<RefusedException>(request);
        Assert.True(code == refused.Code, $"expected error {code}, was {refused.Code}: {refused.Message}");
    }
}
