namespace StreamSettlement.Settlement.Core;

/// <summary>What a creator is paid for. Each kind has its own rate cards, its own entry per run and its own expense account.</summary>
internal enum PriceKind
{
    View = 0,
    Ad = 1,
}

internal static class PriceKinds
{
    public static readonly IReadOnlyList<PriceKind> All = [PriceKind.View, PriceKind.Ad];

    /// <summary>The kind's name in tables and in JSON: <c>view</c>, <c>ad</c>.</summary>
    public static string Name(this PriceKind kind) => kind == PriceKind.View ? "view" : "ad";

    /// <exception cref="FormatException"><paramref name="name"/> is neither <c>view</c> nor <c>ad</c>.</exception>
    public static PriceKind Parse(string name) => name switch
    {
        "view" => PriceKind.View,
        "ad" => PriceKind.Ad,
        _ => throw new FormatException($"'{name}' is no kind: expected view or ad"),
    };
}
