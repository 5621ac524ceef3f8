using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Console;

var (options, error) = BrokerOptions.Parse(args);
if (options is null)
{
    Console.Error.WriteLine(error);
    Console.Error.WriteLine(BrokerOptions.Usage);
    return 2;
}

using var logging = LoggerFactory.Create(builder => builder
    .AddSimpleConsole(console =>
    {
        console.SingleLine = true;
        console.TimestampFormat = "HH:mm:ss.fff ";
        console.UseUtcTimestamp = true;
        console.ColorBehavior = LoggerColorBehavior.Disabled;
    }));
var telemetry = new BrokerTelemetry(logging.CreateLogger("broker"));
using var stopping = new CancellationTokenSource();
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stopping.Cancel();
}
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
// SIGXFSZ: a limit on the size of files is answered as a full disk is, by a storage error, not by the death of the process.
using var onFileTooLarge = PosixSignalRegistration.Create((PosixSignal)25, signal => signal.Cancel = true);

telemetry.Starting(options.DataDirectory);
try
{
    using var broker = new Broker(options, TimeProvider.System, telemetry);
    await broker.Run(stopping.Token);
    return 0;
}
catch (Exception cause) when (cause is IOException or SocketException or UnauthorizedAccessException or InvalidDataException)
{
    telemetry.CannotStart($"{cause.Message} (--data {options.DataDirectory}, --listen {options.Listen})");
    return 1;
}
