using System.Buffers.Binary;
using System.Net.Sockets;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>Speaks the protocol byte by byte, for what a well-behaved client would never send.</summary>
internal sealed class RawClient : IDisposable
{
    private readonly TcpClient _tcp = new();

    public static async Task<RawClient> Connect(int port)
    {
        var client = new RawClient();
        await client._tcp.ConnectAsync("127.0.0.1", port, TestContext.Current.CancellationToken);
        return client;
    }

    public async Task SendBytes(byte[] bytes) =>
        await _tcp.GetStream().WriteAsync(bytes, TestContext.Current.CancellationToken);

    public async Task SendFrame(byte[] frame)
    {
        var length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, frame.Length);
        await SendBytes([.. length, .. frame]);
    }

    /// <returns>The answer after its header.</returns>
    public async Task<byte[]> Ask(short key, short version, Action<ResponseWriter> body, bool flexible = false)
    {
        const int CorrelationId = 7;
        using var frame = new ResponseWriter();
        frame.Int16(key);
        frame.Int16(version);
        frame.Int32(CorrelationId);
        frame.String("raw");
        frame.Flexible = flexible;
        frame.Tags();
        body(frame);
        await SendFrame(frame.Written.ToArray());
        var answer = await Read() ?? throw new InvalidOperationException("the broker closed the connection");
        Assert.Equal(CorrelationId, BinaryPrimitives.ReadInt32BigEndian(answer));
        // The header of an answer ends with tags as well, but for ApiVersions.
        return answer[(flexible && key != (short)ApiKey.ApiVersions ? 5 : 4)..];
    }

    /// <returns>The next answer; null when the broker has closed the connection.</returns>
    public async Task<byte[]?> Read()
    {
        var token = TestContext.Current.CancellationToken;
        var length = new byte[4];
        try
        {
            if (await _tcp.GetStream().ReadAtLeastAsync(length, 4, throwOnEndOfStream: false, token) < 4) return null;
            var answer = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
            await _tcp.GetStream().ReadExactlyAsync(answer, token);
            return answer;
        }
        catch (IOException)
        {
            // Closed with bytes of ours unread.
            return null;
        }
    }

    public void Dispose() => _tcp.Dispose();
}
