namespace StreamSettlement.Contracts;

/// <summary><c>content_post.id</c>. Its decimal text is the record key.</summary>
public readonly record struct ContentId(long Value) : IComparable<ContentId>
{
    public int CompareTo(ContentId other) => Value.CompareTo(other.Value);

    public override string ToString() => Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary><c>member.id</c> of a content's creator; 0 where the source has no such content.</summary>
public readonly record struct CreatorId(long Value) : IComparable<CreatorId>
{
    public static readonly CreatorId Unknown;

    public int CompareTo(CreatorId other) => Value.CompareTo(other.Value);

    public override string ToString() => Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary><c>advertisement.id</c>.</summary>
public readonly record struct AdvertisementId(long Value) : IComparable<AdvertisementId>
{
    public int CompareTo(AdvertisementId other) => Value.CompareTo(other.Value);

    public override string ToString() => Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
