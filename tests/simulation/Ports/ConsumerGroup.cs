using StreamSettlement.Aggregator.Core;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests.Ports;

/// <summary>The group of the aggregators: who owns which partition, as the coordinator believes, and the offsets it was told.</summary>
internal sealed class ConsumerGroup(Scheduler scheduler, Dice dice)
{
    private const long SessionTimeout = 6 * Span.Second;

    private readonly List<AggregatorLogPort> _members = [];
    private readonly Dictionary<LogPartition, AggregatorLogPort> _owners = [];
    private readonly Dictionary<LogPartition, AggregatorLogPort> _targets = [];
    private bool _isBalancing;

    public IReadOnlyList<AggregatorLogPort> Members => _members;

    public Dictionary<LogPartition, long> Committed { get; } = [];

    public void Join(AggregatorLogPort member)
    {
        _members.Add(member);
        Rebalance();
    }

    public void Leave(AggregatorLogPort member)
    {
        if (!_members.Remove(member)) return;
        foreach (var at in LogTopics.All.Where(at => _owners.GetValueOrDefault(at) == member)) _owners.Remove(at);
        Rebalance();
    }

    /// <summary>A member that died is missed after a while.</summary>
    public void Expire(AggregatorLogPort member) => scheduler.After(SessionTimeout, () => Leave(member));

    /// <summary>Gives the partitions out anew.</summary>
    public void Rebalance()
    {
        if (_isBalancing) return;
        _isBalancing = true;
        scheduler.After(dice.Between(20, 400) * Span.Millisecond, () =>
        {
            _isBalancing = false;
            _targets.Clear();
            if (_members.Count == 0) return;
            var first = dice.Below(_members.Count);
            foreach (var at in LogTopics.All) _targets[at] = _members[first++ % _members.Count];
            Move();
        });
    }

    /// <summary>The member has let go.</summary>
    public void Released(AggregatorLogPort member, IEnumerable<LogPartition> partitions)
    {
        foreach (var at in partitions)
            if (_owners.GetValueOrDefault(at) == member) _owners.Remove(at);
        Move();
    }

    public void Commit(AggregatorLogPort member, LogPartition at, long next)
    {
        if (_owners.GetValueOrDefault(at) == member) Committed[at] = next;
    }

    private void Move()
    {
        foreach (var member in _members)
        {
            var gone = _owners.Where(owned => owned.Value == member && _targets.GetValueOrDefault(owned.Key, member) != member).Select(owned => owned.Key).ToList();
            if (gone.Count > 0) member.Revoke(gone);
            var free = LogTopics.All.Where(at => !_owners.ContainsKey(at) && _targets.GetValueOrDefault(at) == member).ToList();
            if (free.Count == 0) continue;
            foreach (var at in free) _owners[at] = member;
            member.Assign(free);
        }
    }
}
