using System.Security.Cryptography;
using System.Text;

namespace StreamSettlement.DevStack;

/// <summary>A directory that holds everything of one stack: data, logs, pid files, passwords.</summary>
internal sealed class StateDirectory
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerOnlyDirectory = OwnerOnly | UnixFileMode.UserExecute;
    private const UnixFileMode Traversable = OwnerOnlyDirectory | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>Creates the directory when it is missing.</summary>
    public StateDirectory(string path)
    {
        Root = Path.GetFullPath(path);
        Directory.CreateDirectory(Root);
        Directory.CreateDirectory(LogDirectory);
        Directory.CreateDirectory(RunDirectory);
        Directory.CreateDirectory(SecretDirectory, OwnerOnlyDirectory);
    }

    public string Root { get; }

    public string LogDirectory => Path.Combine(Root, "log");

    public string RunDirectory => Path.Combine(Root, "run");

    private string SecretDirectory => Path.Combine(Root, "secrets");

    // Data of database servers that run as another user, where that user cannot reach Root. /var/tmp, not /tmp: it survives a reboot.
    private string FarRoot => Path.Combine("/var/tmp", "settlement-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Root)))[..12]);

    public string LogFile(string name) => Path.Combine(LogDirectory, name + ".log");

    public string PidFile(string name) => Path.Combine(RunDirectory, name + ".pid");

    public string DataDirectory(string name) => Directory.CreateDirectory(Path.Combine(Root, name), OwnerOnlyDirectory).FullName;

    /// <summary>A random password, made at first use, in a file that only its owner reads.</summary>
    public string Password(string name)
    {
        var path = Path.Combine(SecretDirectory, name);
        if (File.Exists(path) && File.ReadAllText(path) is { Length: > 0 } existing) return existing;
        var password = RandomNumberGenerator.GetHexString(32, lowercase: true);
        WriteSecret(path, password);
        return password;
    }

    /// <summary>Writes a file that only its owner reads, all of it or nothing.</summary>
    public static void WriteSecret(string path, string content)
    {
        var partial = path + ".partial";
        File.Delete(partial);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly };
        using (var file = new StreamWriter(partial, options)) file.Write(content);
        File.Move(partial, path, overwrite: true);
    }

    /// <summary>Removes a file. That its directory is gone too is fine: whoever deletes a state under a running stack still can stop it.</summary>
    public static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (DirectoryNotFoundException)
        {
            // nothing to remove
        }
    }

    /// <summary>
    /// An existing directory that <paramref name="user"/> owns and can reach: inside the state directory, or, where a directory above it is
    /// closed to that user, under /var/tmp with a link to it in the state directory.
    /// </summary>
    /// <param name="user">Ignored unless this process is root.</param>
    public async Task<string> ServerDirectoryAsync(string name, string user, CancellationToken token)
    {
        if (!Posix.IsRoot) return DataDirectory(name);
        var near = Path.Combine(Root, name);
        var (reachable, _) = await Shell.TryRunAsync([.. Shell.RunAs(user), "test", "-x", Root], token);
        var directory = reachable == 0 ? near : await FarDirectoryAsync(near, name, token);
        Directory.CreateDirectory(directory, OwnerOnlyDirectory);
        await Shell.RunAsync(["chown", $"{user}:{user}", directory], token);
        return directory;
    }

    /// <summary>Removes everything, also what lies under /var/tmp. Nothing may be running.</summary>
    public void Delete()
    {
        if (Directory.Exists(FarRoot)) Directory.Delete(FarRoot, recursive: true);
        if (Directory.Exists(Root)) Directory.Delete(Root, recursive: true);
    }

    private async Task<string> FarDirectoryAsync(string near, string name, CancellationToken token)
    {
        Directory.CreateDirectory(FarRoot, Traversable);
        // Anyone may create names in /var/tmp: one that somebody else owns is not ours to trust.
        var owner = (await Shell.RunAsync(["stat", "-c", "%u %F", FarRoot], token)).Trim();
        if (owner != $"{Posix.EffectiveUserId()} directory")
            throw new DevStackException($"{FarRoot} exists and is not this user's directory ({owner}). Remove it and try again.");
        var far = Path.Combine(FarRoot, name);
        var link = new DirectoryInfo(near);
        if (link.LinkTarget is null && link.Exists)
            throw new DevStackException($"{near} holds data, but its server's user cannot reach it any more: a directory above is closed. Open it (chmod o+x) or delete the state.");
        if (link.LinkTarget is not null && link.LinkTarget != far) link.Delete();
        if (new DirectoryInfo(near).LinkTarget is null) Directory.CreateSymbolicLink(near, far);
        return far;
    }
}
