using System.Collections.Immutable;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Agent.Filters;

/// <summary>How a filter is installed; the numbers are those of FILTER_UPLOAD. Source: Oko.OpenFlow/OkoExtension/README.md, section 2.</summary>
[Flags]
public enum FilterInstallFlags : ushort
{
    /// <summary>An id in use is refused.</summary>
    None = 0,

    /// <summary>REPLACE: takes the place of a filter with this id, if there is one, for all entries at once.</summary>
    Replace = 1,

    /// <summary>KEEP_MAPS: maps with equal name, type, sizes and capacity keep their content.</summary>
    KeepMaps = 2,

    /// <summary>DRY_RUN: everything except installing.</summary>
    DryRun = 4,
}

/// <summary>What became of an upload. Immutable.</summary>
/// <param name="FilterId">The filter.</param>
/// <param name="Generation">1 for the first load, one more for each replace, 0 for a dry run.</param>
/// <param name="Instructions">Size of the program in 8-byte slots.</param>
/// <param name="WorstCaseInstructions">Proven bound of instructions per run.</param>
/// <param name="CodeBytes">Size of the translated program.</param>
/// <param name="MapCount">Number of maps.</param>
/// <param name="MapsKept">Number of maps that kept their content.</param>
/// <param name="Text">For people; may be empty.</param>
public sealed record FilterInstallResult(
    uint FilterId, uint Generation, int Instructions, int WorstCaseInstructions, int CodeBytes, int MapCount, int MapsKept, string Text);

/// <summary>A filter as it is installed now. Immutable copy.</summary>
public sealed record FilterInfo
{
    /// <summary>The filter's id.</summary>
    public required uint FilterId { get; init; }

    /// <summary>Name from the upload, or of the program.</summary>
    public required string Name { get; init; }

    /// <summary>1 for the first load, one more for each replace.</summary>
    public required uint Generation { get; init; }

    /// <summary>How the program is called.</summary>
    public required EntryConvention Convention { get; init; }

    /// <summary>Size of the program in 8-byte slots.</summary>
    public required int Instructions { get; init; }

    /// <summary>Proven bound of instructions per run.</summary>
    public required int WorstCaseInstructions { get; init; }

    /// <summary>Size of the translated program.</summary>
    public required int CodeBytes { get; init; }

    /// <summary>Flow entries that name the filter.</summary>
    public required int References { get; init; }

    /// <summary>SHA-256 of the object, 32 bytes.</summary>
    public required ImmutableArray<byte> Sha256 { get; init; }

    /// <summary>The maps, by index.</summary>
    public required ImmutableArray<FilterMapInfo> Maps { get; init; }

    /// <summary>Times the program ran, under any generation.</summary>
    public required long Runs { get; init; }

    /// <summary>Times it said match.</summary>
    public required long Matches { get; init; }

    /// <summary>Runs that were timed.</summary>
    public required long SampledRuns { get; init; }

    /// <summary>Nanoseconds that the timed runs took.</summary>
    public required long SampledNanoseconds { get; init; }

    /// <summary>Map updates refused since a map was full, by programs and controllers.</summary>
    public required ulong UpdatesRefused { get; init; }
}

/// <summary>A map of a filter. Immutable copy.</summary>
/// <param name="Index">0-based.</param>
/// <param name="Spec">Name, type and sizes.</param>
/// <param name="Entries">Entries now, or null if they cannot be counted.</param>
/// <param name="IsWritable">Whether controllers may change it.</param>
/// <param name="IsDumpable">Whether it can be read out.</param>
public sealed record FilterMapInfo(int Index, MapSpec Spec, int? Entries, bool IsWritable, bool IsDumpable);

/// <summary>Limits of a <see cref="FilterStore"/>.</summary>
public sealed record FilterQuotas
{
    /// <summary>Installed filters.</summary>
    public int MaxFilters { get; init; } = 256;

    /// <summary>Bytes of one object.</summary>
    public int MaxObjectBytes { get; init; } = 16 << 20;

    /// <summary>Bytes of all maps of all installed filters.</summary>
    public long MaxMapBytes { get; init; } = 512L << 20;

    /// <summary>Objects that wait for the verifier; beyond that uploads are refused instead of stored.</summary>
    public int MaxWaiting { get; init; } = 16;
}
