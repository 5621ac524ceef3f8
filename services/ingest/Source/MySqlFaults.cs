using System.Net.Sockets;
using MySqlConnector;

namespace StreamSettlement.Ingest.Source;

/// <summary>Which faults of MySQL pass by themselves.</summary>
internal static class MySqlFaults
{
    /// <summary>ER_SPECIFIC_ACCESS_DENIED_ERROR: a privilege such as PROCESS is missing.</summary>
    public const int PrivilegeMissing = 1227;

    /// <summary>ER_UNKNOWN_SYSTEM_VARIABLE</summary>
    public const int UnknownVariable = 1193;

    public static bool IsTransient(Exception fault) => fault switch
    {
        SourceUnavailableException or SocketException or IOException or TimeoutException => true,
        // The driver's own complaint about a connection that the server has closed.
        InvalidOperationException closed when closed.Message.Contains("onnection", StringComparison.Ordinal) => true,
        MySqlException refused => IsTransient(refused),
        _ => false,
    };

    private static bool IsTransient(MySqlException fault)
    {
        // The reason that the server gave for refusing a connection is the inner exception.
        if (fault.InnerException is MySqlException reason) return IsTransient(reason);
        return fault.Number switch
        {
            // Server errors of 1 to 1999 that pass: too many connections, shutting down, host blocked or unreachable, network,
            // lock wait, deadlock, resource limit, interrupted, killed. The others are SQL, names and privileges.
            1040 or 1042 or 1053 or (>= 1077 and <= 1080) or 1129 or (>= 1152 and <= 1161) or 1184 or 1203 or 1205 or 1213 or 1226 or 1317 or 1927 => true,
            > 0 and < 2_000 => false,
            // Of MySQL's newer ones: the account is locked, the server wants TLS and the connection string forbids it.
            3118 or 3159 => false,
            _ => true,
        };
    }
}
