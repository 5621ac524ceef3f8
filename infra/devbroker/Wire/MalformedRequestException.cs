namespace StreamSettlement.DevBroker.Wire;

/// <summary>A request's bytes do not follow the protocol. The connection it came on is closed; no other is touched.</summary>
internal sealed class MalformedRequestException(string message) : Exception(message);
