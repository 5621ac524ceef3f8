namespace StreamSettlement.DevStack.Generator;

/// <summary>
/// Which content is watched: Zipf's law with exponent 1.1, so that of a million views the first of 20,000 contents gets about 145,000,
/// enough to cross a tier. The ranks are dealt to the ids by the seed. Drawing takes constant time (Vose's alias method).
/// </summary>
internal sealed class Popularity
{
    private const double Exponent = 1.1;

    private readonly double[] keep;
    private readonly int[] alias;
    private readonly int[] contentOfRank;

    public Popularity(int contents, long seed)
    {
        (keep, alias) = Alias(contents);
        contentOfRank = Deal(contents, seed);
    }

    /// <returns>A content id, 1 to the number of contents.</returns>
    public int Draw(ref RowRandom random)
    {
        var column = random.Next(keep.Length);
        return contentOfRank[random.NextUnit() < keep[column] ? column : alias[column]];
    }

    private static (double[] Keep, int[] Alias) Alias(int contents)
    {
        var weights = Enumerable.Range(1, contents).Select(rank => Math.Pow(rank, -Exponent)).ToArray();
        var total = weights.Sum();
        var scaled = weights.Select(weight => weight * contents / total).ToArray();
        var keep = new double[contents];
        var alias = new int[contents];
        var small = new Stack<int>(Enumerable.Range(0, contents).Where(rank => scaled[rank] < 1));
        var large = new Stack<int>(Enumerable.Range(0, contents).Where(rank => scaled[rank] >= 1));
        while (small.Count > 0 && large.Count > 0)
        {
            var (low, high) = (small.Pop(), large.Pop());
            (keep[low], alias[low]) = (scaled[low], high);
            scaled[high] -= 1 - scaled[low];
            (scaled[high] < 1 ? small : large).Push(high);
        }
        foreach (var rank in small.Concat(large)) keep[rank] = 1;
        return (keep, alias);
    }

    private static int[] Deal(int contents, long seed)
    {
        var ids = Enumerable.Range(1, contents).ToArray();
        for (var last = contents - 1; last > 0; last--)
        {
            var random = new RowRandom(seed, RowKind.Popularity, last);
            var other = random.Next(last + 1);
            (ids[last], ids[other]) = (ids[other], ids[last]);
        }
        return ids;
    }
}
