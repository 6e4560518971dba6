using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Controllers;

/// <summary>One message from a peer: what it says, or what is wrong with it. Immutable; made on the channel's thread.</summary>
/// <param name="Message">The message, null when it is malformed.</param>
/// <param name="Error">What is wrong with it, else null.</param>
/// <param name="Raw">Its bytes, for error replies; of a request in parts the first part, then the rest.</param>
internal readonly record struct SessionRequest(OpenFlowMessage? Message, OpenFlowErrorException? Error, ReadOnlyMemory<byte> Raw)
{
    // What objects cost beside the bytes, roughly: a small message is several objects.
    private const int ObjectBytes = 512;

    /// <summary>Transaction id.</summary>
    public uint Xid => System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(Raw.Span[4..]);

    /// <summary>Memory the request holds while it waits, in bytes, roughly.</summary>
    public int Cost => Raw.Length + ObjectBytes;

    /// <summary>Whether it is carried out in microseconds, whatever the state of the switch.</summary>
    public bool IsShort => Message switch
    {
        FlowMod mod => mod.Command is FlowModCommand.Add or FlowModCommand.ModifyStrict or FlowModCommand.DeleteStrict,
        PacketOut or BarrierRequest => true,
        _ => false,
    };

    /// <summary>The error reply to this request.</summary>
    /// <remarks>"data: ... at least the first 64 bytes of the failed request" (OpenFlow 1.3.5, 7.4.4); all of it is sent, as far as it
    /// fits: ONOS finds the flow by what is in there.</remarks>
    public ErrorMessage ReplyWith(OpenFlowErrorException error)
    {
        const int FixedBytes = 12;
        int firstPart = System.Buffers.Binary.BinaryPrimitives.ReadUInt16BigEndian(Raw.Span[2..]);
        var data = error.ExperimenterData ?? Raw.Span[..Math.Min(firstPart, ushort.MaxValue - FixedBytes)].ToArray();
        return new ErrorMessage(error.Type, error.Code, data, error.Experimenter) { Xid = Xid };
    }
}
