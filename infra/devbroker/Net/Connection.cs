namespace StreamSettlement.DevBroker.Net;

/// <summary>
/// One client connection. Requests are answered one after the other, in their order, as the protocol demands; whatever
/// goes wrong here ends this connection only.
/// </summary>
internal sealed class Connection(Socket socket, Apis apis, int requestBytesMax, BrokerTelemetry telemetry)
{
    private const int FileChunkBytes = 256 * 1024;

    private string _peer = "a client";

    public async Task Run(CancellationToken stop)
    {
        using var _ = socket;
        using var frames = new FrameReader(socket, requestBytesMax);
        using var response = new ResponseWriter();
        Request? current = null;
        try
        {
            // In here: a client may be gone before it is looked at.
            socket.NoDelay = true;
            _peer = socket.RemoteEndPoint?.ToString() ?? _peer;
            while (await frames.Next(stop) is { } frame)
            {
                (current, var refusal) = Request.Parse(frame, _peer, stop);
                if (current is null)
                {
                    telemetry.Refused(_peer, refusal!);
                    return;
                }
                if (!await Answer(current, response)) return;
            }
        }
        catch (MalformedRequestException malformed)
        {
            telemetry.Refused(_peer, malformed.Message);
        }
        catch (SocketException)
        {
            // The client went away; what it had asked for concerns nobody else.
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The broker stops.
        }
        catch (ObjectDisposedException)
        {
            telemetry.Refused(_peer, "it took so long over records that they are deleted by now");
        }
        catch (Exception fault)
        {
            telemetry.RequestFailed(_peer, current?.Api.Key.ToString() ?? "?", current?.Version ?? -1, fault);
        }
    }

    /// <returns>False when the connection is to be closed.</returns>
    private async ValueTask<bool> Answer(Request request, ResponseWriter response)
    {
        response.Begin(request.Version, request.Flexible);
        response.Int32(0).Int32(request.CorrelationId);
        // A client reads the header of this answer before it knows what the broker can do: never flexible.
        if (request.Api.Key != ApiKey.ApiVersions) response.Tags();
        await request.Api.Answer(apis, request, response);
        if (response.Outcome == Outcome.Respond) await Send(response, request.Stop);
        return response.Outcome != Outcome.Close;
    }

    private async ValueTask Send(ResponseWriter response, CancellationToken stop)
    {
        var fromFiles = 0;
        foreach (var (_, slice) in response.Slices) fromFiles += slice.Length;
        response.PatchInt32(0, response.Length - sizeof(int) + fromFiles);
        var sent = 0;
        foreach (var (at, slice) in response.Slices)
        {
            await SendAll(response.Written[sent..at], stop);
            sent = at;
            await SendFile(slice, stop);
        }
        await SendAll(response.Written[sent..], stop);
    }

    /// <summary>Passes an extent of a log on through one pooled buffer.</summary>
    private async ValueTask SendFile(LogSlice slice, CancellationToken stop)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Min(FileChunkBytes, slice.Length));
        try
        {
            for (var done = 0; done < slice.Length;)
            {
                var wanted = Math.Min(buffer.Length, slice.Length - done);
                var read = RandomAccess.Read(slice.File!, buffer.AsSpan(0, wanted), slice.Position + done);
                if (read == 0) throw new IOException($"a log file ends before {slice.Position + slice.Length}");
                await SendAll(buffer.AsMemory(0, read), stop);
                done += read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async ValueTask SendAll(ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        while (bytes.Length > 0)
        {
            var sent = await socket.SendAsync(bytes, SocketFlags.None, stop);
            bytes = bytes[sent..];
        }
    }
}
