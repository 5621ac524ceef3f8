using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using StreamSettlement.Hosting;

namespace StreamSettlement.UnitTests.Hosting;

public class ConfigurationRefusalsTests
{
    public sealed class SomeOptions
    {
        [Required(ErrorMessage = "expected host:port")]
        public string Bootstrap { get; set; } = "";

        [Range(1, 1_024, ErrorMessage = "expected 1 to 1,024 partitions")]
        public int Partitions { get; set; } = 12;

        [StringLength(20, ErrorMessage = "expected a short connection string")]
        public string Postgres { get; set; } = "";
    }

    [Fact]
    public void What_is_missing_keeps_its_default()
    {
        var (options, refusals) = Bind(("Some:Bootstrap", "localhost:9092"));
        Assert.Empty(refusals);
        Assert.Equal(12, options!.Partitions);
    }

    [Fact]
    public void A_missing_key_is_named_with_what_is_expected() =>
        Assert.Equal("Some:Bootstrap is missing: expected host:port (environment: Some__Bootstrap)", Assert.Single(Bind().Refusals));

    [Fact]
    public void A_value_out_of_range_is_named_with_the_value() =>
        Assert.Contains("Some:Partitions is '5000': expected 1 to 1,024 partitions",
            Assert.Single(Bind(("Some:Bootstrap", "x"), ("Some:Partitions", "5000")).Refusals), StringComparison.Ordinal);

    [Fact]
    public void A_value_of_another_type_is_named_with_its_key()
    {
        var refusal = Assert.Single(Bind(("Some:Bootstrap", "x"), ("Some:Partitions", "many")).Refusals);
        Assert.Contains("Some:Partitions", refusal, StringComparison.Ordinal);
        Assert.Contains("many", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mistyped_key_is_refused_and_not_ignored() =>
        Assert.Contains("Partitons", Assert.Single(Bind(("Some:Bootstrap", "x"), ("Some:Partitons", "3")).Refusals), StringComparison.Ordinal);

    [Fact]
    public void A_password_is_never_shown()
    {
        var refusal = Assert.Single(Bind(("Some:Bootstrap", "x"), ("Some:Postgres", "Host=db;Password=secret;Database=x")).Refusals);
        Assert.DoesNotContain("secret", refusal, StringComparison.Ordinal);
        Assert.Contains("Host=db", refusal, StringComparison.Ordinal);
    }

    private static (SomeOptions? Options, IReadOnlyList<string> Refusals) Bind(params (string Key, string Value)[] values) =>
        ConfigurationRefusals.Bind<SomeOptions>(
            new ConfigurationBuilder().AddInMemoryCollection(values.ToDictionary(value => value.Key, string? (value) => value.Value)).Build(), "Some");
}
