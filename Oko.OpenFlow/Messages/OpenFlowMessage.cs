using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Messages;

/// <summary>A message of OpenFlow 1.3, immutable. Source: OpenFlow 1.3.5, 7.1 "OpenFlow Header".</summary>
public abstract record OpenFlowMessage
{
    // Eight bytes for a number of four: behind a base class of four bytes, .NET 10.0 lays fields of a derived class over each
    // other (three of two bytes and one of one byte, as FlowRemoved has). ClassLayoutTests watches for it.
    private readonly ulong _xid;

    /// <summary>Transaction id: a reply carries that of its request.</summary>
    public uint Xid
    {
        get => (uint)_xid;
        init => _xid = value;
    }

    /// <summary>Type in the header.</summary>
    public abstract MessageType Type { get; }
}
