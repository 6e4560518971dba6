using System.Buffers.Binary;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Bundles;

/// <summary>Messages of bundles, bytes to objects and back. Source: ONF Extensions for OpenFlow 1.3.X, EXT-230 "Bundle Extension".</summary>
/// <remarks>Properties may follow both messages; the extension defines none but experimenters', which mean nothing here.</remarks>
public static class BundleCodec
{
    /// <summary>ONF_EXPERIMENTER_ID.</summary>
    public const uint Experimenter = 0x4F4E4600;

    private const uint ControlType = 2300, AddType = 2301;

    /// <summary>The error reply for something wrong with a bundle.</summary>
    public static OpenFlowErrorException Failed(BundleFailedCode code, string detail) => new(Experimenter, (ushort)code, null, detail);

    internal static OpenFlowMessage Read(uint type, ref WireReader reader)
    {
        switch (type)
        {
            case ControlType:
                var control = new BundleControl(reader.U32(), (BundleControlType)reader.U16(), (BundleFlags)reader.U16());
                reader.Rest();
                return control;
            case AddType:
                var bundle = reader.U32();
                reader.Skip(2);
                return new BundleAdd(bundle, (BundleFlags)reader.U16(), ReadInner(reader.Rest()));
            default:
                throw OpenFlowErrorException.BadRequest(
                    BadRequestCode.BadExpType, $"exp_type {type} of the ONF is not known here; there are {ControlType} and {AddType} (bundles)");
        }
    }

    internal static void Write(WireWriter writer, BundleControl control)
    {
        writer.U32(Experimenter);
        writer.U32(ControlType);
        writer.U32(control.BundleId);
        writer.U16((ushort)control.Control);
        writer.U16((ushort)control.Flags);
    }

    internal static void Write(WireWriter writer, BundleAdd add)
    {
        writer.U32(Experimenter);
        writer.U32(AddType);
        writer.U32(add.BundleId);
        writer.Zeros(2);
        writer.U16((ushort)add.Flags);
        writer.Bytes(MessageCodec.Encode(add.Message));
    }

    private static OpenFlowMessage ReadInner(ReadOnlySpan<byte> bytes)
    {
        var length = bytes.Length < MessageCodec.HeaderBytes ? 0 : BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        if (length < MessageCodec.HeaderBytes || length > bytes.Length)
        {
            throw Failed(BundleFailedCode.MsgBadLen, $"a message of {length} bytes, where {bytes.Length} are left; a message has {MessageCodec.HeaderBytes} at least");
        }

        // A bundle in a bundle would be read by this method again, as often as a sender likes.
        return (MessageType)bytes[1] == MessageType.Experimenter
            ? throw Failed(BundleFailedCode.MsgUnsup, "experimenter messages cannot be in a bundle")
            : MessageCodec.Decode(bytes[..length]);
    }
}
