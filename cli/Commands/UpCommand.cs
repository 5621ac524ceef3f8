using System.CommandLine;
using System.Diagnostics;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Cli.Commands;

/// <summary>Starts everything and stays until Ctrl-C.</summary>
internal static class UpCommand
{
    public static Command Create(Terminal terminal, TimeProvider time)
    {
        var docker = new Option<bool>("--docker") { Description = "Apache Kafka, MySQL, PostgreSQL and the services in containers instead: docker compose up." };
        var prefix = Options.TopicPrefix();
        var command = new Command("up", "Start servers and services and stay; Ctrl-C stops them in order.") { docker, prefix };
        var servers = new ServerOptions(command, running: true);
        command.SetAction(async (parsed, token) => parsed.GetValue(docker)
            ? await ComposeAsync(token)
            : await RunAsync(terminal, await servers.ReadAsync(parsed, token), parsed.GetValue(prefix)!, time, token));
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, ServerChoice servers, string topicPrefix, TimeProvider time, CancellationToken token)
    {
        var settings = new LocalStackSettings
        {
            Servers = servers,
            TopicPrefix = topicPrefix,
            PreferredPorts = (Settlement: 8080, Ingest: 8081, Aggregator: 8082, Kafka: 9092),
        };
        await using var stack = await LocalStack.StartServersAsync(LocalStates.Stack, settings, terminal.Line, time, token);
        await stack.StartServicesAsync(terminal.Line, token);
        terminal.Line();
        terminal.Line($"Everything runs. API and Swagger UI: {stack.Settlement!.Address}swagger   logs: {stack.State.LogDirectory}");
        terminal.Line("In another terminal: ./settlement generate, status, env, close, down. Ctrl-C stops everything.");
        try
        {
            await stack.SuperviseAsync(terminal.Line, token);
            return ExitCodes.Done;
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            terminal.Line("stopping …");
            return ExitCodes.Done;
        }
    }

    private static async Task<int> ComposeAsync(CancellationToken token)
    {
        using var compose = new Process { StartInfo = new ProcessStartInfo("docker", ["compose", "up", "--build"]) { WorkingDirectory = Repository.Root } };
        try
        {
            compose.Start();
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new DevStackException($"docker could not be started: {e.Message}. Without Docker: ./settlement up", e);
        }
        // Ctrl-C reaches it too: it stops its containers, and this waits for that.
        await compose.WaitForExitAsync(CancellationToken.None);
        return token.IsCancellationRequested ? ExitCodes.Done : compose.ExitCode;
    }
}
