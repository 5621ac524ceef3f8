using StreamSettlement.Cli.Demo;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Generator;

namespace StreamSettlement.Cli.Chaos;

/// <param name="Duration">From the first row to the last fault; settling comes on top.</param>
/// <param name="Seed">Decides the schedule of faults and every row.</param>
/// <param name="RowsPerSecond">New rows, both tables together.</param>
/// <param name="LastDay">Of <see cref="ChaosPlan.Days"/>.</param>
internal sealed record ChaosSettings(TimeSpan Duration, int Seed, int RowsPerSecond, BusinessDay LastDay)
{
    /// <summary>Of the aggregators: the shortest that Apache Kafka accepts by default.</summary>
    public static readonly TimeSpan Session = TimeSpan.FromSeconds(6);

    public IReadOnlyList<BusinessDay> Days => [.. Enumerable.Range(0, ChaosPlan.Days).Select(day => LastDay.AddDays(day - ChaosPlan.Days + 1))];

    public GeneratorSettings Rows => new() { Logs = 0, Ads = 0, Contents = 500, Creators = 50, Advertisements = 20, Seed = Seed, Day = LastDay, Days = ChaosPlan.Days };

    public static LocalStackSettings Stack => new()
    {
        Ingests = ChaosPlan.InstancesOf("ingest").Count,
        Aggregators = ChaosPlan.InstancesOf("aggregator").Count,
        Environment = new Dictionary<string, string>(PipelineSettings.ServiceEnvironment) { ["Aggregator__SessionTimeout"] = Session.ToString("c") },
    };
}
