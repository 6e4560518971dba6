using Oko.OpenFlow.Protocol;
using static Oko.Agent.Tests.Errors.Hex;

namespace Oko.Agent.Tests.Errors;

/// <summary>What provokes each error that the switch sends. Beside them stands what it never sends, and why.</summary>
internal static partial class ErrorCases
{
    /// <summary>Every request that is refused.</summary>
    public static IEnumerable<ErrorCase> All =>
    [
        .. Requests, .. Matches, .. Actions, .. Instructions, .. FlowMods, .. Groups, .. Meters, .. Configuration,
    ];

    private static ErrorCase[] Requests =>
    [
        new(BadRequestCode.BadVersion, "a message of OpenFlow 1.0 after the agreement on 1.3", Message(20, "", version: 1)) { ClosesConnection = true },
        new(BadRequestCode.BadType, "message type 63", Message(63, "")),
        new(BadRequestCode.BadType, "a message that goes to controllers", Message(21, "")),
        new(BadRequestCode.BadMultipart, "multipart type 77", Multipart(77)),
        new(BadRequestCode.BadExperimenter, "a message of an unknown experimenter", Message(4, "0066666600000001")),
        new(BadRequestCode.BadExperimenter, "a multipart request of an unknown experimenter", Multipart(0xFFFF, "0066666600000001")),
        new(BadRequestCode.BadExpType, "a message of our extension that does not exist", Message(4, "4f4b4f0000000063")),
        new(BadRequestCode.BadLen, "a barrier with a body", Message(20, "0000000000000000")),
        new(BadRequestCode.BadLen, "a role request that is cut", Message(24, "00000002")),
        new(BadRequestCode.BadLen, "a packet-out whose actions are longer than the message", Message(13, "fffffffffffffffd0018000000000000" + Output(1))),
        new(BadRequestCode.BadLen, "a request for port statistics that is cut", Multipart(4, "00000001")),
        new(BadRequestCode.BufferUnknown, "a packet-out of a buffer", PacketOut(Output(1), "", buffer: 7)),
        new(BadRequestCode.BufferUnknown, "an add with a buffer", FlowMod(buffer: 0)),
        new(BadRequestCode.BufferUnknown, "a modify with a buffer", FlowMod(command: 1, buffer: 0x100)),
        new(BadRequestCode.BadTableId, "flow statistics of a table that is not there", Multipart(1, Selection(table: 64))),
        new(BadRequestCode.BadTableId, "sums of a table that is not there", Multipart(2, Selection(table: 254))),
        new(BadRequestCode.IsSlave, "a flow-mod", FlowMod()) { Before = [Slave] },
        new(BadRequestCode.IsSlave, "a group-mod", Message(15, "0000000000000001")) { Before = [Slave] },
        new(BadRequestCode.IsSlave, "a meter-mod", Message(29, "0000000100000001")) { Before = [Slave] },
        new(BadRequestCode.IsSlave, "a port-mod", PortMod(1, 0)) { Before = [Slave] },
        new(BadRequestCode.IsSlave, "a table-mod", Message(17, "ff00000000000000")) { Before = [Slave] },
        new(BadRequestCode.IsSlave, "a packet-out", PacketOut(Output(1), Frame())) { Before = [Slave] },
        new(BadRequestCode.IsSlave, "new table features", Multipart(12, TableFeatures(table: 0))) { Before = [Slave] },
        new(BadRequestCode.BadPort, "statistics of a port that is not there", Multipart(4, "0000004d00000000")),
        new(BadRequestCode.BadPort, "a packet-out that came from port 0", PacketOut(Output(1), Frame(), inPort: 0)),
        new(BadRequestCode.BadPort, "a packet-out that came from FLOOD", PacketOut(Output(1), Frame(), inPort: 0xFFFFFFFB)),
        new(BadRequestCode.BadPacket, "a packet-out without a packet", PacketOut(Output(1), "")),
        new(BadRequestCode.BadPacket, "a packet-out shorter than an Ethernet header", PacketOut(Output(1), Frame(13))),
        new(BadRequestCode.BadPacket, "a packet-out longer than a frame can be", PacketOut(Output(1), Frame(16129))),
        new(BadRequestCode.MultipartBufferOverflow, "a multipart request of more than a megabyte", Multipart(12, string.Concat(Enumerable.Repeat(TableFeatures(0), 1000)), flags: 1))
        {
            Before = [.. Enumerable.Repeat(Multipart(12, string.Concat(Enumerable.Repeat(TableFeatures(0), 1000)), flags: 1), 16)],
        },
    ];

    private static ErrorCase[] Matches =>
    [
        new(BadMatchCode.BadType, "a match of type OFPMT_STANDARD", FlowMod("0000000400000000")),
        new(BadMatchCode.BadLen, "a match longer than the message", FlowMod("0001004000000000")),
        new(BadMatchCode.BadLen, "a field of another length", FlowMod(Match("80000a01" + "08"))),
        new(BadMatchCode.BadWildcards, "bits of the value outside its mask", FlowMod(Match("80000d04" + "1005" + "0fff"))),
        new(BadMatchCode.BadField, "field 80 of OpenFlow", FlowMod(Match("8000a002" + "0800"))),
        new(BadMatchCode.BadField, "a field of an unknown experimenter", FlowMod(Match("ffff0008" + "00666666" + "00000007"))),
        new(BadMatchCode.BadValue, "a DSCP of 7 bits", FlowMod(Match(EthTypeIpv4, "80001001" + "40"))),
        new(BadMatchCode.BadMask, "a mask on eth_type", FlowMod(Match("80000b04" + "0800" + "ff00"))),
        new(BadMatchCode.BadPrereq, "tcp_dst without ip_proto", FlowMod(Match(EthTypeIpv4, "80001c02" + "0050"))),
        new(BadMatchCode.BadPrereq, "ipv4_dst with the eth_type of IPv6", FlowMod(Match("80000a02" + "86dd", "80001804" + "0a000001"))),
        new(BadMatchCode.BadPrereq, "in the match of a request for statistics", Multipart(1, Selection(table: 0).Replace(Match(), Match(IpProtoTcp), StringComparison.Ordinal))),
        new(BadMatchCode.DupField, "eth_type twice", FlowMod(Match(EthTypeIpv4, EthTypeIpv4))),
    ];

    private static ErrorCase[] Actions =>
    [
        new(BadActionCode.BadType, "action type 99", FlowModOf(Action(99))),
        new(BadActionCode.BadLen, "an output of 8 bytes", FlowModOf(Action(0, "00000001"))),
        new(BadActionCode.BadLen, "a length of 0", PacketOut("0000000000000001", Frame())),
        new(BadActionCode.BadExperimenter, "an action of an unknown experimenter", FlowModOf(Action(0xFFFF, "00666666"))),
        new(BadActionCode.BadOutPort, "output to port 0", FlowModOf(Output(0))),
        new(BadActionCode.BadOutPort, "output to ANY", PacketOut(Output(0xFFFFFFFF), Frame())),
        new(BadActionCode.BadOutPort, "output of an entry to TABLE", FlowModOf(Output(0xFFFFFFF9))),
        new(BadActionCode.BadArgument, "push_vlan with the EtherType of IPv4", FlowModOf(Action(17, "0800"))),
        new(BadActionCode.TooMany, "1,025 actions", FlowModOf(string.Concat(Enumerable.Repeat(Output(1), 1025)))),
        new(BadActionCode.BadQueue, "set_queue to a queue that is not there", FlowModOf(Action(21, "0000004d"))),
        new(BadActionCode.BadOutGroup, "group 77, which is not there", FlowModOf(Action(22, "0000004d"))),
        new(BadActionCode.BadOutGroup, "in a packet-out", PacketOut(Action(22, "0000004d"), Frame())),
        new(BadActionCode.MatchInconsistent, "set_field tcp_dst where the match says nothing of TCP", FlowModOf(SetField("80001c02" + "0050"), Match(EthTypeIpv4))),
        new(BadActionCode.MatchInconsistent, "in write-actions", FlowModOf(SetField("80001604" + "0a000001"), instruction: 3)),
        new(BadActionCode.MatchInconsistent, "pop_vlan of packets without a tag", FlowModOf(Action(18))),
        new(BadActionCode.BadSetType, "set_field in_port", FlowModOf(SetField("80000004" + "00000001"))),
        new(BadActionCode.BadSetType, "set_field of an unknown field", FlowModOf(SetField("8000a002" + "0800"))),
        new(BadActionCode.BadSetLen, "set_field vlan_vid of 1 byte", FlowModOf(SetField("80000c01" + "10"))),
        new(BadActionCode.BadSetArgument, "set_field vlan_vid of 14 bits", FlowModOf(SetField("80000c02" + "3005"), Match(VlanPresent))),
    ];

    private static ErrorCase[] Instructions =>
    [
        new(BadInstructionCode.UnknownInst, "instruction type 7", FlowMod(instructions: Instruction(7, "00000000"))),
        new(BadInstructionCode.UnknownInst, "goto-table twice", FlowMod(instructions: Instruction(1, "05000000") + Instruction(1, "06000000"))),
        new(BadInstructionCode.BadTableId, "goto-table to an earlier table", FlowMod(table: 5, instructions: Instruction(1, "04000000"))),
        new(BadInstructionCode.BadTableId, "goto-table to a table that is not there", FlowMod(instructions: Instruction(1, "40000000"))),
        new(BadInstructionCode.BadExperimenter, "an instruction of an unknown experimenter", FlowMod(instructions: Instruction(0xFFFF, "00666666"))),
        new(BadInstructionCode.BadLen, "goto-table of 16 bytes", FlowMod(instructions: Instruction(1, "050000000000000000000000"))),
        new(BadInstructionCode.BadLen, "an instruction longer than the message", FlowMod(instructions: "0004004000000000")),
    ];

    private static ErrorCase[] FlowMods =>
    [
        new(FlowModFailedCode.TableFull, "one entry more than the table holds", FlowMod(Match(EthTypeIpv4)))
        {
            Before = [.. Enumerable.Range(1, ErrorReplyTests.MaxRulesPerTable).Select(priority => FlowMod(priority: (ushort)priority))],
        },
        new(FlowModFailedCode.BadTableId, "an add to table 64", FlowMod(table: 64)),
        new(FlowModFailedCode.BadTableId, "an add to all tables", FlowMod(table: 255)),
        new(FlowModFailedCode.Overlap, "an overlapping entry with the overlap check", FlowMod(Match(EthTypeIpv4), flags: 2)) { Before = [FlowMod(Match(VlanPresent))] },
        new(FlowModFailedCode.BadCommand, "command 5", FlowMod(command: 5)),
        new(FlowModFailedCode.BadFlags, "flag 0x20", FlowMod(flags: 0x20)),
    ];

    private static ErrorCase[] Configuration =>
    [
        new(PortModFailedCode.BadPort, "a port that is not there", PortMod(77, 0)),
        new(PortModFailedCode.BadHwAddr, "the address of another port", PortMod(1, AddressOfPort1 + 1)),
        new(PortModFailedCode.BadConfig, "an unknown bit", PortMod(1, AddressOfPort1, mask: 2)),
        new(PortModFailedCode.BadAdvertise, "features that the port does not advertise", PortMod(1, AddressOfPort1, advertise: 1)),
        new(TableModFailedCode.BadTable, "a table that is not there", Message(17, "4000000000000000")),
        new(TableModFailedCode.BadConfig, "an unknown bit", Message(17, "0000000000000004")),
        new(SwitchConfigFailedCode.BadFlags, "unknown flags", Message(9, "00080080")),
        new(SwitchConfigFailedCode.BadLen, "a miss_send_len over OFPCML_MAX", Message(9, "0000ffe6")),
        new(RoleRequestFailedCode.Stale, "an older generation id", Role(2, 9)) { Before = [Role(2, 10)] },
        new(RoleRequestFailedCode.BadRole, "role 4", Role(4, 0)),
        new(QueueOpFailedCode.BadPort, "queues of a port that is not there", Message(22, "0000004d00000000")),
        new(QueueOpFailedCode.BadPort, "statistics of queues of a port that is not there", Multipart(5, "0000004dffffffff")),
        new(QueueOpFailedCode.BadQueue, "statistics of a queue that is not there", Multipart(5, "000000010000004d")),
        new(TableFeaturesFailedCode.BadLen, "features of a table in 16 bytes", Multipart(12, "0010000000000000" + "0000000000000000")),
        new(TableFeaturesFailedCode.BadTable, "features of a table that is not there", Multipart(12, TableFeatures(0x4d))),
        new(TableFeaturesFailedCode.BadMetadata, "a table without metadata", Multipart(12, TableFeatures(0))),
        new(TableFeaturesFailedCode.BadArgument, "a table of no entries", Multipart(12, TableFeatures(0, WholeMetadata, "00000000"))),
        new(TableFeaturesFailedCode.BadArgument, "a table with an instruction that is not there", Multipart(12, TableFeatures(0, WholeMetadata, "00000001", "0000000800770004"))),
        new(TableFeaturesFailedCode.BadType, "a table with a property that is not there", Multipart(12, TableFeatures(0, WholeMetadata, "00000001", "0055000400000000"))),
        new(TableFeaturesFailedCode.Eperm, "a table without features", Multipart(12, TableFeatures(0, WholeMetadata, "00000001"))),
    ];

    private static ulong AddressOfPort1 => 0x02_00_00_00_00_01;

    private static byte[] Slave => Role(3, 1);

    private static string WholeMetadata => new('f', 32);

    /// <summary>Features of a table: metadata that can be matched and written, entries, properties.</summary>
    private static string TableFeatures(byte table, string metadata = "00000000000000000000000000000000", string maxEntries = "00000000", string properties = "") =>
        $"{64 + (properties.Length / 2):x4}{table:x2}".PadRight(80, '0') + metadata + "00000000" + maxEntries + properties;
}
