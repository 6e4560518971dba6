using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Instructions;

/// <summary>An instruction on the wire. Source: OpenFlow 1.3.5, 7.2.4 "Flow Instruction Structures".</summary>
public abstract record Instruction;

/// <summary>OFPIT_GOTO_TABLE.</summary>
public sealed record GotoTableInstruction(TableId Table) : Instruction;

/// <summary>OFPIT_WRITE_METADATA.</summary>
public sealed record WriteMetadataInstruction(ulong Metadata, ulong Mask) : Instruction;

/// <summary>OFPIT_APPLY_ACTIONS.</summary>
public sealed record ApplyActionsInstruction(ImmutableArray<OfAction> Actions) : Instruction;

/// <summary>OFPIT_WRITE_ACTIONS.</summary>
public sealed record WriteActionsInstruction(ImmutableArray<OfAction> Actions) : Instruction;

/// <summary>OFPIT_CLEAR_ACTIONS.</summary>
public sealed record ClearActionsInstruction : Instruction;

/// <summary>OFPIT_METER.</summary>
public sealed record MeterInstruction(MeterId Meter) : Instruction;

/// <summary>OFPIT_EXPERIMENTER; none is known to this codec, so it is only written.</summary>
public sealed record ExperimenterInstruction(uint Experimenter, byte[] Data) : Instruction;
