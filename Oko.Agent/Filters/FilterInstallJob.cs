using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Agent.Filters;

/// <summary>An upload on its way through the verifier's thread. Handed from thread to thread, never used by two.</summary>
internal sealed class FilterInstallJob(uint filterId, byte[] elf, string? name, string? entry, FilterInstallFlags flags)
{
    public readonly TaskCompletionSource<FilterInstallResult> Completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public uint FilterId { get; } = filterId;

    public byte[] Elf { get; } = elf;

    public string? Name { get; } = name;

    public string? Entry { get; } = entry;

    public FilterInstallFlags Flags { get; } = flags;

    public bool IsReplace => (Flags & FilterInstallFlags.Replace) != 0;

    public bool IsDryRun => (Flags & FilterInstallFlags.DryRun) != 0;

    /// <summary>Name for people: the upload's, else the program's.</summary>
    public string DisplayName(VerifiedProgram program) => string.IsNullOrEmpty(Name) ? program.Name : Name;

    /// <summary>The answer, with what the loader remarked and one sentence per map of a replaced filter.</summary>
    public FilterInstallResult Describe(LoadedFilter program, uint generation, bool isReplacement)
    {
        var kept = program.MapWasKept.Count(isKept => isKept);
        var maps = program.Maps.Select((map, index) => $"map {map.Name}: {(program.MapWasKept[index] ? "content kept" : "starts empty")}");
        var text = string.Join('\n', (program.Program.Remark is { } remark ? [remark] : Array.Empty<string>()).Concat(isReplacement ? maps : []));
        return new FilterInstallResult(FilterId, generation, program.Instructions, program.WorstCaseInstructions, program.CodeBytes,
            program.Maps.Length, kept, text);
    }
}
