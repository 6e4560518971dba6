using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Oko.Agent.Cli;

/// <summary>What <c>--format json</c> prints; names become snake_case. Programs read it, so members are added, never renamed.</summary>
internal sealed record FilterLoadedJson(
    uint FilterId, uint Generation, uint Instructions, uint WorstCaseInstructions, uint CodeBytes, uint Maps, uint MapsKept, string Text);

/// <summary>A filter that is loaded.</summary>
internal sealed record FilterJson(
    uint FilterId, string Name, uint Generation, string Convention, uint Instructions, uint WorstCaseInstructions, uint CodeBytes,
    uint References, string Sha256, ulong Runs, ulong Matches, ulong SampledRuns, ulong SampledNanoseconds, IReadOnlyList<MapJson> Maps);

/// <summary>A map of a filter.</summary>
internal sealed record MapJson(uint Index, string Name, string Type, uint KeySize, uint ValueSize, uint MaxEntries, uint? Entries);

/// <summary>The result of <c>oko filter check</c>.</summary>
internal sealed record CheckJson
{
    public required bool Accepted { get; init; }

    public string? Name { get; init; }

    public string? Convention { get; init; }

    public int? Instructions { get; init; }

    public int? WorstCaseInstructions { get; init; }

    public int? StackBytes { get; init; }

    public IReadOnlyList<MapJson>? Maps { get; init; }

    /// <summary>OBJECT_INVALID or PROGRAM_REFUSED, as in the Oko extension.</summary>
    public string? Error { get; init; }

    /// <summary>unsafe, cannot_prove or not_supported.</summary>
    public string? Verdict { get; init; }

    /// <summary>Slot of the refused instruction.</summary>
    public uint? Slot { get; init; }

    public string? Text { get; init; }
}

/// <summary>What a filter says to a packet of a capture.</summary>
internal sealed record PacketVerdictJson(int Packet, ulong TimeNanoseconds, bool Match, ulong Result, IReadOnlyList<PacketEventJson>? Events);

/// <summary>A record that a filter wrote into a ring buffer.</summary>
internal sealed record PacketEventJson(string Map, string Text);

/// <summary>A flow entry.</summary>
internal sealed record FlowJson(
    uint Table, uint Priority, string Cookie, uint? Filter, ulong Packets, ulong Bytes, double DurationSeconds, uint IdleTimeout,
    uint HardTimeout, string Match, string Actions);

/// <summary>A port.</summary>
internal sealed record PortJson(
    uint Number, string Name, string Address, string Link, IReadOnlyList<string> Config, string Mode, uint SpeedKbps,
    ulong ReceivedPackets, ulong ReceivedBytes, ulong ReceiveDropped, ulong ReceiveErrors,
    ulong SentPackets, ulong SentBytes, ulong SendDropped, AfXdpJson? AfXdp);

/// <summary>What an AF_XDP port and the kernel count beyond packets and bytes.</summary>
internal sealed record AfXdpJson(
    uint Queues, ulong RxDropped, ulong RxInvalidDescs, ulong RxRingFull, ulong RxFillRingEmptyDescs,
    ulong TxInvalidDescs, ulong TxRingEmptyDescs, ulong TxRingFull, ulong LiveFrames, ulong LiveFramesRefused);

/// <summary>The packet balance and the sizes of things.</summary>
internal sealed record StatsJson(
    string DatapathId, double UptimeSeconds, ulong Received, ulong Injected, ulong Cloned, ulong Sent, ulong ToController,
    ulong Consumed, IReadOnlyDictionary<string, ulong> Drops, bool Balanced, ulong CompletedChecksums, ulong DroppedPacketOuts,
    ulong DroppedPacketIns, uint Flows, uint Filters, ulong MapBytes, uint Connections, PausesJson WorkerGaps, PausesJson CollectionPauses,
    IReadOnlyList<uint> Collections, double CollectionPauseSeconds);

/// <summary>Pauses by length: the first count is of those from 250 microseconds on, each next of those from the double on.</summary>
internal sealed record PausesJson(IReadOnlyList<ulong> Counts, double LongestMilliseconds);

/// <summary>The result of <c>oko bench filter</c>.</summary>
internal sealed record BenchFilterJson(
    string Name, string Engine, int Instructions, double VerifyMilliseconds, double CompileMilliseconds, int Packets, int Rounds,
    double MedianNanoseconds, double BestNanoseconds, long Accepted, long AllocatedBytes);

/// <summary>The result of <c>oko bench pipeline</c>.</summary>
internal sealed record BenchPipelineJson(
    string Name, string Machine, int Entries, int Masks, double AddMilliseconds, int? Flows, int? CapturePackets, double PacketBytes, ulong Seed, long Packets, int Rounds,
    double MedianNanoseconds, double BestNanoseconds, double WorstNanoseconds, double PacketsPerSecond,
    long Lookups, long Matched, long Sent, long ToController, IReadOnlyDictionary<string, long> Drops, long AllocatedBytes, double AllocatedBytesPerPacket);

/// <summary>The result of <c>oko bench chain</c>.</summary>
internal sealed record BenchChainJson(
    string Name, string Machine, int TracePackets, double MeanPacketBytes, long RoundPackets, int Rounds, int RingEntries, IReadOnlyList<BenchChainSetupJson> Setups);

/// <summary>One setup of <c>oko bench chain</c>.</summary>
internal sealed record BenchChainSetupJson(
    string Name, IReadOnlyList<string> Entries, double PacketsPerSecond, double Deviation, double MedianPacketsPerSecond, double Nanoseconds,
    double SwitchOverThis, double UndisturbedNanoseconds, double SwitchOverThisUndisturbed, long Packets, long Passed, long Refused, double NeighbourNanoseconds, double NeighbourBatch,
    bool HugePages, long AllocatedBytes, IReadOnlyList<double> RoundPacketsPerSecond);

/// <summary>Serializers made at build time: reflection would cost more than the whole command.</summary>
[JsonSerializable(typeof(FilterLoadedJson))]
[JsonSerializable(typeof(IReadOnlyList<FilterJson>))]
[JsonSerializable(typeof(CheckJson))]
[JsonSerializable(typeof(IReadOnlyList<PacketVerdictJson>))]
[JsonSerializable(typeof(IReadOnlyList<FlowJson>))]
[JsonSerializable(typeof(IReadOnlyList<PortJson>))]
[JsonSerializable(typeof(PortJson))]
[JsonSerializable(typeof(StatsJson))]
[JsonSerializable(typeof(BenchFilterJson))]
[JsonSerializable(typeof(BenchPipelineJson))]
[JsonSerializable(typeof(BenchChainJson))]
internal sealed partial class JsonOutput : JsonSerializerContext
{
    /// <summary>With the formatting of this program.</summary>
    public static JsonOutput Instance { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,
        // The output goes to terminals and programs, not into web pages: '+' and '<' stay readable.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
