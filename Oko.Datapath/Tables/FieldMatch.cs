using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>One field of a match: value and mask right-aligned, host order.</summary>
public readonly record struct FieldMatch(FlowField Field, UInt128 Value, UInt128 Mask);
