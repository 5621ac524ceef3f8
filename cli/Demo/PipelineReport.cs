using System.Text.Json;
using System.Text.Json.Serialization;

namespace StreamSettlement.Cli.Demo;

/// <summary>Seconds per stage. Ingest, aggregate and pipeline all begin at the first row read; they overlap.</summary>
/// <param name="Generate">Filling the source, before anything else runs.</param>
/// <param name="Ingest">Until the last row stood in Kafka.</param>
/// <param name="Aggregate">Until every partition of both streams was sealed.</param>
/// <param name="Settle">From there to Posted.</param>
/// <param name="Pipeline">From the first row read to Posted.</param>
internal sealed record StageSeconds(double Generate, double Ingest, double Aggregate, double Settle, double Pipeline);

/// <summary>What one run of the pipeline came to; its JSON names are public surface.</summary>
/// <param name="Logs">View logs in the source, of every status.</param>
/// <param name="Ads">Ad views in the source.</param>
/// <param name="CompletedViews">COMPLETED view logs of the day in the source.</param>
/// <param name="CountedViews">In the rollups.</param>
/// <param name="CountedAds">In the rollups.</param>
/// <param name="Excluded">Claimed but not counted, by the eligibility rule.</param>
/// <param name="PaidViews">Units in the payouts.</param>
/// <param name="PaidAds">Units in the payouts.</param>
/// <param name="RowsPerSecond">Logs and ads over the seconds of the pipeline.</param>
/// <param name="PeakRssMb">Per process, 10^6 bytes.</param>
/// <param name="CpuSeconds">Per process with what it started, from the start of the services to Posted: on a busy machine it says more than the time that passed.</param>
/// <param name="Servers">What it ran on, with versions: <c>kafka</c>, <c>source</c>, <c>postgres</c>.</param>
/// <param name="LedgerMicros">Payable to creators in the ledger; equal to the payouts.</param>
/// <param name="Reconciled">Source, rollups, payouts and ledger agree.</param>
/// <param name="GroupBySeconds">One GROUP BY over the same view logs in the source database: counting alone, once, with nothing kept.</param>
/// <param name="Refusal">Why the day is not posted; null when it is.</param>
internal sealed record PipelineReport(
    string Day, long Seed, long Logs, long Ads, long CompletedViews, long CountedViews, long CountedAds, long Excluded, long DeadLetters,
    long PaidViews, long PaidAds, StageSeconds Seconds, long RowsPerSecond, IReadOnlyDictionary<string, double> PeakRssMb,
    IReadOnlyDictionary<string, double> CpuSeconds, IReadOnlyDictionary<string, string> Servers,
    long PayoutMicros, long LedgerMicros, bool Reconciled, string Status, string? Refusal, double GroupBySeconds,
    [property: JsonIgnore] IReadOnlyList<CreatorPayout> TopCreators)
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>Of all processes together.</summary>
    public double CpuSecondsTotal => Math.Round(CpuSeconds.Values.Sum(), 2);

    /// <summary>Logs and ads over the processor seconds of all processes.</summary>
    public long RowsPerCoreSecond => CpuSecondsTotal > 0 ? (long)((Logs + Ads) / CpuSecondsTotal) : 0;

    public string ToJson() => JsonSerializer.Serialize(this, Json);
}

/// <summary>Per process: highest resident size in MB (10^6 bytes), and seconds on processors.</summary>
internal sealed record ResourceUse(IReadOnlyDictionary<string, double> PeakRssMb, IReadOnlyDictionary<string, double> CpuSeconds);

internal sealed record CreatorPayout(long CreatorId, long Views, long Ads, long AmountMicros);
