using Oko.Datapath.Meters;

namespace Oko.Datapath.Pipeline;

// Ten thousand entries seldom do ten thousand different things: most of a table go to the same table or do the same before they output to one
// of some ports. So entries with equal instructions share one program, which then stays in the first cache, where each entry's
// own instructions would be two or three cache misses more for a packet.

/// <summary>Instructions as the worker executes them, shared by entries with equal ones. Immutable.</summary>
internal sealed class EntryProgram
{
    // The programs seen last, by their hash; a newer one takes the place of an older. Those with groups or meters are left out, so that none of
    // them is kept alive here.
    private static readonly EntryProgram?[] Recent = new EntryProgram?[1024];

    private EntryProgram(InstructionSet instructions)
    {
        Meter = instructions.Meter;
        Apply = [.. instructions.Apply];
        ClearActions = instructions.ClearActions;
        Write = [.. instructions.Write];
        MetadataValue = instructions.MetadataValue;
        MetadataMask = instructions.MetadataMask;
        GotoTable = instructions.GotoTable;
        IsStep = GotoTable > 0 && Meter is null && Array.TrueForAll(Apply, static action => action.Kind <= ActionKind.SetField);
    }

    /// <summary>Does nothing.</summary>
    internal static EntryProgram Empty { get; } = new(InstructionSet.Empty);

    internal Meter? Meter { get; }

    internal DatapathAction[] Apply { get; }

    internal bool ClearActions { get; }

    internal DatapathAction[] Write { get; }

    internal ulong MetadataValue { get; }

    internal ulong MetadataMask { get; }

    internal int GotoTable { get; }

    /// <summary>Whether it changes the packet at most and goes on to another table: nothing that other packets, ports or controllers notice.</summary>
    internal bool IsStep { get; }

    /// <summary>The program of instructions. Any thread.</summary>
    internal static EntryProgram Of(InstructionSet instructions)
    {
        if (instructions.Meter is not null || instructions.Groups.Any())
        {
            return new EntryProgram(instructions);
        }

        ref var place = ref Recent[Hash(instructions) & (Recent.Length - 1)];
        var recent = Volatile.Read(ref place);
        if (recent is null || !recent.DoesSame(instructions))
        {
            recent = new EntryProgram(instructions);
            Volatile.Write(ref place, recent);
        }

        return recent;
    }

    private static int Hash(InstructionSet instructions)
    {
        var hash = default(HashCode);
        foreach (ref readonly var action in instructions.Apply.AsSpan())
        {
            hash.Add(action);
        }

        hash.Add(instructions.GotoTable);
        foreach (ref readonly var action in instructions.Write.AsSpan())
        {
            hash.Add(action);
        }

        hash.Add(instructions.MetadataValue);
        return hash.ToHashCode();
    }

    /// <summary>For programs without a meter.</summary>
    private bool DoesSame(InstructionSet other) =>
        GotoTable == other.GotoTable && ClearActions == other.ClearActions && MetadataValue == other.MetadataValue && MetadataMask == other.MetadataMask
        && Apply.AsSpan().SequenceEqual(other.Apply.AsSpan()) && Write.AsSpan().SequenceEqual(other.Write.AsSpan());
}
