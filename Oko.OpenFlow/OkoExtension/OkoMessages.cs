using System.Collections.Immutable;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.OkoExtension;

/// <summary>A message of our extension.</summary>
public abstract record OkoMessage : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.Experimenter;
}

/// <summary>FILTER_UPLOAD: an ELF object, or a part of one.</summary>
public sealed record FilterUpload : OkoMessage
{
    /// <summary>Id, 1 to 0xFFFFFFFE.</summary>
    public uint FilterId { get; init; }

    /// <summary>Flags.</summary>
    public FilterUploadFlags Flags { get; init; }

    /// <summary>Size of the whole object in bytes.</summary>
    public uint TotalLength { get; init; }

    /// <summary>Where this part begins.</summary>
    public uint Offset { get; init; }

    /// <summary>SHA-256 of the whole object, 32 bytes; all zero = not checked.</summary>
    public byte[] Sha256 { get; init; } = new byte[32];

    /// <summary>Name of the filter; empty = from the object.</summary>
    public string Name { get; init; } = string.Empty;

    /// <summary>Name of the program; empty = the only one.</summary>
    public string Entry { get; init; } = string.Empty;

    /// <summary>The part.</summary>
    public byte[] Data { get; init; } = [];
}

/// <summary>FILTER_STATUS: what became of an upload.</summary>
public sealed record FilterStatus : OkoMessage
{
    /// <summary>Id.</summary>
    public uint FilterId { get; init; }

    /// <summary>1 for the first load, one more for each replacement, 0 for a dry run.</summary>
    public uint Generation { get; init; }

    /// <summary>8-byte slots of the program.</summary>
    public uint Instructions { get; init; }

    /// <summary>Worst-case instructions per run.</summary>
    public uint WorstCaseInstructions { get; init; }

    /// <summary>Bytes of IL, 0 if unknown.</summary>
    public uint CodeBytes { get; init; }

    /// <summary>Number of maps.</summary>
    public ushort MapCount { get; init; }

    /// <summary>Number of maps whose content was kept.</summary>
    public ushort MapsKept { get; init; }

    /// <summary>For people.</summary>
    public string Text { get; init; } = string.Empty;
}

/// <summary>FILTER_UNLOAD.</summary>
public sealed record FilterUnload(uint FilterId, bool Force) : OkoMessage;

/// <summary>A key and its value, in bytes as the program sees them.</summary>
public readonly record struct MapItem(byte[] Key, byte[] Value);

/// <summary>MAP_UPDATE.</summary>
/// <param name="FilterId">Whose map.</param>
/// <param name="MapIndex">Which.</param>
/// <param name="Flags">0 any, 1 only new, 2 only existing.</param>
/// <param name="KeySize">Bytes of a key.</param>
/// <param name="ValueSize">Bytes of a value.</param>
/// <param name="Entries">The entries.</param>
public sealed record MapUpdate(uint FilterId, ushort MapIndex, ushort Flags, uint KeySize, uint ValueSize, ImmutableArray<MapItem> Entries) : OkoMessage;

/// <summary>MAP_DELETE; without keys it empties the map.</summary>
public sealed record MapDelete(uint FilterId, ushort MapIndex, uint KeySize, ImmutableArray<byte[]> Keys) : OkoMessage;

/// <summary>FILTER_EVENT: a record of a ring buffer.</summary>
public sealed record FilterEvent(uint FilterId, ushort MapIndex, ulong TimeNanoseconds, ulong Lost, byte[] Record) : OkoMessage
{
    /// <summary>Longest record that a message has room for, in bytes.</summary>
    public const int MaxRecordBytes = ushort.MaxValue - 40;
}

/// <summary>A multipart body of our extension.</summary>
public abstract record OkoMultipart : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.Experimenter;

    /// <summary>exp_type.</summary>
    public abstract OkoMultipartType OkoType { get; }
}

/// <summary>FILTER_DESC request.</summary>
public sealed record FilterDescriptionRequest(uint FilterId) : OkoMultipart
{
    /// <inheritdoc/>
    public override OkoMultipartType OkoType => OkoMultipartType.FilterDesc;
}

/// <summary>A map in a FILTER_DESC reply.</summary>
/// <param name="Type">Linux number of the map type.</param>
/// <param name="KeySize">Bytes of a key.</param>
/// <param name="ValueSize">Bytes of a value.</param>
/// <param name="MaxEntries">Capacity.</param>
/// <param name="Entries">Entries now; 0xFFFFFFFF = unknown.</param>
/// <param name="Flags">1 writable by the controller, 2 dumpable.</param>
/// <param name="Name">Name.</param>
public sealed record MapDescription(uint Type, uint KeySize, uint ValueSize, uint MaxEntries, uint Entries, uint Flags, string Name);

/// <summary>A filter in a FILTER_DESC reply.</summary>
public sealed record FilterDescription(
    uint FilterId, uint Generation, uint Instructions, uint WorstCaseInstructions, uint References, byte[] Sha256, string Name,
    ImmutableArray<MapDescription> Maps);

/// <summary>FILTER_DESC reply.</summary>
public sealed record FilterDescriptionReply(ImmutableArray<FilterDescription> Entries) : OkoMultipart
{
    /// <inheritdoc/>
    public override OkoMultipartType OkoType => OkoMultipartType.FilterDesc;
}

/// <summary>FILTER_STATS request.</summary>
public sealed record FilterStatsRequest(uint FilterId) : OkoMultipart
{
    /// <inheritdoc/>
    public override OkoMultipartType OkoType => OkoMultipartType.FilterStats;
}

/// <summary>A filter in a FILTER_STATS reply.</summary>
public sealed record FilterStatistics(
    uint FilterId, uint Generation, ulong Runs, ulong Matches, ulong SampledRuns, ulong SampledNanoseconds, ulong UpdatesRefused);

/// <summary>FILTER_STATS reply.</summary>
public sealed record FilterStatsReply(ImmutableArray<FilterStatistics> Entries) : OkoMultipart
{
    /// <inheritdoc/>
    public override OkoMultipartType OkoType => OkoMultipartType.FilterStats;
}

/// <summary>MAP_DUMP request.</summary>
/// <param name="FilterId">Whose map.</param>
/// <param name="MapIndex">Which.</param>
/// <param name="Flags">1 subscribe this connection to the ring buffer, 2 unsubscribe.</param>
public sealed record MapDumpRequest(uint FilterId, ushort MapIndex, ushort Flags) : OkoMultipart
{
    /// <inheritdoc/>
    public override OkoMultipartType OkoType => OkoMultipartType.MapDump;
}

/// <summary>MAP_DUMP reply.</summary>
public sealed record MapDumpReply(uint FilterId, ushort MapIndex, uint KeySize, uint ValueSize, ImmutableArray<MapItem> Entries) : OkoMultipart
{
    /// <inheritdoc/>
    public override OkoMultipartType OkoType => OkoMultipartType.MapDump;
}
