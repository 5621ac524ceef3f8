using System.Globalization;

namespace StreamSettlement.Bench;

/// <summary>
/// The ways of <see cref="MechanismRace"/> in turns, so that what else the machine does falls on all of them, and of each the fastest
/// turn: the others only waited longer.
/// </summary>
internal static class MechanismBench
{
    private const int Turns = 40;

    public static async Task RunAsync()
    {
        var race = new MechanismRace();
        (string Name, Func<Task> Way)[] ways =
        [
            ("all mechanisms", race.AllMechanisms), ("without claims", race.WithoutClaims), ("without epochs", race.WithoutEpochs),
            ("in separate transactions", race.InSeparateTransactions), ("with a hundred dead letters", race.WithAHundredDeadLetters),
            ("claims in memory alone", () => Task.FromResult(race.ClaimInMemory())),
            ("look for the horizon", race.LookForTheHorizon), ("read the clock alone", () => Task.FromResult(race.ReadTheClockAlone())),
        ];
        var fastest = ways.ToDictionary(way => way.Name, _ => TimeSpan.MaxValue);
        await race.StartAsync(null);
        try
        {
            for (var turn = 0; turn < Turns; turn++)
            {
                foreach (var (name, way) in ways)
                {
                    var began = TimeProvider.System.GetTimestamp();
                    await way();
                    var took = TimeProvider.System.GetElapsedTime(began);
                    if (took < fastest[name]) fastest[name] = took;
                }
            }
        }
        finally
        {
            await race.StopAsync();
        }
        Console.WriteLine($"a chunk of {race.Rows:N0} rows, fastest of {Turns} turns");
        foreach (var (name, took) in fastest) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {name,-28}{took.TotalMilliseconds,8:0.0} ms"));
    }
}
