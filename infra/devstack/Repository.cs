using System.Reflection;
using System.Runtime.InteropServices;

namespace StreamSettlement.DevStack;

/// <summary>Where the repository lies and where its programs were built to.</summary>
internal static class Repository
{
    private static readonly string Configuration =
        typeof(Repository).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration ?? "Debug";

    /// <exception cref="DevStackException">The running program does not lie inside the repository.</exception>
    public static string Root { get; } = FindRoot();

    /// <summary>The directory of the .NET that runs this program: children must not find another one.</summary>
    public static string DotnetRoot { get; } = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));

    /// <summary>The built program of <paramref name="project"/>, of the same configuration as the running one.</summary>
    /// <param name="project">The project's directory below the root: <c>services/ingest</c>.</param>
    /// <param name="name">The project's name: <c>Ingest</c>.</param>
    /// <exception cref="DevStackException">It has not been built.</exception>
    public static string Program(string project, string name)
    {
        var path = Path.Combine(Root, project, "bin", Configuration, "net10.0", $"StreamSettlement.{name}.dll");
        return File.Exists(path) ? path : throw new DevStackException($"{path} does not exist. Build it: dotnet build -c {Configuration} {project}");
    }

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
            if (File.Exists(Path.Combine(directory.FullName, "Settlement.sln"))) return directory.FullName;
        throw new DevStackException($"No directory above {AppContext.BaseDirectory} holds Settlement.sln: run this program from where it was built.");
    }
}
