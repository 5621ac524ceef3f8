namespace StreamSettlement.DevStack.Processes;

/// <summary>How one of our own programs is started.</summary>
internal static class DotnetCommand
{
    /// <param name="program">The built assembly.</param>
    public static ChildCommand Of(string name, string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null) =>
        new(name, Path.Combine(Repository.DotnetRoot, "dotnet"), [program, .. arguments])
        {
            // Settings files are looked for in the working directory.
            WorkingDirectory = Path.GetDirectoryName(program),
            Environment = new Dictionary<string, string>(environment ?? new Dictionary<string, string>())
            {
                ["DOTNET_NOLOGO"] = "1",
                // As in the Dockerfiles: memory that follows what is held. By itself the collector waits for as much garbage as the processor's
                // cache takes (tens of MB), for several times more after moments in which much survives, and librdkafka's threads spread what
                // they free over an arena each.
                ["DOTNET_GCgen0size"] = "0x400000",
                ["DOTNET_GCgen0MaxBudget"] = "0x600000",
                ["MALLOC_ARENA_MAX"] = "2",
            },
        };
}
