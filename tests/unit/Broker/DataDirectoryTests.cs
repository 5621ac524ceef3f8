using StreamSettlement.DevBroker.Storage;

namespace StreamSettlement.UnitTests.Broker;

public sealed class DataDirectoryTests
{
    [Fact]
    public void A_producer_id_that_could_not_be_reserved_is_not_given_out()
    {
        using var directory = new TemporaryDirectory();
        long last = 0;
        using (var data = new DataDirectory(directory.Path))
        {
            var first = data.NewProducerId();
            var obstacle = Directory.CreateDirectory(Path.Combine(directory.Path, "identity.json.draft"));
            for (var i = 1; i < 1_000; i++) last = data.NewProducerId();
            Assert.Equal(first + 999, last);
            for (var i = 0; i < 3; i++) Assert.ThrowsAny<Exception>(() => data.NewProducerId());
            obstacle.Delete();
            Assert.Equal(last + 1, data.NewProducerId());
        }

        using var again = new DataDirectory(directory.Path);
        Assert.True(again.NewProducerId() > last + 1);
    }
}
