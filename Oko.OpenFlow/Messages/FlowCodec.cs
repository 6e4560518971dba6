using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Messages;

/// <summary>Flow-mods and flow-removed messages, bytes to objects and back. Source: OpenFlow 1.3.5, 7.3.4.1 and 7.4.2.</summary>
internal static class FlowCodec
{
    internal static FlowMod ReadMod(ref WireReader reader, uint xid)
    {
        var cookie = new Cookie(reader.U64());
        var cookieMask = reader.U64();
        var table = new TableId(reader.U8());
        var command = (FlowModCommand)reader.U8();
        var idle = reader.U16();
        var hard = reader.U16();
        var priority = reader.U16();
        var buffer = new BufferId(reader.U32());
        var outPort = new PortNumber(reader.U32());
        var outGroup = new GroupId(reader.U32());
        var flags = (FlowModFlags)reader.U16();
        reader.Skip(2);
        if (!Enum.IsDefined(command))
        {
            throw OpenFlowErrorException.FlowModFailed(FlowModFailedCode.BadCommand, $"flow-mod command {(byte)command}; 0 to 4 are known");
        }

        return new FlowMod
        {
            Xid = xid,
            Cookie = cookie, CookieMask = cookieMask, Table = table, Command = command, IdleTimeoutSeconds = idle, HardTimeoutSeconds = hard,
            Priority = priority, Buffer = buffer, OutPort = outPort, OutGroup = outGroup, Flags = flags,
            Match = MatchCodec.Read(ref reader), Instructions = InstructionCodec.ReadList(ref reader),
        };
    }

    internal static void WriteMod(WireWriter writer, FlowMod flow)
    {
        writer.U64(flow.Cookie.Value);
        writer.U64(flow.CookieMask);
        writer.U8(flow.Table.Value);
        writer.U8((byte)flow.Command);
        writer.U16(flow.IdleTimeoutSeconds);
        writer.U16(flow.HardTimeoutSeconds);
        writer.U16(flow.Priority);
        writer.U32(flow.Buffer.Value);
        writer.U32(flow.OutPort.Value);
        writer.U32(flow.OutGroup.Value);
        writer.U16((ushort)flow.Flags);
        writer.Zeros(2);
        MatchCodec.Write(writer, flow.Match);
        InstructionCodec.WriteList(writer, flow.Instructions);
    }

    internal static FlowRemoved ReadRemoved(ref WireReader reader)
    {
        var cookie = new Cookie(reader.U64());
        var priority = reader.U16();
        var reason = (FlowRemovedReason)reader.U8();
        var table = new TableId(reader.U8());
        var duration = Durations.Read(ref reader);
        var idle = reader.U16();
        var hard = reader.U16();
        var packets = reader.U64();
        var bytes = reader.U64();
        return new FlowRemoved
        {
            Cookie = cookie, Priority = priority, Reason = reason, Table = table, Duration = duration, IdleTimeoutSeconds = idle,
            HardTimeoutSeconds = hard, PacketCount = packets, ByteCount = bytes, Match = MatchCodec.Read(ref reader),
        };
    }

    internal static void WriteRemoved(WireWriter writer, FlowRemoved removed)
    {
        writer.U64(removed.Cookie.Value);
        writer.U16(removed.Priority);
        writer.U8((byte)removed.Reason);
        writer.U8(removed.Table.Value);
        Durations.Write(writer, removed.Duration);
        writer.U16(removed.IdleTimeoutSeconds);
        writer.U16(removed.HardTimeoutSeconds);
        writer.U64(removed.PacketCount);
        writer.U64(removed.ByteCount);
        MatchCodec.Write(writer, removed.Match);
    }
}
