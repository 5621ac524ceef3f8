using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Hosting;

namespace StreamSettlement.IntegrationTests;

/// <summary>
/// The broker of one test: a development broker of its own, or, where KAFKA_HOME names an Apache Kafka, the node that all tests share, on which the
/// test has topics and groups under a prefix of its own. A test that stops the broker has a node of its own there too.
/// </summary>
internal sealed class TestBroker : IAsyncDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    private static int _prefixes;

    private readonly StateDirectory? _own;
    private readonly KafkaBroker _server;

    private TestBroker(KafkaBroker server, StateDirectory? own, string topicPrefix) => (_server, _own, TopicPrefix) = (server, own, topicPrefix);

    public string Bootstrap => _server.Bootstrap;

    public int Port => _server.Port;

    public string TopicPrefix { get; }

    public Topics Topics => new(TopicPrefix);

    /// <summary>Only of a broker of its own: another's is not to be touched.</summary>
    public ChildProcess Process => _own is null ? throw new InvalidOperationException("the broker is shared: start one of the test's own") : _server.Process;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <param name="state">Where a broker of its own keeps its data.</param>
    /// <param name="own">Whether the test stops it, or looks at all that is in it.</param>
    /// <param name="topicPrefix">On a broker of its own the whole prefix, on the shared one behind what is the test's own.</param>
    public static async Task<TestBroker> StartAsync(Servers servers, StateDirectory state, bool own = false, string topicPrefix = "")
    {
        if (servers.Kafka is { } shared && !own)
            return new TestBroker(shared, null, string.Create(CultureInfo.InvariantCulture, $"test-{Interlocked.Increment(ref _prefixes)}.{topicPrefix}"));
        return new TestBroker(await KafkaBroker.StartAsync(Servers.KafkaHome, state, TimeProvider.System, Token), state, topicPrefix);
    }

    /// <summary>A development broker whatever else the tests run on.</summary>
    public static async Task<TestBroker> StartDevelopmentAsync(StateDirectory state) =>
        new(await DevBrokerServer.StartAsync(state, TimeProvider.System, Token), state, "");

    /// <summary>Skips a test of what the development broker alone does, or of its files, where the tests run on Apache Kafka.</summary>
    public static void RequireDevelopmentBroker() => Assert.SkipWhen(Servers.KafkaHome is not null, "a test of the development broker's own files");

    /// <summary>Kills it, or stops it in order; after <paramref name="meanwhile"/> it is started at the same address over the same data.</summary>
    public async Task RestartAsync(bool kill, Func<Task>? meanwhile = null)
    {
        if (kill) await Process.KillAsync();
        else await Process.StopAsync();
        if (meanwhile is not null) await meanwhile();
        await _server.StartAgainAsync();
        await _server.WaitUntilReadyAsync(Token);
    }

    /// <summary>Asks again while what is refused passes by itself: a group's coordinator that is not known yet, or still reads its groups.</summary>
    public static T Passing<T>(Func<T> ask)
    {
        var time = TimeProvider.System;
        for (var start = time.GetTimestamp(); ;)
        {
            try
            {
                return ask();
            }
            catch (KafkaException passing) when (Transient.Kafka(passing) && time.GetElapsedTime(start) < Timeout)
            {
                Token.WaitHandle.WaitOne(Poll);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_own is null)
        {
            await DeleteTopicsAsync();
            return;
        }
        await _server.DisposeAsync();
        // The logs stay, for whoever looks for the cause of a failure.
        KafkaBroker.DeleteData(_own);
    }

    // A node slows down with every partition, and hundreds of tests share it.
    private async Task DeleteTopicsAsync()
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Bootstrap }).SetLogHandler((_, _) => { }).Build();
        var names = admin.GetMetadata(Timeout).Topics.Select(topic => topic.Topic).Where(topic => topic.StartsWith(TopicPrefix, StringComparison.Ordinal)).ToList();
        if (names.Count == 0) return;
        try
        {
            await admin.DeleteTopicsAsync(names, new DeleteTopicsOptions { RequestTimeout = Timeout, OperationTimeout = Timeout });
        }
        catch (DeleteTopicsException gone) when (gone.Results.TrueForAll(result => result.Error.Code is ErrorCode.NoError or ErrorCode.UnknownTopicOrPart))
        {
            // The test has deleted some, and the broker's metadata still listed them.
        }
    }
}
