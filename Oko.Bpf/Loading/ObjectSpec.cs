using System.Collections.Immutable;
using Oko.Bpf.Isa;

namespace Oko.Bpf.Loading;

/// <summary>A program as the object file has it, relocated, not verified.</summary>
/// <param name="Name">Name of its function.</param>
/// <param name="Section">Section it stands in.</param>
/// <param name="Convention">Registers on entry, by the section.</param>
/// <param name="Instructions">The function and, behind it, the functions it calls. A wide load of a map holds the map's index.</param>
/// <param name="SourceLines">Source line per slot, null where the object says nothing.</param>
public sealed record ProgramSpec(
    string Name, string Section, EntryConvention Convention, Instruction[] Instructions, ImmutableArray<string?> SourceLines);

/// <summary>What an object file holds: maps and programs. Nothing exists yet but the description.</summary>
/// <param name="Maps">The maps, by index; those that stand for data sections are the last.</param>
/// <param name="Programs">The programs, in the order of the file.</param>
/// <param name="OkoHelpers">The maps are defined in Oko's 20-byte form, so helper numbers are Oko's.</param>
public sealed record ObjectSpec(ImmutableArray<MapSpec> Maps, ImmutableArray<ProgramSpec> Programs, bool OkoHelpers)
{
    /// <summary>First contents of maps that stand for data sections: map index to the bytes of element 0.</summary>
    public ImmutableDictionary<int, byte[]> InitialValues { get; init; } = ImmutableDictionary<int, byte[]>.Empty;
}
