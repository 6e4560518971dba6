namespace Oko.Datapath.Packet;

/// <summary>What became of a change to a packet's headers.</summary>
internal enum EditResult : byte
{
    /// <summary>The packet lacks the header: nothing was done.</summary>
    Unchanged,

    /// <summary>It is done.</summary>
    Changed,

    /// <summary>It cannot be done: no room for a header, or a TTL that must not be decremented. The packet is as it was.</summary>
    Failed,
}
