using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace StreamSettlement.Hosting;

/// <summary>
/// The meters of <c>StreamSettlement.*</c> and the process in the Prometheus text format 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/). Instrument names are used as they are; counters end in
/// <c>_total</c>, units stand in the name. Histogram buckets come from the instrument's advice.
/// </summary>
public sealed class PrometheusText : IDisposable
{
    private const string MeterPrefix = "StreamSettlement";

    private readonly MeterListener _listener = new();
    private readonly SortedDictionary<string, Family> _families = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    public void Start()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (!instrument.Meter.Name.StartsWith(MeterPrefix, StringComparison.Ordinal)) return;
            var buckets = (instrument as Histogram<double>)?.Advice?.HistogramBucketBoundaries;
            lock (_gate) _families.TryAdd(instrument.Name, new Family(instrument, buckets));
            listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.Start();
    }

    /// <returns>Every family with HELP and TYPE, its series sorted by label.</returns>
    public string Write()
    {
        lock (_gate)
        {
            // An observable series that is no longer reported (a partition given away) must not linger.
            foreach (var family in _families.Values) family.ForgetObserved();
        }
        _listener.RecordObservableInstruments();
        var text = new StringBuilder(4_096);
        lock (_gate)
        {
            foreach (var family in _families.Values) family.Write(text);
        }
        WriteProcess(text);
        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = Labels(tags);
        lock (_gate) _families[instrument.Name].Record(labels, value);
    }

    private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty) return "";
        var text = new StringBuilder();
        foreach (var (name, value) in tags)
        {
            var escaped = Convert.ToString(value, CultureInfo.InvariantCulture)!
                .Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
            text.Append(text.Length == 0 ? "" : ",").Append(name).Append("=\"").Append(escaped).Append('"');
        }
        return text.ToString();
    }

    private static void WriteProcess(StringBuilder text)
    {
        using var process = Process.GetCurrentProcess();
        var started = (process.StartTime.ToUniversalTime() - DateTime.UnixEpoch).TotalSeconds;
        text.Append(CultureInfo.InvariantCulture, $"""
            # HELP process_cpu_seconds_total User and system CPU seconds.
            # TYPE process_cpu_seconds_total counter
            process_cpu_seconds_total {process.TotalProcessorTime.TotalSeconds:0.###}
            # HELP process_resident_memory_bytes Resident memory.
            # TYPE process_resident_memory_bytes gauge
            process_resident_memory_bytes {process.WorkingSet64}
            # HELP process_start_time_seconds Start of the process, seconds since the epoch.
            # TYPE process_start_time_seconds gauge
            process_start_time_seconds {started:0.###}

            """);
    }

    private sealed class Family(Instrument instrument, IReadOnlyList<double>? buckets)
    {
        private readonly SortedDictionary<string, Series> _series = new(StringComparer.Ordinal);

        private string Type => buckets is not null ? "histogram" : instrument.Name.EndsWith("_total", StringComparison.Ordinal) ? "counter" : "gauge";

        public void Record(string labels, double value)
        {
            if (!_series.TryGetValue(labels, out var series)) _series[labels] = series = new Series(buckets?.Count ?? 0);
            if (buckets is not null)
            {
                series.Sum += value;
                series.Count++;
                for (var i = 0; i < buckets.Count; i++) if (value <= buckets[i]) series.Buckets[i]++;
            }
            else if (instrument.IsObservable || instrument is Gauge<long> or Gauge<double> or Gauge<int>)
            {
                series.Sum = value;
            }
            else
            {
                series.Sum += value;
            }
        }

        public void ForgetObserved()
        {
            if (instrument.IsObservable) _series.Clear();
        }

        public void Write(StringBuilder text)
        {
            if (_series.Count == 0) return;
            var name = instrument.Name;
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {instrument.Description}\n# TYPE {name} {Type}\n");
            foreach (var (labels, series) in _series)
            {
                if (buckets is null)
                {
                    Line(text, name, labels, series.Sum);
                    continue;
                }
                for (var i = 0; i < buckets.Count; i++) Line(text, name + "_bucket", Join(labels, Bound(buckets[i])), series.Buckets[i]);
                Line(text, name + "_bucket", Join(labels, "le=\"+Inf\""), series.Count);
                Line(text, name + "_sum", labels, series.Sum);
                Line(text, name + "_count", labels, series.Count);
            }
        }

        private static string Bound(double bound) => string.Create(CultureInfo.InvariantCulture, $"le=\"{bound}\"");

        private static string Join(string labels, string label) => labels.Length == 0 ? label : $"{labels},{label}";

        private static void Line(StringBuilder text, string name, string labels, double value) =>
            text.Append(name).Append(labels.Length == 0 ? "" : $"{{{labels}}}").Append(CultureInfo.InvariantCulture, $" {value:R}\n");
    }

    private sealed class Series(int buckets)
    {
        public double Sum;
        public long Count;
        public readonly long[] Buckets = new long[buckets];
    }
}
