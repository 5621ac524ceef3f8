namespace StreamSettlement.Contracts;

/// <summary>Every bound of the system, unit last in the name. The relations between them are proved by the compiler, below.</summary>
public static class Limits
{
    /// <summary>Rows that ingest reads from MySQL at once.</summary>
    public const int PageRowsMax = 50_000;

    /// <summary>Rows of one aggregator transaction.</summary>
    public const int ChunkRowsMax = 125_000;

    /// <summary>Distinct (day, content, …) cells of one aggregator transaction: bounds its memory.</summary>
    public const int ChunkCellsMax = 200_000;

    /// <summary>Ids of one claim block: the low 16 bits of the id.</summary>
    public const int ClaimBlockIds = 1 << 16;

    /// <summary>Below it a claim block is a sorted list of 16-bit numbers, from it on a bitmap: both are 8 KiB there.</summary>
    public const int ClaimListIdsMax = 4_096;

    public const int ClaimBitmapBytes = ClaimBlockIds / 8;

    /// <summary>Partitions of a data topic.</summary>
    public const int PartitionsMax = 1_024;

    public const int PartitionsDefault = 12;

    /// <summary>A record's value; ours take less than 100 bytes.</summary>
    public const int RecordValueBytesMax = 1 << 16;

    /// <summary>Seconds that one view may have been watched: a week. More is absurd and becomes a dead letter.</summary>
    public const int WatchSecondsMax = 7 * 24 * 3_600;

    /// <summary>Repairs that settlement asks for by itself before it calls an operator.</summary>
    public const int RepairAttemptsMax = 3;

    /// <summary>Parts that a backfill or repair pages in parallel.</summary>
    public const int BackfillPartsMax = 8;

    private const byte ChunkHoldsAPage = ChunkRowsMax >= PageRowsMax ? 0 : -1;
    private const byte ClaimListNeverLargerThanBitmap = ClaimListIdsMax * sizeof(ushort) <= ClaimBitmapBytes ? 0 : -1;
    private const byte DefaultPartitionsAllowed = PartitionsDefault <= PartitionsMax ? 0 : -1;
}
