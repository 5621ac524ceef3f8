using StreamSettlement.DevBroker.Api;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>Reads an answer field by field.</summary>
internal delegate void Answer(short version, ref RequestReader answer);

/// <summary>A test that speaks the protocol itself, in each version that is served.</summary>
public abstract class WireTest(Servers servers) : BrokerTest(servers)
{
    private protected static async Task Each(RawClient client, ApiKey key, Action<short, ResponseWriter> ask, Answer read)
    {
        Assert.True(ApiTable.TryFind((short)key, out var api));
        for (var version = api.Min; version <= api.Max; version++)
        {
            var current = version;
            Check(await client.Ask((short)key, current, body => ask(current, body), api.IsFlexible(current)));

            void Check(byte[] answer)
            {
                var reader = new RequestReader(answer, api.IsFlexible(current));
                read(current, ref reader);
                reader.Tags();
                Assert.Equal((key, current, 0), (key, current, reader.Remaining));
            }
        }
    }

    private protected static void None(ref RequestReader answer) => Is(ErrorCode.None, ref answer);

    private protected static void Is(ErrorCode expected, ref RequestReader answer) => Assert.Equal(expected, (ErrorCode)answer.Int16());
}
