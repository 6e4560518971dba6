using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Tests.Messages;

internal static partial class ExpectedMessages
{
    private static byte[] Digest => [.. Enumerable.Range(0, 32).Select(value => (byte)value)];

    private static byte[] FirstKey => [0xAC, 0x10, 0, 14];

    private static byte[] SecondKey => [0xAC, 0x10, 0, 15];

    private static IEnumerable<(string Name, OpenFlowMessage Message)> Extension()
    {
        yield return ("error-oko", new ErrorMessage(
            ErrorType.Experimenter, (ushort)OkoErrorType.ProgramRefused,
            [0, 0, 0, 7, 0, 0, 0, 12, 0, 2, 0, 9, .. "out of it"u8], OkoExperimenter.Id) { Xid = 5 });
        yield return ("oko-filter-upload", new FilterUpload
        {
            Xid = 40,
            FilterId = 7,
            Flags = FilterUploadFlags.Replace | FilterUploadFlags.KeepMaps,
            TotalLength = 12,
            Offset = 8,
            Sha256 = Digest,
            Name = "blocklist",
            Data = [0x7F, 0x45, 0x4C, 0x46],
        });
        yield return ("oko-filter-status", new FilterStatus
        {
            Xid = 40,
            FilterId = 7,
            Generation = 2,
            Instructions = 40,
            WorstCaseInstructions = 38,
            CodeBytes = 512,
            MapCount = 1,
            MapsKept = 1,
            Text = "kept: m",
        });
        yield return ("oko-filter-unload", new FilterUnload(7, Force: true) { Xid = 40 });
        yield return ("oko-map-update", new MapUpdate(7, 0, 1, 4, 8, [new(FirstKey, [1, 0, 0, 0, 0, 0, 0, 0]), new(SecondKey, [2, 0, 0, 0, 0, 0, 0, 0])]) { Xid = 40 });
        yield return ("oko-map-delete", new MapDelete(7, 0, 4, [FirstKey, SecondKey]) { Xid = 40 });
        yield return ("oko-map-clear", new MapDelete(7, 2, 4, []) { Xid = 40 });
        yield return ("oko-filter-event", new FilterEvent(7, 1, 123456789, 3, [1, 2, 3, 4, 5]));
        yield return ("oko-filter-desc-request", new MultipartRequest(new FilterDescriptionRequest(OkoExperimenter.AllFilters)) { Xid = 41 });
        yield return ("oko-filter-desc-reply", new MultipartReply(new FilterDescriptionReply(
        [
            new(7, 2, 40, 38, 3, Digest, "blocklist", [new(1, 4, 8, 1024, 2, 3, "blocked")]), new(8, 1, 2, 2, 0, new byte[32], "accept", []),
        ])) { Xid = 41 });
        yield return ("oko-filter-stats-request", new MultipartRequest(new FilterStatsRequest(7)) { Xid = 41 });
        yield return ("oko-filter-stats-reply", new MultipartReply(new FilterStatsReply([new(7, 2, 1000, 10, 100, 5000, 1)])) { Xid = 41 });
        yield return ("oko-map-dump-request", new MultipartRequest(new MapDumpRequest(7, 1, 1)) { Xid = 41 });
        yield return ("oko-map-dump-reply", new MultipartReply(new MapDumpReply(7, 1, 4, 8, [new(FirstKey, [1, 0, 0, 0, 0, 0, 0, 0])]), More: true) { Xid = 41 });
    }
}
