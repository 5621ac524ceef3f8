namespace StreamSettlement.DevStack.Servers;

/// <summary>infra/mysql/schema.sql.</summary>
internal static class SourceSchema
{
    public static string Sql { get; } = Load();

    private static string Load()
    {
        using var stream = typeof(SourceSchema).Assembly.GetManifestResourceStream("mysql-schema.sql")
            ?? throw new DevStackException("mysql-schema.sql is not embedded in this assembly");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
