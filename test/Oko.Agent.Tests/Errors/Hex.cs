using System.Globalization;

namespace Oko.Agent.Tests.Errors;

/// <summary>Messages of OpenFlow 1.3 written down in hexadecimal, independent of the codec under test.</summary>
internal static class Hex
{
    /// <summary>The xid of every request in these tests.</summary>
    public const uint Xid = 0x0BADC0DE;

    public const string EthTypeIpv4 = "80000a02" + "0800", IpProtoTcp = "80001401" + "06", VlanPresent = "80000d04" + "1000" + "1000";

    /// <summary>A message with its header.</summary>
    public static byte[] Message(byte type, string body, byte version = 4) =>
        Convert.FromHexString($"{version:x2}{type:x2}{8 + (body.Length / 2):x4}{Xid:x8}{body}");

    public static byte[] FlowMod(
        string? match = null, string instructions = "", byte command = 0, byte table = 0, ushort flags = 0, uint buffer = uint.MaxValue,
        ushort priority = 0x8000, ulong cookie = 0) =>
        Message(14, $"{cookie:x16}{0:x16}{table:x2}{command:x2}{0:x4}{0:x4}{priority:x4}{buffer:x8}ffffffffffffffff{flags:x4}0000" + (match ?? Match()) + instructions);

    /// <summary>A match of these fields, padded.</summary>
    public static string Match(params string[] fields)
    {
        var body = string.Concat(fields);
        return Pad($"0001{4 + (body.Length / 2):x4}{body}");
    }

    /// <summary>An entry with these actions in apply-actions (4) or write-actions (3).</summary>
    public static byte[] FlowModOf(string actions, string? match = null, int instruction = 4) =>
        FlowMod(match, Instruction(instruction, "00000000" + actions));

    public static string Instruction(int type, string body) => $"{type:x4}{4 + (body.Length / 2):x4}{body}";

    public static string Output(uint port, ushort maxLength = 0) => $"00000010{port:x8}{maxLength:x4}000000000000";

    /// <summary>An action of 8 bytes; its argument stands at the left.</summary>
    public static string Action(int type, string argument = "") => $"{type:x4}0008" + argument.PadRight(8, '0');

    /// <summary>A set-field action, padded.</summary>
    public static string SetField(string oxm)
    {
        var padded = Pad("00190000" + oxm);
        return $"0019{padded.Length / 2:x4}" + padded[8..];
    }

    public static byte[] PacketOut(string actions, string data, uint inPort = 0xFFFFFFFD, uint buffer = uint.MaxValue) =>
        Message(13, $"{buffer:x8}{inPort:x8}{actions.Length / 2:x4}000000000000{actions}{data}");

    public static byte[] Multipart(ushort type, string body = "", ushort flags = 0) => Message(18, $"{type:x4}{flags:x4}00000000{body}");

    /// <summary>The body of a request for flow statistics (1) or their sums (2).</summary>
    public static string Selection(byte table) => $"{table:x2}000000ffffffffffffffff00000000{0:x16}{0:x16}" + Match();

    public static byte[] Role(uint role, ulong generation) => Message(24, $"{role:x8}00000000{generation:x16}");

    public static byte[] PortMod(uint port, ulong address, uint config = 0, uint mask = 0, uint advertise = 0) =>
        Message(16, $"{port:x8}00000000{address:x12}0000{config:x8}{mask:x8}{advertise:x8}00000000");

    /// <summary>A frame of Ethernet with nothing of interest in it.</summary>
    public static string Frame(int bytes = 60) => string.Concat(Enumerable.Repeat("02", bytes));

    private static string Pad(string hex) => hex.PadRight((hex.Length + 15) / 16 * 16, '0');
}
