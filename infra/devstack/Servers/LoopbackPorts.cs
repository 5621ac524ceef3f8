using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace StreamSettlement.DevStack.Servers;

/// <summary>Free TCP ports on 127.0.0.1.</summary>
internal static class LoopbackPorts
{
    // Below the range that outgoing connections are given (32768 and up), or one of them could take the port before its server does.
    private const int Lowest = 20_000;
    private const int Highest = 32_000;

    private static readonly ConcurrentDictionary<int, bool> Given = new();

    /// <summary>A free port that this process has not given out before.</summary>
    /// <param name="preferred">Taken when it is free.</param>
    public static int Next(int? preferred = null)
    {
        if (preferred is { } wish && IsFree(wish) && Given.TryAdd(wish, true)) return wish;
        for (var attempt = 0; attempt < 1_000; attempt++)
        {
            var port = RandomNumberGenerator.GetInt32(Lowest, Highest);
            if (!Given.ContainsKey(port) && IsFree(port) && Given.TryAdd(port, true)) return port;
        }
        throw new DevStackException($"No free TCP port on 127.0.0.1 between {Lowest} and {Highest}: stop something that listens there.");
    }

    /// <summary>Lets a port be given again: its server is gone.</summary>
    public static void Return(int port) => Given.TryRemove(port, out _);

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port) { ExclusiveAddressUse = true };
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
