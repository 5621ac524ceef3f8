namespace StreamSettlement.DevBroker.Net;

/// <summary>One request: its header, read, and its body, as received.</summary>
internal sealed record Request(
    ApiRange Api, short Version, int CorrelationId, string ClientId, string Peer, Memory<byte> Body, CancellationToken Stop)
{
    public bool Flexible => Api.IsFlexible(Version);
    public RequestReader Reader() => new(Body.Span, Flexible, Version);

    /// <summary>Splits a frame into header and body.</summary>
    /// <returns>The request, or a refusal by which the connection is closed.</returns>
    /// <exception cref="MalformedRequestException">The header is damaged.</exception>
    public static (Request? Request, string? Refusal) Parse(Memory<byte> frame, string peer, CancellationToken stop)
    {
        var fixedPart = new RequestReader(frame.Span, flexible: false);
        var key = fixedPart.Int16();
        var version = fixedPart.Int16();
        var correlationId = fixedPart.Int32();
        if (!ApiTable.TryFind(key, out var api)) return (null, $"api key {key} is not served");
        if (!api.Serves(version) && api.Key != ApiKey.ApiVersions)
            return (null, $"{api.Key} version {version} is not served, only {api.Min} to {api.Max}");
        // The body of a version of ApiVersions that we don't know is not read: the answer tells what we do know.
        if (!api.Serves(version)) return (new Request(api, version, correlationId, "", peer, Memory<byte>.Empty, stop), null);
        var header = new RequestReader(frame.Span[8..], api.IsFlexible(version));
        var clientId = header.FixedNullableString() ?? "";
        header.Tags();
        return (new Request(api, version, correlationId, clientId, peer, frame[(8 + header.Position)..], stop), null);
    }
}
