using Oko.OpenFlow.Protocol;
using static Oko.Agent.Tests.Errors.Hex;

namespace Oko.Agent.Tests.Errors;

internal static partial class ErrorCases
{
    private const byte ToAll = 0, Select = 1, Indirect = 2, FastFailover = 3;
    private const ushort Add = 0, Modify = 1, Delete = 2;

    // The bounds of the switch.
    private const int MaxGroups = 65_536, MaxBuckets = 1024, MaxChain = 16, MaxMeters = 65_536, MaxBands = 16;

    private static ErrorCase[] Groups =>
    [
        new(GroupModFailedCode.GroupExists, "a group added twice", GroupMod(Add, ToAll, 1)) { Before = [GroupMod(Add, ToAll, 1)] },
        new(GroupModFailedCode.InvalidGroup, "an id over OFPG_MAX", GroupMod(Add, ToAll, 0xFFFFFF01)),
        new(GroupModFailedCode.InvalidGroup, "an indirect group of two buckets", GroupMod(Add, Indirect, 1, Bucket(Output(1)), Bucket(Output(2)))),
        new(GroupModFailedCode.InvalidGroup, "a select group without weights", GroupMod(Add, Select, 1, Bucket(Output(1), weight: 0), Bucket(Output(2), weight: 0))),
        new(GroupModFailedCode.OutOfGroups, "one group more than there can be", GroupMod(Add, ToAll, MaxGroups))
        {
            Before = [Concat(MaxGroups, id => GroupMod(Add, ToAll, id))],
        },
        new(GroupModFailedCode.OutOfBuckets, "one bucket more than a group can have", GroupMod(Add, ToAll, 1, [.. Enumerable.Repeat(Bucket(""), MaxBuckets + 1)])),
        new(GroupModFailedCode.ChainingUnsupported, "a chain of groups that is too long", GroupMod(Add, Indirect, MaxChain, Bucket(ToGroup(MaxChain - 1))))
        {
            Before =
            [
                GroupMod(Add, ToAll, 0),
                .. Enumerable.Range(1, MaxChain - 1).Select(id => GroupMod(Add, Indirect, (uint)id, Bucket(ToGroup((uint)id - 1)))),
            ],
        },
        new(GroupModFailedCode.Loop, "a group that leads back to itself over another", GroupMod(Modify, Indirect, 1, Bucket(ToGroup(2))))
        {
            Before = [GroupMod(Add, Indirect, 1, Bucket("")), GroupMod(Add, Indirect, 2, Bucket(ToGroup(1)))],
        },
        new(GroupModFailedCode.UnknownGroup, "a modify of a group that is not there", GroupMod(Modify, ToAll, 1)),
        new(GroupModFailedCode.ChainedGroup, "a delete of a group that another needs", GroupMod(Delete, ToAll, 1))
        {
            Before = [GroupMod(Add, ToAll, 1), GroupMod(Add, Indirect, 2, Bucket(ToGroup(1)))],
        },
        new(GroupModFailedCode.BadType, "group type 4", GroupMod(Add, 4, 1)),
        new(GroupModFailedCode.BadCommand, "command 3", GroupMod(3, ToAll, 1)),
        new(GroupModFailedCode.BadBucket, "a bucket of 8 bytes", GroupMod(Add, ToAll, 1, "0008000000000001")),
        new(GroupModFailedCode.BadWatch, "a watched group that is not there", GroupMod(Add, FastFailover, 1, Bucket(Output(1), watchGroup: 77))),
        new(GroupModFailedCode.BadWatch, "a watched port that no packet leaves by", GroupMod(Add, FastFailover, 1, Bucket(Output(1), watchPort: 0xFFFFFFFB))),
        new(BadActionCode.BadOutPort, "in a bucket", GroupMod(Add, ToAll, 1, Bucket(Output(0)))),
        new(BadActionCode.BadOutGroup, "in a bucket", GroupMod(Add, ToAll, 1, Bucket(ToGroup(77)))),
    ];

    private static ErrorCase[] Meters =>
    [
        new(MeterModFailedCode.MeterExists, "a meter added twice", MeterMod(Add, 1)) { Before = [MeterMod(Add, 1)] },
        new(MeterModFailedCode.InvalidMeter, "meter 0", MeterMod(Add, 0)),
        new(MeterModFailedCode.InvalidMeter, "an instruction with a meter that is not there", FlowMod(instructions: Instruction(6, "0000004d"))),
        new(MeterModFailedCode.UnknownMeter, "a modify of a meter that is not there", MeterMod(Modify, 1)),
        new(MeterModFailedCode.UnknownMeter, "statistics of a meter that is not there", Multipart(9, "0000004d00000000")),
        new(MeterModFailedCode.UnknownMeter, "configuration of a meter that is not there", Multipart(10, "0000004d00000000")),
        new(MeterModFailedCode.BadCommand, "command 3", MeterMod(3, 1)),
        new(MeterModFailedCode.BadFlags, "rates in packets and in kilobits", MeterMod(Add, 1, flags: 3)),
        new(MeterModFailedCode.BadRate, "rate 0", MeterMod(Add, 1, bands: DropBand(0))),
        new(MeterModFailedCode.BadBand, "band type 3", MeterMod(Add, 1, bands: "0003" + DropBand(1)[4..])),
        new(MeterModFailedCode.BadBand, "a band of an experimenter", MeterMod(Add, 1, bands: "ffff0010" + "00000001" + "00000000" + "00666666")),
        new(MeterModFailedCode.BadBandValue, "a remark that changes nothing", MeterMod(Add, 1, bands: "00020010" + "00000001" + "00000000" + "00000000")),
        new(MeterModFailedCode.OutOfMeters, "one meter more than there can be", MeterMod(Add, MaxMeters + 1))
        {
            Before = [Concat(MaxMeters, id => MeterMod(Add, id + 1))],
        },
        new(MeterModFailedCode.OutOfBands, "one band more than a meter can have", MeterMod(Add, 1, bands: string.Concat(Enumerable.Repeat(DropBand(1), MaxBands + 1)))),
    ];

    private static byte[] GroupMod(ushort command, byte type, uint group, params string[] buckets) =>
        Message(15, $"{command:x4}{type:x2}00{group:x8}" + string.Concat(buckets));

    private static string Bucket(string actions, ushort weight = 1, uint watchPort = uint.MaxValue, uint watchGroup = uint.MaxValue) =>
        $"{16 + (actions.Length / 2):x4}{weight:x4}{watchPort:x8}{watchGroup:x8}00000000{actions}";

    private static string ToGroup(uint group) => Action(22, $"{group:x8}");

    private static byte[] MeterMod(ushort command, uint meter, ushort flags = 1, string bands = "") => Message(29, $"{command:x4}{flags:x4}{meter:x8}{bands}");

    private static string DropBand(uint rate) => $"00010010{rate:x8}0000000000000000";

    private static byte[] Concat(int count, Func<uint, byte[]> message) => [.. Enumerable.Range(0, count).SelectMany(number => message((uint)number))];
}
