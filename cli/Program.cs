using StreamSettlement.Cli;

using var interrupt = new Interrupt();
return await CommandLine.RunAsync(args, Terminal.OfConsole(), TimeProvider.System, interrupt.Token);
