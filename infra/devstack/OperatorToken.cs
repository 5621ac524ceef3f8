using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace StreamSettlement.DevStack;

/// <summary>Bearer tokens for a local stack's settlement service: HS256, as <c>Settlement:Auth:SigningKey</c> wants them.</summary>
internal static class OperatorToken
{
    /// <summary>Issuer and audience.</summary>
    private const string Issuer = "stream-settlement";

    private static readonly TimeSpan ValidFor = TimeSpan.FromHours(12);

    /// <param name="name">Whoever decides, as it will stand beside his decisions; null for a token that names nobody.</param>
    public static string Mint(string signingKey, string? name, DateTimeOffset now)
    {
        var claims = new Dictionary<string, object> { ["iss"] = Issuer, ["aud"] = Issuer, ["iat"] = now.ToUnixTimeSeconds(), ["exp"] = (now + ValidFor).ToUnixTimeSeconds() };
        if (name is not null) claims["name"] = name;
        var signed = $"{Part(new Dictionary<string, object> { ["alg"] = "HS256", ["typ"] = "JWT" })}.{Part(claims)}";
        return $"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(signingKey), Encoding.UTF8.GetBytes(signed)))}";
    }

    private static string Part(Dictionary<string, object> json) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(json));
}
