using System.Collections.Immutable;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Messages;

/// <summary>One queue of a port (<c>struct ofp_packet_queue</c>). Source: OpenFlow 1.3.5, 7.2.2 "Queue Structures".</summary>
/// <param name="Queue">Number, unique within the port.</param>
/// <param name="Port">The port.</param>
/// <param name="Properties">What is configured for it; may be empty.</param>
public sealed record QueueDescription(QueueId Queue, PortNumber Port, ImmutableArray<QueueProperty> Properties);

/// <summary>A property of a queue (<c>struct ofp_queue_prop_*</c>).</summary>
/// <param name="Type">OFPQT_MIN_RATE (1), OFPQT_MAX_RATE (2) or OFPQT_EXPERIMENTER (0xffff); others are kept as they come.</param>
/// <param name="Rate">Of the first two: tenths of a percent of the port's speed, above 1000 if not configured; else 0.</param>
/// <param name="Data">Of the others: what stands behind the property's header of 8 bytes.</param>
public sealed record QueueProperty(ushort Type, ushort Rate, ImmutableArray<byte> Data);

/// <summary>Statistics of one queue (<c>struct ofp_queue_stats</c>). Source: OpenFlow 1.3.5, 7.3.5.8.</summary>
/// <param name="Port">The port.</param>
/// <param name="Queue">The queue.</param>
/// <param name="SentBytes">Bytes sent by it.</param>
/// <param name="SentPackets">Packets sent by it.</param>
/// <param name="Errors">Packets dropped due to overrun.</param>
/// <param name="Duration">How long the queue has been there.</param>
public sealed record QueueStatsEntry(PortNumber Port, QueueId Queue, ulong SentBytes, ulong SentPackets, ulong Errors, TimeSpan Duration);
