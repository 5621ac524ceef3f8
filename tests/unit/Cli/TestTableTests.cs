using StreamSettlement.Cli.Testing;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.UnitTests.Cli;

public sealed class TestTableTests
{
    private static readonly SuiteResult[] Results =
    [
        new(new TestRun("unit", [], new ServerChoice()), new TestCounts(1_200, 0, 0), []),
        new(new TestRun("integration", ["Ingest", "Faults"], new ServerChoice { KafkaHome = "/opt/kafka" }), new TestCounts(70, 1, 2), ["Apache Kafka 4.4.0", "MySQL 9.7.4"]),
    ];

    [Fact]
    public void The_table_stands_between_the_markers_and_replaces_the_last_one()
    {
        var text = $"before\n{TestTable.Begin}\nold\n{TestTable.End}\nafter\n";

        var replaced = TestTable.Replace(text, Results)!;

        Assert.StartsWith("before\n", replaced);
        Assert.EndsWith($"{TestTable.End}\nafter\n", replaced);
        Assert.DoesNotContain("old", replaced);
        Assert.Contains("| unit | no server | 1,200 | 0 | 0 |", replaced);
        Assert.Contains("| integration: Ingest, Faults | Apache Kafka 4.4.0, MySQL 9.7.4 | 70 | 1 | 2 |", replaced);
        Assert.Equal(replaced, TestTable.Replace(replaced, Results));
    }

    [Fact]
    public void A_file_without_the_markers_is_not_written_to() => Assert.Null(TestTable.Replace("a readme", Results));
}
