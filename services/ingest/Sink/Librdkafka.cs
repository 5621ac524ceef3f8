using System.Runtime.InteropServices;

namespace StreamSettlement.Ingest.Sink;

/// <summary>
/// The calls of librdkafka (https://github.com/confluentinc/librdkafka, src/rdkafka.h) that <see cref="BatchProducer"/> makes, in the
/// library that Confluent.Kafka brings along.
/// </summary>
internal static unsafe partial class Librdkafka
{
    public const int PartitionUnassigned = -1;
    public const int MessageCopy = 2;
    public const int PurgeQueueAndInFlight = 3;
    private const int Producer = 0;
    private const int ErrorCharsMax = 512;
    private const string Library = "librdkafka";

    /// <summary>The package's builds in the order in which Confluent.Kafka tries them: the first wants libsasl2.so.3, which Debian has not.</summary>
    private static readonly string[] Builds = ["librdkafka", "centos8-librdkafka", "alpine-librdkafka"];

    static Librdkafka() => NativeLibrary.SetDllImportResolver(typeof(Librdkafka).Assembly, (name, assembly, path) =>
    {
        if (name != Library) return 0;
        foreach (var build in Builds)
            if (NativeLibrary.TryLoad(build, assembly, path, out var handle)) return handle;
        return 0;
    });

    /// <summary><c>rd_kafka_message_t</c></summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Message
    {
        public int Error;
        public nint Topic;
        public int Partition;
        public byte* Payload;
        public nuint PayloadBytes;
        public byte* Key;
        public nuint KeyBytes;
        public long Offset;
        public nint Opaque;
    }

    /// <param name="settings">In the terms of librdkafka's CONFIGURATION.md.</param>
    /// <exception cref="InvalidOperationException">A setting is unknown to the library or malformed.</exception>
    public static nint New(
        IEnumerable<KeyValuePair<string, string>> settings,
        delegate* unmanaged[Cdecl]<nint, Message*, nint, void> delivered)
    {
        var error = stackalloc byte[ErrorCharsMax];
        var conf = rd_kafka_conf_new();
        foreach (var (name, value) in settings)
        {
            if (rd_kafka_conf_set(conf, name, value, error, ErrorCharsMax) == 0) continue;
            rd_kafka_conf_destroy(conf);
            throw new InvalidOperationException($"librdkafka refuses {name}={value}: {Marshal.PtrToStringUTF8((nint)error)}");
        }
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
        // What matters comes back as the error of a message.
        rd_kafka_conf_set_log_cb(conf, 0);
        var handle = rd_kafka_new(Producer, conf, error, ErrorCharsMax);
        if (handle != 0) return handle;
        rd_kafka_conf_destroy(conf);
        throw new InvalidOperationException($"librdkafka: {Marshal.PtrToStringUTF8((nint)error)}");
    }

    public static string Describe(int error) => Marshal.PtrToStringUTF8(rd_kafka_err2str(error)) ?? $"error {error}";

    [LibraryImport(Library)]
    public static partial int rd_kafka_poll(nint handle, int timeoutMs);

    [LibraryImport(Library)]
    public static partial int rd_kafka_flush(nint handle, int timeoutMs);

    [LibraryImport(Library)]
    public static partial int rd_kafka_purge(nint handle, int flags);

    [LibraryImport(Library)]
    public static partial void rd_kafka_destroy(nint handle);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint rd_kafka_topic_new(nint handle, string topic, nint conf);

    [LibraryImport(Library)]
    public static partial void rd_kafka_topic_destroy(nint topic);

    [LibraryImport(Library)]
    public static partial int rd_kafka_produce_batch(nint topic, int partition, int flags, Message* messages, int count);

    [LibraryImport(Library)]
    private static partial nint rd_kafka_err2str(int error);

    [LibraryImport(Library)]
    private static partial nint rd_kafka_conf_new();

    [LibraryImport(Library)]
    private static partial void rd_kafka_conf_destroy(nint conf);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rd_kafka_conf_set(nint conf, string name, string value, byte* error, nuint errorBytes);

    [LibraryImport(Library)]
    private static partial void rd_kafka_conf_set_log_cb(nint conf, nint callback);

    [LibraryImport(Library)]
    private static partial void rd_kafka_conf_set_dr_msg_cb(nint conf, delegate* unmanaged[Cdecl]<nint, Message*, nint, void> callback);

    [LibraryImport(Library)]
    private static partial nint rd_kafka_new(int type, nint conf, byte* error, nuint errorBytes);
}
