using System.Collections.Immutable;
using Oko.Datapath.Groups;
using Oko.Datapath.Meters;

namespace Oko.Datapath.Pipeline;

/// <summary>The instructions of a flow entry, in the order in which they are executed. Immutable.
/// Source: OpenFlow 1.3.5, 5.9 "Instructions".</summary>
public sealed record InstructionSet
{
    /// <summary>No instruction: the packet is dropped unless the action set says otherwise.</summary>
    public static InstructionSet Empty { get; } = new();

    /// <summary>Meter that the packet passes before anything else, or null.</summary>
    public Meter? Meter { get; init; }

    /// <summary>Actions to apply at once.</summary>
    public ImmutableArray<DatapathAction> Apply { get; init; } = [];

    /// <summary>Whether to empty the action set.</summary>
    public bool ClearActions { get; init; }

    /// <summary>Actions to merge into the action set.</summary>
    public ImmutableArray<DatapathAction> Write { get; init; } = [];

    /// <summary>Metadata bits to write.</summary>
    public ulong MetadataValue { get; init; }

    /// <summary>Which metadata bits to write.</summary>
    public ulong MetadataMask { get; init; }

    /// <summary>Next table, or -1.</summary>
    public int GotoTable { get; init; } = -1;

    /// <summary>The groups that its actions name; one named twice is there twice.</summary>
    public IEnumerable<Group> Groups => NamesGroup(Apply) || NamesGroup(Write) ? Apply.Concat(Write).Select(action => action.Group).OfType<Group>() : [];

    /// <summary>The port, if one output to a real port is all there is to do; else 0.</summary>
    internal uint OnlyOutput =>
        Apply is [{ Kind: ActionKind.Output, Port: < ReservedPort.InPort } output] && Write.IsEmpty && Meter is null && !ClearActions && MetadataMask == 0 && GotoTable < 0
            ? output.Port : 0;

    private static bool NamesGroup(ImmutableArray<DatapathAction> actions)
    {
        foreach (ref readonly var action in actions.AsSpan())
        {
            if (action.Kind == ActionKind.Group)
            {
                return true;
            }
        }

        return false;
    }
}
