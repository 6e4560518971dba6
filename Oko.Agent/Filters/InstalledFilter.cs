using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Datapath.Pipeline;

namespace Oko.Agent.Filters;

/// <summary>A filter of the store. Control thread.</summary>
internal sealed class InstalledFilter(FilterSlot slot, string name)
{
    /// <summary>What flow entries refer to.</summary>
    public FilterSlot Slot { get; } = slot;

    /// <summary>Name shown to people.</summary>
    public string Name { get; set; } = name;

    /// <summary>1 for the first load.</summary>
    public uint Generation { get; set; } = 1;

    /// <summary>The program in force.</summary>
    public LoadedFilter Program => Slot.Current;

    /// <summary>Bytes of all its maps.</summary>
    public long MapBytes => Program.Maps.Sum(map => BpfMap.MapMemoryBytes(map.Spec));

    /// <summary>Whether controllers may change a map: not what stands for constants of the program, nor what only programs fill.</summary>
    public static bool IsWritable(LoadedFilter filter, int index) =>
        filter.Maps[index].Access.HasFlag(MapAccess.Update) && !IsConstant(filter.Program, index);

    /// <summary>Whether a map stands for constants of the program.</summary>
    public static bool IsConstant(VerifiedProgram program, int index) =>
        program.InitialValues.ContainsKey(index) && program.Maps[index].Name.StartsWith(".rodata", StringComparison.Ordinal);

    /// <summary>A copy for others.</summary>
    public FilterInfo Describe(int references) => new()
    {
        FilterId = Slot.FilterId,
        Name = Name,
        Generation = Generation,
        Convention = Program.Program.Convention,
        Instructions = Program.Instructions,
        WorstCaseInstructions = Program.WorstCaseInstructions,
        CodeBytes = Program.CodeBytes,
        References = references,
        Sha256 = Program.ProgramSha256,
        Maps = [.. Program.Maps.Select((map, index) =>
            new FilterMapInfo(index, map.Spec, EntriesOf(map), IsWritable(Program, index), map.Access.HasFlag(MapAccess.Dump)))],
        Runs = Slot.Runs,
        Matches = Slot.Matches,
        SampledRuns = Slot.SampledRuns,
        SampledNanoseconds = Slot.SampledNanoseconds,
        UpdatesRefused = Program.Maps.Aggregate(0UL, (sum, map) => sum + map.RefusedUpdates),
    };

    // What a ring buffer, a bloom filter or a sketch holds cannot be counted.
    private static int? EntriesOf(BpfMap map) => map.Access.HasFlag(MapAccess.Dump) ? map.Count : null;
}
