namespace StreamSettlement.DevBroker.Topics;

/// <summary>What is stored of a topic in topics.json.</summary>
internal sealed record TopicRecord(string Name, Guid Id, int Partitions, Dictionary<string, string> Configs);

/// <summary>A topic with its open partitions.</summary>
internal sealed record Topic(TopicRecord Record, PartitionLog[] Partitions)
{
    public string Name => Record.Name;
    public Guid Id => Record.Id;

    public PartitionLog? Partition(int index) =>
        index >= 0 && index < Partitions.Length ? Partitions[index] : null;
}
