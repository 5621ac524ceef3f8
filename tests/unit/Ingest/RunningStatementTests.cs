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
    [InlineData("set statement max_statement_time = 10 for insert into t values (1)")]
    [InlineData("SET /* for this one */ STATEMENT max_statement_time = 10 FOR UPDATE t SET a = 1")]
    [InlineData("set -- for this one\n\tstatement max_statement_time = 10 for delete from t")]
    [InlineData("/*!100100 set*/\fstatement max_statement_time = 10 for replace into t values (1)")]
    [InlineData("set /*M!100100 statement max_statement_time = 10 for */ insert into t values (1)")]
    [InlineData("analyze update t set a = 1")]
    [InlineData("analyze format=json delete from t")]
    [InlineData("explain analyze delete t from t join u on t.id = u.id")]
    [InlineData("desc /* how long */ analyze update t join u on t.id = u.id set t.a = 1")]
    public void What_may_write_holds_the_horizon_back(string statement) => Assert.True(RunningStatement.MayWrite(statement));

    [Theory]
    [InlineData("select * from t")]
    [InlineData("SELECT /*!40001 SQL_NO_CACHE */ * FROM `t`")]
    [InlineData("(select 1) union (select 2)")]
    [InlineData("/* a report */ select 1")]
    [InlineData("show processlist")]
    [InlineData("with x as (select 1) select * from x")]
    [InlineData("set names utf8mb4")]
    [InlineData("set session statement_timeout = 10")]
    [InlineData("set @statement = 1")]
    [InlineData("explain update t set a = 1")]
    [InlineData("show analyze for 17")]
    [InlineData("select statement from t")]
    public void What_only_reads_does_not(string statement) => Assert.False(RunningStatement.MayWrite(statement));

    [Fact]
    public void A_statement_that_MySQL_does_not_show_may_write() => Assert.True(RunningStatement.MayWrite(null));

    [Fact]
    public void A_query_whose_end_was_cut_off_may_write() =>
        Assert.True(RunningStatement.MayWrite("with x as (select '" + new string('x', RunningStatement.TextCharsMax)));

    [Fact]
    public void A_statement_whose_second_word_was_cut_off_may_write() =>
        Assert.True(RunningStatement.MayWrite("set /* " + new string('x', RunningStatement.TextCharsMax)));

    [Fact]
    public void A_long_query_that_was_cut_off_reads() =>
        Assert.False(RunningStatement.MayWrite("select '" + new string('x', RunningStatement.TextCharsMax)));
}
