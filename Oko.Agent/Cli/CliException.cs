namespace Oko.Agent.Cli;

/// <summary>Ends a command with one text on standard error: what, where, allowed, next step.</summary>
public sealed class CliException(string message, int exitCode = ExitCode.Failure) : Exception(message)
{
    /// <summary>One of <see cref="Cli.ExitCode"/>.</summary>
    public int ExitCode { get; } = exitCode;
}
