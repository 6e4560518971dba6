using System.Buffers.Binary;
using Oko.OpenFlow.Bundles;
using Oko.OpenFlow.Channel;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Controllers;

/// <summary>Which connections know the Oko extension: by the option of their address, else by what they send. Stateless.</summary>
/// <remarks>Source: Oko.OpenFlow/OkoExtension/README.md, 1 "Awareness".</remarks>
internal static class SessionAwareness
{
    /// <summary>Offset of the match in FLOW_MOD and in OFPMP_FLOW and OFPMP_AGGREGATE requests.</summary>
    private const int MatchOffset = 48;

    /// <summary>What a new connection sees.</summary>
    public static ConnectionView Initial(OpenFlowEndpoint endpoint) => endpoint.Awareness switch
    {
        EndpointAwareness.Aware => ConnectionView.Everything,
        EndpointAwareness.Strip => ConnectionView.Stripped,
        EndpointAwareness.Hide => ConnectionView.Hidden,
        _ => endpoint.IsListener ? ConnectionView.Stripped : ConnectionView.Hidden,
    };

    /// <summary>What a connection sees from this request on, the answer to it included.</summary>
    public static ConnectionView After(ConnectionView view, OpenFlowEndpoint endpoint, in SessionRequest request) =>
        !view.Aware && endpoint.Awareness == EndpointAwareness.Auto && UsesExtension(request) ? ConnectionView.Everything : view;

    private static bool UsesExtension(in SessionRequest request) => request.Message switch
    {
        OkoMessage => true,
        FlowMod mod => mod.Match.FilterId is not null,
        BundleAdd { Message: FlowMod mod } => mod.Match.FilterId is not null,
        MultipartRequest { Body: OkoMultipart } => true,
        MultipartRequest { Body: FlowStatsRequest flows } => flows.Match.FilterId is not null,
        MultipartRequest { Body: AggregateStatsRequest flows } => flows.Match.FilterId is not null,
        null => UsesExtension(request.Raw.Span),
        _ => false,
    };

    /// <summary>The same for a message that cannot be decoded: who sends our field wrongly knows it all the same.</summary>
    private static bool UsesExtension(ReadOnlySpan<byte> raw)
    {
        switch ((MessageType)raw[1])
        {
            case MessageType.Experimenter:
                return HasIdAt(raw, 8);
            case MessageType.MultipartRequest when raw.Length >= 10 && BinaryPrimitives.ReadUInt16BigEndian(raw[8..]) == (ushort)MultipartType.Experimenter:
                return HasIdAt(raw, 16);
            case MessageType.FlowMod or MessageType.MultipartRequest:
                return NamesField(raw);
            default:
                return false;
        }
    }

    /// <summary>Looks for the class of experimenters, two bytes of whatever field and length, and our id.</summary>
    private static bool NamesField(ReadOnlySpan<byte> raw)
    {
        for (var offset = MatchOffset; offset + 8 <= raw.Length; offset++)
        {
            if (raw[offset] == 0xFF && raw[offset + 1] == 0xFF && HasIdAt(raw, offset + 4))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasIdAt(ReadOnlySpan<byte> raw, int offset) =>
        raw.Length >= offset + 4 && BinaryPrimitives.ReadUInt32BigEndian(raw[offset..]) == OkoExperimenter.Id;
}
