using System.Collections.Immutable;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Messages;

/// <summary>OFPT_HELLO. Source: OpenFlow 1.3.5, 7.5.1.</summary>
/// <param name="HeaderVersion">Version in the header.</param>
/// <param name="Bitmap">Words of the version bitmap; null when the element is absent.</param>
public sealed record Hello(byte HeaderVersion, ImmutableArray<uint>? Bitmap) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.Hello;

    /// <summary>What a switch of OpenFlow 1.3 says.</summary>
    public static Hello OpenFlow13 { get; } = new(4, ImmutableArray.Create(1u << 4));

    /// <summary>Whether the peer and we share version 1.3: by the bitmap if there is one, else by the lower header version.</summary>
    public bool Offers13 => Bitmap is { IsEmpty: false } bitmap ? (bitmap[0] & (1u << 4)) != 0 : HeaderVersion >= 4;
}

/// <summary>OFPT_ECHO_REQUEST. Source: OpenFlow 1.3.5, 7.5.2.</summary>
public sealed record EchoRequest(byte[] Data) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.EchoRequest;
}

/// <summary>OFPT_ECHO_REPLY. Source: OpenFlow 1.3.5, 7.5.3.</summary>
public sealed record EchoReply(byte[] Data) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.EchoReply;
}

/// <summary>OFPT_ERROR. Source: OpenFlow 1.3.5, 7.4.4.</summary>
/// <param name="ErrorType">OFPET.</param>
/// <param name="Code">Code; the experimenter's type for OFPET_EXPERIMENTER.</param>
/// <param name="Data">Start of the request; the experimenter's data for OFPET_EXPERIMENTER.</param>
/// <param name="Experimenter">Experimenter id, 0 for standard errors.</param>
public sealed record ErrorMessage(ErrorType ErrorType, ushort Code, byte[] Data, uint Experimenter = 0) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.Error;
}

/// <summary>OFPT_EXPERIMENTER of somebody else. Source: OpenFlow 1.3.5, 7.5.4.</summary>
public sealed record ExperimenterMessage(uint Experimenter, uint ExpType, byte[] Body) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.Experimenter;
}
