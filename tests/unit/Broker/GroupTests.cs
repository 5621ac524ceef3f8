using Microsoft.Extensions.Logging.Abstractions;
using StreamSettlement.DevBroker;
using StreamSettlement.DevBroker.Groups;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.UnitTests.Broker;

/// <summary>The state machine of a group; the time is an argument.</summary>
public sealed class GroupTests
{
    private const int InitialDelay = 100;
    private const int Session = 10_000;
    private const int RebalanceTimeout = 60_000;

    private readonly Group _group = new("g", InitialDelay, new BrokerTelemetry(NullLogger.Instance));
    private long _now;

    [Fact]
    public void A_first_member_is_told_its_id_and_must_come_again_with_it()
    {
        var refused = Result(Join());

        Assert.Equal(ErrorCode.MemberIdRequired, refused.Error);
        Assert.NotEmpty(refused.MemberId);
        Assert.Equal(GroupState.Empty, _group.State);

        var joined = Join(refused.MemberId);
        Pass(InitialDelay);
        Assert.Equal((ErrorCode.None, 1, refused.MemberId), (Result(joined).Error, Result(joined).Generation, Result(joined).Leader));
    }

    [Fact]
    public void An_old_client_joins_at_once()
    {
        var joined = Join(knownIdRequired: false);
        Pass(InitialDelay);

        Assert.Equal(ErrorCode.None, Result(joined).Error);
    }

    [Fact]
    public void The_first_generation_waits_for_the_others_a_little()
    {
        var (one, two) = (Join(Id()), Join(Id()));
        Assert.False(one.IsCompleted);

        Pass(InitialDelay);

        Assert.Equal(1, Result(one).Generation);
        Assert.Equal(1, Result(two).Generation);
        Assert.Equal(2, Result(one).Members!.Count);
        Assert.Empty(Result(two).Members!);
        Assert.Equal(GroupState.CompletingRebalance, _group.State);
    }

    [Fact]
    public void The_leader_assigns_and_everyone_gets_its_part()
    {
        var (leader, follower) = TwoJoined();
        var early = _group.Sync(SyncOf(follower), _now);
        Assert.False(early.IsCompleted);

        var own = _group.Sync(SyncOf(leader, (leader, [1]), (follower, [2])), _now);

        Assert.Equal([1], Result(own).Assignment);
        Assert.Equal([2], Result(early).Assignment);
        Assert.Equal(GroupState.Stable, _group.State);
        // Asked again, say because the answer was lost.
        Assert.Equal([2], Result(_group.Sync(SyncOf(follower), _now)).Assignment);
    }

    [Fact]
    public void A_new_member_makes_the_others_join_again()
    {
        var (leader, follower) = Stable();
        var third = Join(Id());

        Assert.Equal(ErrorCode.RebalanceInProgress, Heartbeat(leader));
        Assert.Equal(ErrorCode.RebalanceInProgress, Result(_group.Sync(SyncOf(follower), _now)).Error);
        var again = (Join(leader), Join(follower));

        Assert.Equal(2, Result(third).Generation);
        Assert.Equal(2, Result(again.Item2).Generation);
        Assert.Equal(3, Result(again.Item1).Members!.Count);
    }

    [Fact]
    public void A_member_that_does_not_join_again_in_time_is_left_behind()
    {
        var (leader, follower) = Stable();
        var third = Join(Id());
        var again = Join(leader);
        for (var passed = 0; passed < RebalanceTimeout; passed += 1_000)
        {
            Assert.False(again.IsCompleted);
            Heartbeat(follower);
            Pass(1_000);
        }

        Assert.Equal(2, Result(again).Members!.Count);
        Assert.Equal(ErrorCode.None, Result(third).Error);
        Assert.Equal(ErrorCode.UnknownMemberId, Heartbeat(follower));
    }

    [Fact]
    public void A_silent_member_is_dead_after_its_session_and_the_rest_goes_on()
    {
        var (leader, follower) = Stable();
        for (var passed = 0; passed < Session; passed += 1_000)
        {
            Assert.Equal(ErrorCode.None, Heartbeat(leader));
            Pass(1_000);
        }

        Assert.Equal(ErrorCode.RebalanceInProgress, Heartbeat(leader));
        Assert.Equal(ErrorCode.UnknownMemberId, Heartbeat(follower));
        var again = Join(leader);
        Assert.Equal(2, Result(again).Generation);
        Assert.Single(Result(again).Members!);
    }

    [Fact]
    public void A_dead_leader_is_succeeded()
    {
        var (leader, follower) = Stable();
        _group.Leave(leader, null, _now);
        var again = Join(follower);

        Assert.Equal(follower, Result(again).Leader);
        Assert.Single(Result(again).Members!);
    }

    [Fact]
    public void A_member_that_never_asks_for_its_assignment_is_removed()
    {
        var (leader, follower) = TwoJoined();
        _group.Sync(SyncOf(leader), _now);
        for (var passed = 0; passed < RebalanceTimeout; passed += 1_000)
        {
            Heartbeat(leader);
            Heartbeat(follower);
            Pass(1_000);
        }

        Assert.Equal(ErrorCode.UnknownMemberId, Heartbeat(follower));
        Assert.Equal(GroupState.PreparingRebalance, _group.State);
    }

    [Fact]
    public void The_last_one_leaves_an_empty_group()
    {
        var (leader, follower) = Stable();

        Assert.Equal(ErrorCode.None, _group.Leave(follower, null, _now));
        Assert.Equal(ErrorCode.None, _group.Leave(leader, null, _now));

        Assert.Equal(GroupState.Empty, _group.State);
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Leave(leader, null, _now));
    }

    [Fact]
    public void A_member_that_leaves_while_it_joins_does_not_hold_up_the_rest()
    {
        var (leader, follower) = Stable();
        var pending = Result(Join()).MemberId;
        Join(Id());
        var again = (Join(leader), Join(follower));
        Assert.False(again.Item1.IsCompleted);

        _group.Leave(pending, null, _now);

        Assert.Equal(3, Result(again.Item1).Members!.Count);
    }

    [Fact]
    public void A_member_joining_again_unchanged_disturbs_nobody()
    {
        var (_, follower) = Stable();

        var again = Result(Join(follower));

        Assert.Equal((ErrorCode.None, 1), (again.Error, again.Generation));
        Assert.Equal(GroupState.Stable, _group.State);
    }

    [Fact]
    public void A_changed_subscription_rebalances()
    {
        var (leader, follower) = Stable();

        Join(follower, protocols: [new GroupProtocol("range", [9])]);

        Assert.Equal(ErrorCode.RebalanceInProgress, Heartbeat(leader));
    }

    /// <summary>Who may commit, and with what generation, in a stable group of generation 1.</summary>
    [Fact]
    public void Only_members_of_this_generation_commit()
    {
        var (leader, _) = Stable();

        Assert.Equal(ErrorCode.None, _group.MayCommit(leader, null, 1, _now));
        Assert.Equal(ErrorCode.IllegalGeneration, _group.MayCommit(leader, null, 0, _now));
        Assert.Equal(ErrorCode.UnknownMemberId, _group.MayCommit("stranger", null, 1, _now));
        Assert.Equal(ErrorCode.UnknownMemberId, _group.MayCommit("", null, -1, _now));
        Join(Id());
        // The owner of a partition stores where it is before it gives it up.
        Assert.Equal(ErrorCode.None, _group.MayCommit(leader, null, 1, _now));
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("", "i-1")]
    [InlineData("former", null)]
    public void Anyone_commits_for_a_group_without_members(string member, string? instance) =>
        Assert.Equal(ErrorCode.None, _group.MayCommit(member, instance, -1, _now));

    [Fact]
    public void No_commit_while_assignments_are_made()
    {
        var (leader, _) = TwoJoined();

        Assert.Equal(ErrorCode.RebalanceInProgress, _group.MayCommit(leader, null, 1, _now));
    }

    [Fact]
    public void A_protocol_that_all_offer_is_chosen_by_most_votes()
    {
        var id = (Id(), Id(), Id());
        var first = Join(id.Item1, protocols: [new("sticky", []), new("range", [])]);
        Join(id.Item2, protocols: [new("range", []), new("sticky", [])]);
        Join(id.Item3, protocols: [new("range", [])]);
        Pass(InitialDelay);

        Assert.Equal("range", Result(first).Protocol);
    }

    [Fact]
    public void A_member_without_a_common_protocol_is_refused()
    {
        Stable();

        Assert.Equal(ErrorCode.InconsistentGroupProtocol, Result(Join(protocols: [new("sticky", [])])).Error);
    }

    [Fact]
    public void A_static_member_that_comes_back_keeps_its_part_and_fences_its_former_self()
    {
        var (leader, follower) = Stable(instance: "i-2");

        var back = Result(_group.Join(Request("", instance: "i-2"), _now));

        Assert.Equal((ErrorCode.None, 1, leader), (back.Error, back.Generation, back.Leader));
        Assert.NotEqual(follower, back.MemberId);
        Assert.Equal(GroupState.Stable, _group.State);
        Assert.Equal(ErrorCode.FencedInstanceId, _group.Heartbeat(follower, "i-2", 1, _now));
        var sync = new SyncRequest(back.MemberId, "i-2", 1, null, null, new Dictionary<string, byte[]>());
        Assert.Equal([2], Result(_group.Sync(sync, _now)).Assignment);
    }

    [Fact]
    public void Whatever_the_former_self_of_a_static_member_asks_it_is_fenced()
    {
        var (_, former) = Stable(instance: "i-2");
        Result(_group.Join(Request("", instance: "i-2"), _now));

        Assert.Equal(ErrorCode.FencedInstanceId, Result(_group.Join(Request(former, instance: "i-2"), _now)).Error);
        Assert.Equal(ErrorCode.FencedInstanceId, Result(_group.Sync(SyncOf(former) with { InstanceId = "i-2" }, _now)).Error);
        Assert.Equal(ErrorCode.FencedInstanceId, _group.MayCommit(former, "i-2", 1, _now));
        Assert.Equal(ErrorCode.FencedInstanceId, _group.Leave(former, "i-2", _now));
        Assert.Equal(ErrorCode.UnknownMemberId, _group.Heartbeat(former, "unknown", 1, _now));
        Assert.Equal((2, GroupState.Stable), (_group.Members.Count, _group.State));
    }

    [Fact]
    public void A_static_member_is_removed_by_its_instance_alone_and_by_the_end_of_its_session()
    {
        var (leader, _) = Stable(instance: "i-2");

        Assert.Equal(ErrorCode.UnknownMemberId, _group.Leave("", "unknown", _now));
        Assert.Equal(ErrorCode.None, _group.Leave("", "i-2", _now));
        Assert.Equal([leader], _group.Members.Select(member => member.Id));

        Result(_group.Join(Request(leader), _now));
        var back = _group.Join(Request("", instance: "i-2"), _now);
        Assert.Equal(ErrorCode.RebalanceInProgress, Heartbeat(leader));
        Join(leader);
        Assert.Equal(ErrorCode.None, Result(back).Error);
        Pass(Session);
        Assert.DoesNotContain(_group.Members, member => member.InstanceId == "i-2");
    }

    private Task<JoinResult> Join(string id = "", bool knownIdRequired = true, IReadOnlyList<GroupProtocol>? protocols = null) =>
        _group.Join(Request(id, knownIdRequired, protocols: protocols), _now);

    private static JoinRequest Request(
        string id, bool knownIdRequired = true, string? instance = null, IReadOnlyList<GroupProtocol>? protocols = null) =>
        new(id, instance, "client", "/127.0.0.1", Session, RebalanceTimeout, "consumer", protocols ?? [new("range", [])], knownIdRequired);

    /// <summary>An id as the coordinator gives it out.</summary>
    private string Id() => Result(Join()).MemberId;

    private (string Leader, string Follower) TwoJoined(string? instance = null)
    {
        var id = (Id(), instance is null ? Id() : "");
        var (one, two) = (Join(id.Item1), _group.Join(Request(id.Item2, instance: instance), _now));
        Pass(InitialDelay);
        return (Result(one).MemberId, Result(two).MemberId);
    }

    private (string Leader, string Follower) Stable(string? instance = null)
    {
        var (leader, follower) = TwoJoined(instance);
        _group.Sync(SyncOf(leader, (leader, [1]), (follower, [2])), _now);
        _group.Sync(SyncOf(follower) with { InstanceId = instance }, _now);
        return (leader, follower);
    }

    private SyncRequest SyncOf(string member, params (string Member, byte[] Assignment)[] assignments) =>
        new(member, null, _group.Generation, null, null, assignments.ToDictionary(pair => pair.Member, pair => pair.Assignment));

    private ErrorCode Heartbeat(string member) => _group.Heartbeat(member, null, _group.Generation, _now);

    private void Pass(long ms)
    {
        _now += ms;
        _group.Tick(_now);
    }

    private static T Result<T>(Task<T> task)
    {
        Assert.True(task.IsCompletedSuccessfully, "no answer yet");
        return task.Result;
    }
}
