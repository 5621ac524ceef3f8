using StreamSettlement.ConformanceTests.Clients;

namespace StreamSettlement.ConformanceTests;

/// <summary>Some changes are acknowledged before every broker of a cluster knows them: asked again for a while.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task Is<T>(T expected, Func<Task<T>> ask)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                var found = await ask();
                if (Equals(expected, found)) return;
                Assert.True(TimeProvider.System.GetElapsedTime(began) < Patience, $"expected {expected}, still {found}");
            }
            catch (RefusedException) when (TimeProvider.System.GetElapsedTime(began) < Patience)
            {
                // Not known everywhere yet.
            }
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    public static Task Refuses(int code, Func<Task> request) => Is(code, async () =>
    {
        try
        {
            await request();
            return 0;
        }
        catch (RefusedException refused)
        {
            return refused.Code;
        }
    });
}
