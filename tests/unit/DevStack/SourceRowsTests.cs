using System.Text;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Generator;

namespace StreamSettlement.UnitTests.DevStack;

public sealed class SourceRowsTests
{
    private static readonly GeneratorSettings Settings = new() { Contents = 1_000, Creators = 50, Day = BusinessDay.Of(2026, 11, 21), Days = 2, Seed = 3 };

    [Fact]
    public void A_row_depends_on_the_seed_and_its_id_alone()
    {
        var (rows, again) = (new SourceRows(Settings), new SourceRows(Settings));
        // In another order, and among others.
        var backwards = Enumerable.Range(1, 100).Reverse().ToDictionary(id => id, id => Log(again, id));
        Assert.All(Enumerable.Range(1, 100), id => Assert.Equal(Log(rows, id), backwards[id]));
        var other = new SourceRows(Settings with { Seed = 4 });
        Assert.NotEqual(string.Concat(backwards.OrderBy(row => row.Key).Select(row => row.Value)), string.Concat(Enumerable.Range(1, 100).Select(id => Log(other, id))));
    }

    [Fact]
    public void A_row_is_a_line_for_LOAD_DATA_or_values_for_an_INSERT()
    {
        var line = Log(new SourceRows(Settings), 42);
        var text = new StringBuilder();
        new SourceRows(Settings).AppendViewLog(text, RowFormat.Sql, 42);
        Assert.Equal($"('{line.TrimEnd('\n').Replace("\t", "','", StringComparison.Ordinal)}')", text.ToString());
        Assert.StartsWith("42\t", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_log_begins_as_the_one_it_will_be()
    {
        var text = new StringBuilder();
        new SourceRows(Settings).AppendBegunViewLog(text, RowFormat.Line, 42);
        var (begun, ended) = (text.ToString().Split('\t'), Log(new SourceRows(Settings), 42).Split('\t'));
        Assert.Equal(ended[..4], begun[..4]);
        Assert.Equal(["0", "0", "IN_PROGRESS\n"], begun[4..]);
    }

    [Fact]
    public void Popularity_follows_Zipf()
    {
        var popularity = new Popularity(1_000, seed: 5);
        var drawn = new int[1_001];
        for (var row = 0; row < 200_000; row++)
        {
            var random = new RowRandom(5, RowKind.ViewLog, row);
            drawn[popularity.Draw(ref random)]++;
        }
        Array.Sort(drawn);
        // Of 1,000 contents with exponent 1.1 the first gets 1/5.57, the second 1/2^1.1 of that.
        Assert.InRange(drawn[^1], 200_000 / 5.57 * 0.97, 200_000 / 5.57 * 1.03);
        Assert.InRange(drawn[^1] / (double)drawn[^2], 2.05, 2.25);
    }

    [Theory]
    [InlineData(-1, 0, 1, 1, "logs")]
    [InlineData(0, -1, 1, 1, "ads")]
    [InlineData(0, 0, 0, 1, "contents")]
    [InlineData(0, 0, 1, 0, "creators")]
    public void Settings_out_of_range_are_refused_by_name(int logs, int ads, int contents, int creators, string named)
    {
        var refused = Assert.Throws<DevStackException>(() => (Settings with { Logs = logs, Ads = ads, Contents = contents, Creators = creators }).Validated());
        Assert.StartsWith(named, refused.Message, StringComparison.Ordinal);
    }

    private static string Log(SourceRows rows, int id)
    {
        var text = new StringBuilder();
        rows.AppendViewLog(text, RowFormat.Line, id);
        return text.ToString();
    }
}
