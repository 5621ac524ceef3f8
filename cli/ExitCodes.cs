namespace StreamSettlement.Cli;

/// <summary>What the command tells a script; public surface.</summary>
internal static class ExitCodes
{
    public const int Done = 0;

    /// <summary>Refused, failed, or not what was asked for; the reason stands on the error output.</summary>
    public const int Refused = 1;

    /// <summary>Unknown command or option, or a malformed value.</summary>
    public const int Usage = 2;

    /// <summary>Something that the command needs is missing on this machine or too old: a server, Java, an SDK.</summary>
    public const int Prerequisite = 3;

    /// <summary>Ctrl-C or SIGTERM, by the shells' convention.</summary>
    public const int Interrupted = 130;
}
