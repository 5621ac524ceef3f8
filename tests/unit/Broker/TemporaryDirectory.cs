namespace StreamSettlement.UnitTests.Broker;

/// <summary>An empty directory that is gone after the test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("devbroker-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
