namespace Oko.Agent.Benchmark;

/// <summary>Where the filter runs.</summary>
public enum ChainSetup
{
    /// <summary>In the switch, by an entry that names it.</summary>
    Switch,

    /// <summary>In a neighbouring process on the switch's own packets, over rings.</summary>
    Process,

    /// <summary>In a neighbouring process that gets copies, over rings.</summary>
    Copies,
}
