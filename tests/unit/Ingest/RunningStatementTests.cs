using StreamSettlement.Ingest.Core;

namespace StreamSettlement.UnitTests.Ingest;

public class RunningStatementTests
{
    [Theory]
    [InlineData("insert into t values (1)")]
    [InlineData("UPDATE t set a = 1")]
    [InlineData("  \n delete from t")]
    [InlineData("replace into t values (1)")]
    [InlineData("load data infile 'x' into table t")]
    [InlineData("call fill()")]
    [InlineData("commit")]
    [InlineData("/* from the app */ insert into t values (1)")]
    [InlineData("/*!40000 insert into t values (1) */")]
    [InlineData("-- a remark\ninsert into t values (1)")]
    [InlineData("# a remark\ninsert into t values (1)")]
    [InlineData("with x as (select 1) update t join x set a = 1")]
    [InlineData("alter table t add b int")]
    [InlineData("something MySQL learns one day")]
    public void What_may_write_holds_the_horizon_back(string statement) => Assert.True(RunningStatement.MayWrite(statement));

    [Theory]
    [InlineData("select * from t")]
    [InlineData("SELECT /*!40001 SQL_NO_CACHE */ * FROM `t`")]
    [InlineData("(select 1) union (select 2)")]
    [InlineData("/* a report */ select 1")]
    [InlineData("show processlist")]
    [InlineData("with x as (select 1) select * from x")]
    [InlineData("set names utf8mb4")]
    public void What_only_reads_does_not(string statement) => Assert.False(RunningStatement.MayWrite(statement));

    [Fact]
    public void A_statement_that_MySQL_does_not_show_may_write() => Assert.True(RunningStatement.MayWrite(null));

    [Fact]
    public void A_query_whose_end_was_cut_off_may_write() =>
        Assert.True(RunningStatement.MayWrite("with x as (select '" + new string('x', RunningStatement.TextCharsMax)));
}
