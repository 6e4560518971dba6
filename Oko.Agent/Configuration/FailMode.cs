namespace Oko.Agent.Configuration;

/// <summary>What the switch does while it has no controller.</summary>
public enum FailMode
{
    /// <summary>Learns addresses and forwards like an ordinary switch.</summary>
    Standalone,

    /// <summary>Goes on with the entries that are installed, and adds none of its own.</summary>
    Secure,
}
