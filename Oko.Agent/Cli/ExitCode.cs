namespace Oko.Agent.Cli;

/// <summary>How the program ends; documented in <c>docs/cli.md</c>, so append-only.</summary>
public static class ExitCode
{
    /// <summary>Done as asked.</summary>
    public const int Success = 0;

    /// <summary>Refused or failed; standard error says why.</summary>
    public const int Failure = 1;

    /// <summary>The command line is wrong, or a file it names cannot be read.</summary>
    public const int Usage = 2;
}
