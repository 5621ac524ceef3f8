using StreamSettlement.Contracts;

namespace StreamSettlement.DevStack.Generator;

/// <summary>What the generator makes. Equal settings make equal rows.</summary>
internal sealed record GeneratorSettings
{
    /// <summary>View logs to add. Default 1,000,000.</summary>
    public int Logs { get; init; } = 1_000_000;

    /// <summary>Ad views to add. Default 500,000.</summary>
    public int Ads { get; init; } = 500_000;

    /// <summary>Contents that are watched. Default 20,000.</summary>
    public int Contents { get; init; } = 20_000;

    /// <summary>Members that own the contents. Default 2,000.</summary>
    public int Creators { get; init; } = 2_000;

    /// <summary>Advertisements that are shown. Default 500.</summary>
    public int Advertisements { get; init; } = 500;

    /// <summary>Decides every row together with its id. Default 1.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>The last business day that rows belong to.</summary>
    public required BusinessDay Day { get; init; }

    /// <summary>Rows spread evenly over this many days, the last of which is <see cref="Day"/>. Default 1.</summary>
    public int Days { get; init; } = 1;

    /// <summary>Members that only watch: ten for every creator.</summary>
    public int Viewers => checked(Creators * 10);

    /// <exception cref="DevStackException">A number is out of its range; the message names it.</exception>
    public GeneratorSettings Validated()
    {
        Check(Logs >= 0, "logs", Logs, "0 or more");
        Check(Ads >= 0, "ads", Ads, "0 or more");
        Check(Contents >= 1, "contents", Contents, "1 or more");
        Check(Creators is >= 1 and <= 10_000_000, "creators", Creators, "1 to 10,000,000");
        Check(Advertisements >= 1, "advertisements", Advertisements, "1 or more");
        Check(Days is >= 1 and <= 3_660, "days", Days, "1 to 3,660");
        return this;

        static void Check(bool holds, string name, int value, string expected)
        {
            if (!holds) throw new DevStackException($"{name} is {value}; expected {expected}");
        }
    }
}
