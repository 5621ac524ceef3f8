using StreamSettlement.Settlement;

namespace StreamSettlement.UnitTests.Settlement;

public class AuthOptionsTests
{
    private const string Key = "0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData("", "", "", null)]
    [InlineData("", "", Key, null)]
    [InlineData("", "settlement", Key, null)]
    [InlineData("https://login.example.com/realm", "settlement", "", null)]
    [InlineData("http://127.0.0.1:9000", "settlement", "", null)]
    [InlineData("", "", "0123456789abcdef0123456789abcde", "SigningKey")]
    [InlineData("https://login.example.com", "", "", "Audience")]
    [InlineData("http://login.example.com", "settlement", "", "Authority")]
    [InlineData("login", "settlement", "", "Authority")]
    [InlineData("https://login.example.com", "settlement", Key, "SigningKey")]
    public void Either_an_authority_with_its_audience_or_a_key_that_is_long_enough(string authority, string audience, string key, string? refused) =>
        Assert.Equal(refused, new AuthOptions { Authority = authority, Audience = audience, SigningKey = key }.Refusals().Select(refusal => refusal.Setting).SingleOrDefault());

    [Fact]
    public void A_key_is_never_shown() => Assert.DoesNotContain(Key, new AuthOptions { SigningKey = Key }.ToString(), StringComparison.Ordinal);
}
