using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using StreamSettlement.DevBroker;
using StreamSettlement.DevBroker.Api;
using StreamSettlement.DevBroker.Net;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.UnitTests.Broker;

/// <summary>A million requests, mutated from valid ones of every version or random, through the real decoding and handling.</summary>
public sealed class FuzzTests : IDisposable
{
    private const int Inputs = 1_000_000;
    private const int Workers = 2;

    /// <summary>The most that one small request may make the broker allocate.</summary>
    private const long AllocatedBytesMax = 1 << 20;

    private static readonly int[] Extremes = [int.MinValue, -1, 0, 1, short.MaxValue, 1 << 20, int.MaxValue - 1, int.MaxValue];

    private readonly TemporaryDirectory _directory = new();
    private readonly DevBroker.Broker _broker;

    public FuzzTests()
    {
        var options = new BrokerOptions { DataDirectory = _directory.Path, Listen = new(System.Net.IPAddress.Loopback, 0) };
        _broker = new DevBroker.Broker(options, new FakeTimeProvider(), new BrokerTelemetry(NullLogger.Instance));
    }

    public void Dispose()
    {
        _broker.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void There_is_a_sample_of_each_version_that_is_served()
    {
        var sampled = Samples().Select(sample => (BinaryPrimitives.ReadInt16BigEndian(sample), BinaryPrimitives.ReadInt16BigEndian(sample.AsSpan(2)))).ToHashSet();

        foreach (var api in ApiTable.All)
            for (var version = api.Min; version <= api.Max; version++)
                Assert.Contains(((short)api.Key, version), sampled);
    }

    [Fact]
    public async Task Valid_samples_are_answered()
    {
        await CreateTopic();
        using var response = new ResponseWriter();
        foreach (var sample in Samples()) Assert.True(await Handle(sample, response), Convert.ToHexString(sample));
    }

    [Fact]
    public async Task Whatever_is_sent_is_answered_or_refused_as_malformed()
    {
        await CreateTopic();
        var samples = Samples();
        var refused = await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(() => Fuzz(samples, seed: 1 + worker))));

        // Both happen: neither is everything passed over at once, nor is everything refused.
        Assert.InRange(refused.Sum(), Inputs / 10, Inputs * 9 / 10);
    }

    /// <returns>How many were refused.</returns>
    private async Task<int> Fuzz(byte[][] samples, int seed)
    {
        var random = new Random(seed);
        using var response = new ResponseWriter();
        var refused = 0;
        for (var i = 0; i < Inputs / Workers; i++)
        {
            var input = Mutate(samples, random);
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            var thread = Environment.CurrentManagedThreadId;
            try
            {
                if (!await Handle(input, response)) refused++;
            }
            catch (Exception fault)
            {
                Assert.Fail($"{Convert.ToHexString(input)}: {fault}");
            }
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            if (thread == Environment.CurrentManagedThreadId && allocated > AllocatedBytesMax) Assert.Fail($"{Convert.ToHexString(input)}: {allocated} bytes");
        }
        return refused;
    }

    /// <returns>False when it was refused as malformed, or its kind or version is not served.</returns>
    private async ValueTask<bool> Handle(byte[] frame, ResponseWriter response)
    {
        try
        {
            // A broker that stops waits for nothing: neither for records nor for the members of groups.
            var (request, _) = Request.Parse(frame, "fuzz", new CancellationToken(canceled: true));
            if (request is null) return false;
            response.Begin(request.Version, request.Flexible);
            await request.Api.Answer(_broker.Apis, request, response);
            return true;
        }
        catch (MalformedRequestException)
        {
            return false;
        }
        catch (OperationCanceledException)
        {
            return true;
        }
    }

    private static byte[] Mutate(byte[][] samples, Random random)
    {
        var input = (byte[])samples[random.Next(samples.Length)].Clone();
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            // The kind and version stay most of the time: otherwise little would be decoded.
            var at = random.Next(random.Next(20) == 0 ? 0 : 8, input.Length);
            switch (random.Next(7))
            {
                case 0: input[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: input[at] = (byte)random.Next(256); break;
                case 2: input[at] = random.Next(2) == 0 ? (byte)0xFF : (byte)0x80; break;
                case 3 when at + 4 <= input.Length:
                    BinaryPrimitives.WriteInt32BigEndian(input.AsSpan(at), Extremes[random.Next(Extremes.Length)]);
                    break;
                case 4: input = [.. input[..at], .. Bytes(random), .. input[at..]]; break;
                case 5: input = [.. input[..Math.Max(8, at)]]; break;
                default:
                    var other = samples[random.Next(samples.Length)];
                    input = [.. input[..Math.Max(8, at)], .. other[Math.Min(at, other.Length)..]];
                    break;
            }
            if (input.Length <= 8) break;
        }
        return input;
    }

    private static byte[] Bytes(Random random)
    {
        var bytes = new byte[random.Next(1, 40)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[][] Samples()
    {
        using var file = new StreamReader(typeof(FuzzTests).Assembly.GetManifestResourceStream("requests.hex")!);
        return [.. file.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#').Select(Convert.FromHexString)];
    }

    /// <summary>The topic that the samples are about.</summary>
    private async Task CreateTopic()
    {
        using var ask = new ResponseWriter();
        ask.Int16((short)ApiKey.CreateTopics);
        ask.Int16(0);
        ask.Int32(1);
        ask.String("fuzz");
        ask.Array(1);
        ask.String("t");
        ask.Int32(1);
        ask.Int16(1);
        ask.Array(0);
        ask.Array(0);
        ask.Int32(1_000);
        using var response = new ResponseWriter();
        Assert.True(await Handle(ask.Written.ToArray(), response));
        // One topic: its name, no error.
        Assert.Equal([0, 0, 0, 1, 0, 1, (byte)'t', 0, 0], response.Written.ToArray());
    }
}
