using System.Text;
using StreamSettlement.Contracts;

namespace StreamSettlement.UnitTests.Contracts;

public class PartitionerTests
{
    // The table of org.apache.kafka.common.utils.UtilsTest.testMurmur2.
    [Theory]
    [InlineData("21", -973932308)]
    [InlineData("foobar", -790332482)]
    [InlineData("a-little-bit-long-string", -985981536)]
    [InlineData("a-little-bit-longer-string", -1486304829)]
    [InlineData("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971)]
    [InlineData("abc", 479470107)]
    public void Murmur2_gives_what_the_Java_client_gives(string key, int expected) =>
        Assert.Equal(unchecked((uint)expected), Partitioner.Murmur2(Encoding.ASCII.GetBytes(key)));

    [Theory]
    [InlineData(1)]
    [InlineData(20_000)]
    [InlineData(long.MaxValue)]
    public void A_content_lies_in_the_partition_of_its_decimal_text(long content) =>
        Assert.Equal(
            Partitioner.PartitionOf(Encoding.ASCII.GetBytes($"{content}"), 12),
            Partitioner.PartitionOf(new ContentId(content), 12));
}
