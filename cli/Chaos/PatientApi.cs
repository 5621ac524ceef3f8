using StreamSettlement.Cli.Api;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;

namespace StreamSettlement.Cli.Chaos;

/// <summary>The API as somebody uses it who knows that the service, its database or Kafka is away now and then: asks again.</summary>
internal sealed class PatientApi(SettlementApi api, TimeProvider time)
{
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public Task EndDayAsync(BusinessDay day, CancellationToken token) => AskAsync(async () =>
    {
        await api.EndDayAsync(day, token);
        return true;
    }, token);

    public Task<DayState> DayAsync(BusinessDay day, CancellationToken token) => AskAsync(async () => await api.DayAsync(day, token) ?? DayState.Unknown, token);

    private async Task<T> AskAsync<T>(Func<Task<T>> question, CancellationToken token)
    {
        for (var start = time.GetTimestamp(); ; await Task.Delay(AskAgainAfter, time, token))
        {
            try
            {
                return await question();
            }
            catch (DevStackException) when (time.GetElapsedTime(start) < Patience)
            {
                // Refused or not answered: the last answer is the one that counts.
            }
        }
    }
}
