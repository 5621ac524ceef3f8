using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.UnitTests.DevStack;

public sealed class KafkaDistributionTests : IDisposable
{
    private readonly string home = Directory.CreateTempSubdirectory("settlement-test-").FullName;

    [Theory]
    [InlineData("kafka_2.13-4.4.0.jar", "4.4.0")]
    [InlineData("kafka-server-4.10.2.jar", "4.10.2")]
    [InlineData("kafka_2.13-3.9.1-rc1.jar", "3.9.1")]
    [InlineData("kafka-clients-4.4.0.jar", null)]
    [InlineData("zookeeper-3.8.4.jar", null)]
    public void The_version_is_that_of_the_servers_jar(string jar, string? version)
    {
        Add(jar);
        Assert.Equal(version, KafkaDistribution.VersionIn(Path.Combine(home, "libs"))?.ToString());
    }

    [Theory]
    [InlineData("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment", 17)]
    [InlineData("openjdk version \"25\" 2025-09-16", 25)]
    [InlineData("java version \"1.8.0_401\"", 8)]
    [InlineData("Error: could not find libjava.so", null)]
    public void Java_says_its_version(string said, int? major) => Assert.Equal(major, KafkaDistribution.JavaMajor(said));

    [Fact]
    public async Task A_folder_without_Kafka_is_refused_in_one_line()
    {
        var refused = await Assert.ThrowsAsync<PrerequisiteException>(() => KafkaDistribution.OfAsync(home, TestContext.Current.CancellationToken));
        Assert.Contains(Path.Combine(home, "libs"), refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public async Task An_old_Kafka_is_refused_in_one_line()
    {
        Add("kafka_2.13-3.8.1.jar");
        var refused = await Assert.ThrowsAsync<PrerequisiteException>(() => KafkaDistribution.OfAsync(home, TestContext.Current.CancellationToken));
        Assert.StartsWith($"Apache Kafka 3.8.1 in {home} is too old", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    public void Dispose() => Directory.Delete(home, recursive: true);

    private void Add(string jar) => File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(home, "libs")).FullName, jar), "");
}
