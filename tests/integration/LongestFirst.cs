using StreamSettlement.IntegrationTests;
using StreamSettlement.IntegrationTests.Chaos;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongestFirst))]

namespace StreamSettlement.IntegrationTests;

/// <summary>What takes minutes of waiting begins first, and the short tests run beside it: at the end it would run alone.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderByDescending(collection => collection.TestCollectionDisplayName.Contains(typeof(ChaosTests).FullName!, StringComparison.Ordinal))];
}
