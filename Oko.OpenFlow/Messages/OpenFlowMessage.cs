using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Messages;

/// <summary>A message of OpenFlow 1.3, immutable. Source: OpenFlow 1.3.5, 7.1 "OpenFlow Header".</summary>
public abstract record OpenFlowMessage
{
    /// <summary>Transaction id: a reply carries that of its request.</summary>
    public uint Xid { get; init; }

    /// <summary>Type in the header.</summary>
    public abstract MessageType Type { get; }
}
