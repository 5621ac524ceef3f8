using System.ComponentModel.DataAnnotations;
using StreamSettlement.Contracts;

namespace StreamSettlement.Hosting;

/// <summary>Refuses a prefix that makes names which Kafka refuses.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class TopicPrefixAttribute() : ValidationAttribute(Topics.PrefixExpected)
{
    public override bool IsValid(object? value) => value is string prefix && Topics.IsPrefix(prefix);
}
