using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest.Core;

/// <summary>
/// How long MySQL's list of transactions could not be proved fresh, by MySQL's clock. For so long nothing new is read, and nothing else
/// shows it: no transaction is open, nobody is held back.
/// </summary>
internal sealed class ProofWatch
{
    /// <summary>A look takes 120 ms: eighty of them in vain are no chance.</summary>
    public static readonly TimeSpan Alarm = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan SayEvery = TimeSpan.FromMinutes(1);

    private SourceTime? _provedAt;
    private SourceTime? _saidAt;

    /// <returns>Age of the newest proved list, and whether somebody should be told now: at first after <see cref="Alarm"/>, then once a minute.</returns>
    public (TimeSpan Age, bool IsAlarm) Seen(SourceLook look)
    {
        // Without the privilege there is no list to prove.
        if (look.IsFresh || look.Open is null) (_provedAt, _saidAt) = (look.Now, null);
        _provedAt ??= look.Now;
        var age = look.Now - _provedAt.Value;
        if (age < Alarm || (_saidAt is { } said && look.Now - said < SayEvery)) return (age, false);
        _saidAt = look.Now;
        return (age, true);
    }
}
