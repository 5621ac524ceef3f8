namespace StreamSettlement.DevBroker.Wire;

/// <summary>Reads the fields of one partition from a request and writes the fields of its answer.</summary>
internal delegate void PartitionAnswer(string topic, ref RequestReader reader);

/// <summary>What many requests have in common: topics with partitions, each answered at its own place.</summary>
internal static class TopicPartitions
{
    public static void Answer(ref RequestReader reader, ResponseWriter response, PartitionAnswer answer)
    {
        var topics = reader.Count();
        response.Array(topics);
        for (; topics > 0; topics--)
        {
            var name = reader.String();
            var partitions = reader.Count();
            response.String(name).Array(partitions);
            for (; partitions > 0; partitions--)
            {
                answer(name, ref reader);
                reader.Tags();
                response.Tags();
            }
            reader.Tags();
            response.Tags();
        }
    }
}
