using System.Text;

namespace StreamSettlement.Settlement;

/// <summary>
/// Section <c>Settlement:Auth</c>: an OIDC authority, or a key of its own for a stack without one. With neither, whatever needs a name is refused.
/// </summary>
internal sealed class AuthOptions
{
    /// <summary>Smallest key for HMAC-SHA256.</summary>
    public const int SigningKeyBytesMin = 32;

    /// <summary>Issuer of tokens that are signed with <see cref="SigningKey"/>, and their audience unless <see cref="Audience"/> says otherwise.</summary>
    public const string LocalIssuer = "stream-settlement";

    /// <summary>Address of an OIDC authority; https, or http on loopback. No default.</summary>
    public string Authority { get; init; } = "";

    /// <summary>The audience that tokens must be for. Required with <see cref="Authority"/>.</summary>
    public string Audience { get; init; } = "";

    /// <summary>Key of HS256 tokens, 32 bytes of text or more; instead of an authority. No default.</summary>
    public string SigningKey { get; init; } = "";

    public bool IsConfigured => Authority.Length > 0 || SigningKey.Length > 0;

    public override string ToString() => Authority.Length > 0 ? $"tokens of {Authority}" : SigningKey.Length > 0 ? "tokens signed with a key" : "no tokens";

    public IEnumerable<(string Setting, string Expected)> Refusals()
    {
        if (Authority.Length > 0 && SigningKey.Length > 0) yield return ("SigningKey", "expected either an Authority or a SigningKey, not both");
        if (Authority.Length > 0 && !(Uri.TryCreate(Authority, UriKind.Absolute, out var address) && (address.Scheme == "https" || (address.Scheme == "http" && address.IsLoopback))))
            yield return ("Authority", "expected an address https://…, or http://… on loopback");
        if (Authority.Length > 0 && Audience.Length == 0) yield return ("Audience", "expected the audience that the authority's tokens are for");
        if (SigningKey.Length > 0 && Encoding.UTF8.GetByteCount(SigningKey) < SigningKeyBytesMin)
            yield return ("SigningKey", $"expected {SigningKeyBytesMin} bytes or more, such as: openssl rand -hex 32");
    }
}
