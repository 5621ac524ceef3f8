using System.Globalization;
using System.Text.RegularExpressions;

namespace StreamSettlement.DevStack.Servers;

/// <summary>Apache Kafka in a folder, and the Java that runs it.</summary>
/// <param name="Libraries">The folder of its jars.</param>
/// <param name="Java">The program.</param>
internal sealed partial record KafkaDistribution(string Libraries, Version Version, string Java)
{
    private const int JavaMin = 17;

    private static readonly Version VersionMin = new(3, 9);

    /// <param name="home">The folder that holds libs/.</param>
    /// <exception cref="PrerequisiteException">It holds no Kafka, or Java is missing, or one of them is too old.</exception>
    public static async Task<KafkaDistribution> OfAsync(string home, CancellationToken token)
    {
        var libraries = Path.GetFullPath(Path.Combine(home, "libs"));
        var version = VersionIn(libraries)
            ?? throw new PrerequisiteException($"{libraries} holds no Apache Kafka (kafka_*.jar or kafka-server-*.jar): name the folder of an unpacked distribution, such as /opt/kafka.");
        if (version < VersionMin)
            throw new PrerequisiteException($"Apache Kafka {version} in {home} is too old: unpack {VersionMin} or newer from https://kafka.apache.org/downloads and name its folder.");
        return new KafkaDistribution(libraries, version, await JavaAsync(token));
    }

    /// <returns>Null when none of the jars is Kafka's server.</returns>
    internal static Version? VersionIn(string libraries)
    {
        if (!Directory.Exists(libraries)) return null;
        return Directory.GetFiles(libraries, "kafka*.jar")
            .Select(path => ServerJar().Match(Path.GetFileName(path)))
            .Where(match => match.Success)
            .Select(match => Version.Parse(match.Groups["version"].Value))
            .FirstOrDefault();
    }

    /// <param name="said">What <c>java -version</c> prints.</param>
    /// <returns>17 of <c>openjdk version "17.0.15"</c>, 8 of <c>java version "1.8.0_401"</c>; null when it says nothing of the kind.</returns>
    internal static int? JavaMajor(string said) =>
        JavaVersion().Match(said) is { Success: true } match ? int.Parse(match.Groups["major"].Value, CultureInfo.InvariantCulture) : null;

    private static async Task<string> JavaAsync(CancellationToken token)
    {
        const string install = "Install a newer one (apt-get install openjdk-17-jre-headless) or name its folder in JAVA_HOME.";
        var home = Environment.GetEnvironmentVariable("JAVA_HOME");
        var folders = home is { Length: > 0 } ? [Path.Combine(home, "bin")] : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        var java = folders.Select(folder => Path.Combine(folder, "java")).FirstOrDefault(File.Exists);
        if (java is null)
        {
            var where = home is { Length: > 0 } ? $"JAVA_HOME ({home}) has no bin/java" : "no folder of the PATH holds java";
            throw new PrerequisiteException($"Apache Kafka needs Java {JavaMin} or newer, and {where}. {install}");
        }
        var (_, said) = await Shell.TryRunAsync([java, "-version"], token);
        if (JavaMajor(said) is not { } major)
            throw new PrerequisiteException($"Apache Kafka needs Java {JavaMin} or newer, and '{java} -version' says '{said.ReplaceLineEndings(" ").Trim()}'. {install}");
        return major >= JavaMin ? java : throw new PrerequisiteException($"Apache Kafka needs Java {JavaMin} or newer, and {java} is Java {major}. {install}");
    }

    [GeneratedRegex(@"^kafka(_\d+\.\d+|-server)-(?<version>\d+(\.\d+)+)")]
    private static partial Regex ServerJar();

    [GeneratedRegex("version \"(1\\.)?(?<major>\\d+)")]
    private static partial Regex JavaVersion();
}
