using StreamSettlement.Cli;
using StreamSettlement.Cli.Commands;
using StreamSettlement.Cli.Demo;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Generator;

namespace StreamSettlement.ContainerTests;

public sealed class PipelineTests(Containers containers)
{
    [Fact]
    public async Task A_day_is_paid_exactly_on_Apache_Kafka_MySQL_and_PostgreSQL_in_containers()
    {
        Assert.SkipWhen(containers.WhyNot is not null, containers.WhyNot ?? "");
        var rows = new GeneratorSettings { Logs = 20_000, Ads = 10_000, Contents = 500, Creators = 50, Seed = 4, Day = BusinessDay.Of(2026, 11, 21) };
        var state = new StateDirectory(Path.Combine(Repository.Root, ".local", "containers"));
        var said = new StringWriter();

        var report = await DemoCommand.RunAsync(
            new PipelineSettings(rows), containers.Servers, state, Terminal.Plain(said, said), TimeProvider.System, keep: false, TestContext.Current.CancellationToken);

        Assert.True(report is { Status: "Posted", Reconciled: true }, $"{report.Status}, {report.Refusal}\n{said}");
        Assert.Equal((20_000, 10_000), (report.Logs, report.CountedAds));
        state.Delete();
    }
}
