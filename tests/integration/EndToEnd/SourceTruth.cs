using StreamSettlement.Contracts;

namespace StreamSettlement.IntegrationTests.EndToEnd;

/// <summary>A test's stack against plain SQL over its source.</summary>
internal sealed class SourceTruth(Stack stack)
{
    /// <summary>Fails with the first differing lines where rollups, payouts or balances are not what the source says.</summary>
    /// <inheritdoc cref="StreamSettlement.DevStack.Truth.SourceTruth.CompareAsync"/>
    public async Task AssertEqualAsync(IReadOnlyCollection<BusinessDay> postedDays)
    {
        var compared = await new StreamSettlement.DevStack.Truth.SourceTruth(stack.Source, stack.Postgres).CompareAsync(postedDays, TestContext.Current.CancellationToken);
        Assert.All(compared, comparison => Assert.True(comparison.IsEqual, comparison.ToString()));
    }
}
