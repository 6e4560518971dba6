namespace Oko.Agent.Cli;

/// <summary>Who reads the output.</summary>
public enum OutputFormat
{
    /// <summary>People: tables and lines.</summary>
    Table,

    /// <summary>Programs: one JSON document.</summary>
    Json,
}
