using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest.Core;

/// <summary>Something that may still make rows visible whose <c>updated_at</c> lies in the past.</summary>
/// <param name="Name">For the operator: <c>transaction of connection 17</c>, <c>statement of connection 17</c>.</param>
/// <param name="Since">Its start by MySQL's clock, to the second.</param>
internal sealed record OpenWork(string Name, SourceTime Since);

/// <summary>What MySQL showed at one look, by its own clock.</summary>
/// <param name="Now">Taken before everything else of the look, and so before every page read after it.</param>
/// <param name="Open">Transactions that changed or locked rows, and running statements that may write; null where the
/// privilege to see them is missing.</param>
/// <param name="IsFresh">The list of transactions is known to be younger than the start of the look; MySQL caches it for 100 ms or more.</param>
internal sealed record SourceLook(SourceTime Now, IReadOnlyList<OpenWork>? Open, bool IsFresh);

/// <summary>How far the streams may be read. Rows below it are committed and visible.</summary>
/// <param name="HeldBackBy">Null where only the safety lag holds it back.</param>
internal sealed record Horizon(SourceTime Below, OpenWork? HeldBackBy)
{
    /// <summary>Starts of transactions and statements are shown in whole seconds.</summary>
    public static readonly TimeSpan StartResolution = TimeSpan.FromSeconds(1);

    /// <summary>The lowest of now − lag and, less their resolution, the starts of everything open.</summary>
    public static Horizon Of(SourceLook look, TimeSpan safetyLag)
    {
        var horizon = new Horizon(look.Now - safetyLag, null);
        foreach (var work in look.Open ?? [])
            if (work.Since - StartResolution < horizon.Below) horizon = new Horizon(work.Since - StartResolution, work);
        return horizon;
    }

    /// <summary>
    /// Whether everything below <paramref name="cutoff"/> is committed and visible, without waiting for the safety lag: the
    /// look came after the cutoff, its list of transactions is no cached one, and nothing open can have begun before the cutoff.
    /// A statement that is neither running nor left an open transaction behind has committed or never will.
    /// </summary>
    public static bool IsSettled(SourceLook look, SourceTime cutoff) =>
        look is { Open: not null, IsFresh: true } && look.Now >= cutoff && look.Open.All(work => work.Since - StartResolution >= cutoff);
}
