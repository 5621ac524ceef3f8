using System.Globalization;
using System.Text.RegularExpressions;

namespace StreamSettlement.DevStack.Servers;

/// <summary>A mysqld that is MySQL's own, of a version that will do.</summary>
internal sealed partial record MySqlProgram(string Path)
{
    private static readonly Version Oldest = new(8, 0);

    // Not by PATH alone: that of a user who is not root has no /usr/sbin on Debian.
    private static IEnumerable<string> Places => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Append("/usr/sbin");

    /// <param name="home">A folder that holds mysqld, sbin/mysqld or bin/mysqld, or the path of that program.</param>
    /// <param name="user">Whom the server will run as.</param>
    /// <exception cref="PrerequisiteException">It is none; the message says what it is instead and what to do.</exception>
    public static async Task<MySqlProgram> OfHomeAsync(string home, string user, CancellationToken token)
    {
        string[] candidates = [home, System.IO.Path.Combine(home, "mysqld"), System.IO.Path.Combine(home, "sbin/mysqld"), System.IO.Path.Combine(home, "bin/mysqld")];
        var path = candidates.FirstOrDefault(File.Exists) is { } found ? System.IO.Path.GetFullPath(found) : throw new PrerequisiteException(
            $"No MySQL in '{home}': neither mysqld nor sbin/mysqld nor bin/mysqld is there. Name the folder of an unpacked MySQL 8.0 or later, or the path of its mysqld.");
        var (readable, said) = await AskAsync([.. Shell.RunAs(user)], path, token);
        if (!readable && Posix.IsRoot && (await AskAsync([], path, token)).Ran)
        {
            throw new PrerequisiteException(
                $"{path} cannot be run by the system user '{user}', which MySQL runs as when root starts it ({OneLine(said)}). Move it to where all may read, such as /opt.");
        }
        var refusal = Parse(said) switch
        {
            null => $"does not say its version but '{OneLine(said)}'",
            (_, IsMariaDb: true) => $"is MariaDB, which is used where no MySQL is named ({OneLine(said)})",
            ({ } version, _) when version < Oldest => $"is MySQL {version}, which is too old",
            _ => null,
        };
        return refusal is null ? new MySqlProgram(path) : throw new PrerequisiteException($"{path} {refusal}. Name the folder of a MySQL 8.0 or later.");
    }

    /// <returns>Null where no MySQL is installed that will do.</returns>
    public static async Task<MySqlProgram?> InstalledAsync(CancellationToken token)
    {
        foreach (var path in Places.Select(place => System.IO.Path.Combine(place, "mysqld")).Distinct().Where(File.Exists))
        {
            var (_, said) = await AskAsync([], path, token);
            if (Parse(said) is (var version, IsMariaDb: false) && version >= Oldest) return new MySqlProgram(path);
        }
        return null;
    }

    private static async Task<(bool Ran, string Said)> AskAsync(IReadOnlyList<string> before, string path, CancellationToken token)
    {
        try
        {
            var (exitCode, output) = await Shell.TryRunAsync([.. before, path, "--no-defaults", "--version"], token);
            return (exitCode == 0, output);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (false, e.Message);
        }
    }

    /// <summary>
    /// <c>mysqld  Ver 8.4.6 for Linux on x86_64 (MySQL Community Server - GPL)</c>; who builds it writes another name into the parentheses. Debian's MariaDB has a link
    /// of this name: <c>mysqld  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu</c>.
    /// </summary>
    private static (Version Version, bool IsMariaDb)? Parse(string said) => VersionLine().Match(said) is { Success: true } line
        ? (new Version(Number(line, 1), Number(line, 2)), said.Contains("MariaDB", StringComparison.OrdinalIgnoreCase))
        : null;

    private static int Number(Match line, int group) => int.Parse(line.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    private static string OneLine(string said) => string.Join(' ', said.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)) is { Length: > 0 } line ? line : "it says nothing";

    [GeneratedRegex(@"\bVer (\d{1,4})\.(\d{1,4})\.\d")]
    private static partial Regex VersionLine();
}
