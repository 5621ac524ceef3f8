using StreamSettlement.Cli.Testing;

namespace StreamSettlement.UnitTests.Cli;

public sealed class TestCountsTests
{
    [Fact]
    public void Results_of_all_assemblies_are_added_up()
    {
        var counts = TestCounts.Read("""
            <assemblies>
              <assembly name="a" total="7" passed="4" failed="1" skipped="2" not-run="0" errors="0" />
              <assembly name="b" total="3" passed="3" failed="0" skipped="0" not-run="0" errors="0" />
            </assemblies>
            """);
        Assert.Equal("7 passed, 1 failed, 2 skipped", counts.ToString());
    }

    [Fact]
    public void An_error_outside_any_test_is_a_failure_and_a_test_not_run_was_skipped() =>
        Assert.Equal(new TestCounts(1, 2, 3), TestCounts.Read("""<assemblies><assembly passed="1" failed="1" skipped="1" not-run="2" errors="1" /></assemblies>"""));
}
