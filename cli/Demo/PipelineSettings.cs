using StreamSettlement.DevStack.Generator;

namespace StreamSettlement.Cli.Demo;

/// <summary>One run of the whole pipeline over freshly generated rows.</summary>
/// <param name="Rows">All of one day.</param>
internal sealed record PipelineSettings(GeneratorSettings Rows)
{
    /// <summary>Longest wait without any row, seal or status moving. Default 3 min.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>Nobody but the run itself ends the day.</summary>
    public static readonly IReadOnlyDictionary<string, string> ServiceEnvironment = new Dictionary<string, string> { ["Ingest__EndOfDaySchedule"] = "false" };
}
