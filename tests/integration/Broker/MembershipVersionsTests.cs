using StreamSettlement.DevBroker.Api;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>The life of a group's only member, in each version of the requests, byte by byte.</summary>
public sealed class MembershipVersionsTests(Servers servers) : BrokerTest(servers)
{
    private delegate T Answer<out T>(short version, ref RequestReader answer);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public async Task A_member_joins_syncs_beats_is_described_and_leaves(int version)
    {
        using var client = await RawClient.Connect(Broker.Port);
        var group = $"group-{version}";
        var member = "";
        if (version >= 4)
        {
            // These clients are told their id first.
            var told = await Join(client, group, "", version);
            Assert.Equal(ErrorCode.MemberIdRequired, told.Error);
            member = told.Member;
        }
        var joined = await Join(client, group, member, version);
        Assert.Equal((ErrorCode.None, 1, 1), (joined.Error, joined.Generation, joined.Members));
        member = joined.Member;

        Assert.Equal((ErrorCode.None, "part"), await Sync(client, group, member, version));
        Assert.Equal(ErrorCode.None, await Heartbeat(client, group, member, version));
        Assert.Equal("Stable", await Describe(client, group, member, version));
        Assert.Contains(group, await List(client, version));
        Assert.Equal(ErrorCode.None, await Leave(client, group, member, version));
        Assert.Equal(ErrorCode.UnknownMemberId, await Heartbeat(client, group, member, version));
    }

    private static Task<(ErrorCode Error, int Generation, string Member, int Members)> Join(RawClient client, string group, string member, int wanted) =>
        Ask(client, ApiKey.JoinGroup, wanted,
            (version, ask) =>
            {
                ask.String(group);
                ask.Int32(10_000);
                if (version >= 1) ask.Int32(10_000);
                ask.String(member);
                if (version >= 5) ask.String(null);
                ask.String("consumer");
                ask.Array(1);
                ask.String("range");
                ask.Bytes("metadata"u8);
                ask.Tags();
                ask.Tags();
            },
            (version, ref answer) =>
            {
                if (version >= 2) answer.Int32();
                var (error, generation) = ((ErrorCode)answer.Int16(), answer.Int32());
                if (version >= 7) answer.NullableString();
                answer.NullableString();
                answer.String();
                var id = answer.String();
                var members = answer.ArrayLength();
                for (var i = 0; i < members; i++)
                {
                    Assert.Equal(id, answer.String());
                    if (version >= 5) Assert.Null(answer.NullableString());
                    Assert.Equal("metadata"u8, answer.Bytes());
                    answer.Tags();
                }
                return (error, generation, id, members);
            });

    private static Task<(ErrorCode, string)> Sync(RawClient client, string group, string member, int wanted) =>
        Ask(client, ApiKey.SyncGroup, wanted,
            (version, ask) =>
            {
                ask.String(group);
                ask.Int32(1);
                ask.String(member);
                if (version >= 3) ask.String(null);
                if (version >= 5) ask.String("consumer");
                if (version >= 5) ask.String("range");
                ask.Array(1);
                ask.String(member);
                ask.Bytes("part"u8);
                ask.Tags();
                ask.Tags();
            },
            (version, ref answer) =>
            {
                if (version >= 1) answer.Int32();
                var error = (ErrorCode)answer.Int16();
                if (version >= 5) Assert.Equal(("consumer", "range"), (answer.String(), answer.String()));
                return (error, System.Text.Encoding.ASCII.GetString(answer.Bytes()));
            });

    private static Task<ErrorCode> Heartbeat(RawClient client, string group, string member, int wanted) =>
        Ask(client, ApiKey.Heartbeat, wanted,
            (version, ask) =>
            {
                ask.String(group);
                ask.Int32(1);
                ask.String(member);
                if (version >= 3) ask.String(null);
                ask.Tags();
            },
            (version, ref answer) =>
            {
                if (version >= 1) answer.Int32();
                return (ErrorCode)answer.Int16();
            });

    private static Task<ErrorCode> Leave(RawClient client, string group, string member, int wanted) =>
        Ask(client, ApiKey.LeaveGroup, wanted,
            (version, ask) =>
            {
                ask.String(group);
                if (version >= 3) ask.Array(1);
                ask.String(member);
                if (version >= 3) ask.String(null);
                if (version >= 3) ask.Tags();
                ask.Tags();
            },
            (version, ref answer) =>
            {
                if (version >= 1) answer.Int32();
                var error = (ErrorCode)answer.Int16();
                if (version < 3) return error;
                Assert.Equal((1, member, null), (answer.ArrayLength(), answer.String(), answer.NullableString()));
                var each = (ErrorCode)answer.Int16();
                answer.Tags();
                return each;
            });

    private static Task<string> Describe(RawClient client, string group, string member, int wanted) =>
        Ask(client, ApiKey.DescribeGroups, wanted,
            (version, ask) =>
            {
                ask.Array(1);
                ask.String(group);
                if (version >= 3) ask.Bool(false);
                ask.Tags();
            },
            (version, ref answer) =>
            {
                if (version >= 1) answer.Int32();
                Assert.Equal((1, ErrorCode.None, group), (answer.ArrayLength(), (ErrorCode)answer.Int16(), answer.String()));
                var state = answer.String();
                Assert.Equal(("consumer", "range", 1, member), (answer.String(), answer.String(), answer.ArrayLength(), answer.String()));
                if (version >= 4) Assert.Null(answer.NullableString());
                Assert.Equal("raw", answer.String());
                Assert.StartsWith("/127.0.0.1", answer.String(), StringComparison.Ordinal);
                Assert.Equal(("metadata", "part"),
                    (System.Text.Encoding.ASCII.GetString(answer.Bytes()), System.Text.Encoding.ASCII.GetString(answer.Bytes())));
                answer.Tags();
                if (version >= 3) answer.Int32();
                answer.Tags();
                return state;
            });

    private static Task<List<string>> List(RawClient client, int wanted) =>
        Ask(client, ApiKey.ListGroups, wanted,
            (version, ask) =>
            {
                if (version >= 4) ask.Array(1);
                if (version >= 4) ask.String("Stable");
                ask.Tags();
            },
            (version, ref answer) =>
            {
                if (version >= 1) answer.Int32();
                Assert.Equal(ErrorCode.None, (ErrorCode)answer.Int16());
                var groups = new List<string>();
                for (var left = answer.ArrayLength(); left > 0; left--)
                {
                    groups.Add(answer.String());
                    answer.String();
                    if (version >= 4) Assert.Equal("Stable", answer.String());
                    answer.Tags();
                }
                return groups;
            });

    /// <param name="wanted">The highest version is taken where there is none so high.</param>
    private static async Task<T> Ask<T>(RawClient client, ApiKey key, int wanted, Action<short, ResponseWriter> ask, Answer<T> read)
    {
        Assert.True(ApiTable.TryFind((short)key, out var api));
        var version = Math.Min((short)wanted, api.Max);
        return Parse(await client.Ask((short)key, version, body => ask(version, body), api.IsFlexible(version)));

        T Parse(byte[] answer)
        {
            var reader = new RequestReader(answer, api.IsFlexible(version));
            var result = read(version, ref reader);
            reader.Tags();
            Assert.Equal(0, reader.Remaining);
            return result;
        }
    }
}
