using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text;

namespace Oko.Bpf.Btf;

/// <summary>
/// Map keys and values as people write them, by their BTF type: <c>10.0.0.1</c> for a __be32, numbers, Ethernet addresses for six
/// bytes, <c>{a=1,b=2}</c> for structs, <c>[1,2]</c> for arrays; <c>hex:0a000001</c> always works.
/// </summary>
public static class BtfValueFormatter
{
    private const int MaxDepth = 16;

    /// <summary>Writes bytes as text.</summary>
    /// <param name="bytes">The value as the program sees it.</param>
    /// <param name="type">Its type, or null if the object does not say.</param>
    public static string Format(ReadOnlySpan<byte> bytes, BtfTypeReference? type)
    {
        if (type is null || type.Size != bytes.Length)
        {
            return Hex(bytes);
        }

        var text = new StringBuilder();
        // Sane types have fewer parts than this. Members that overlap or take no space could make a few bytes an endless text.
        var parts = 256 + (32 * bytes.Length);
        Format(text, bytes, type.Types, type.Id, 0, ref parts);
        return parts < 0 ? Hex(bytes) : text.ToString();
    }

    /// <summary>Reads text into bytes.</summary>
    /// <param name="text">What was typed.</param>
    /// <param name="size">Size of the value in bytes.</param>
    /// <param name="type">Its type, or null if the object does not say.</param>
    /// <exception cref="FormatException">What cannot be read, and what would do.</exception>
    public static byte[] Parse(string text, int size, BtfTypeReference? type)
    {
        var bytes = new byte[size];
        text = text.Trim();
        if (text.StartsWith("hex:", StringComparison.OrdinalIgnoreCase))
        {
            ParseHex(text[4..], bytes);
        }
        else if (type is null || type.Size != size)
        {
            ParseScalar(text, bytes, networkOrder: false, isSigned: true);
        }
        else
        {
            Parse(text, bytes, type.Types, type.Id, 0);
        }

        return bytes;
    }

    private static void Format(StringBuilder text, ReadOnlySpan<byte> bytes, BtfTypes types, uint id, int depth, ref int parts)
    {
        if (--parts < 0)
        {
            return;
        }

        var type = types.Resolve(id);
        switch (type.Kind)
        {
            case BtfKind.Int or BtfKind.Enum or BtfKind.Enum64 when bytes.Length is 1 or 2 or 4 or 8:
                text.Append(FormatScalar(bytes, IsNetworkOrder(types, id), type.IsSigned));
                break;
            case BtfKind.Array when type.Elements == 6 && types.SizeOf(type.Target) == 1:
                text.AppendJoin(':', bytes.ToArray().Select(part => part.ToString("x2", CultureInfo.InvariantCulture)));
                break;
            case BtfKind.Array when depth < MaxDepth && type.Elements > 0 && types.SizeOf(type.Target) is > 0 and var size:
                text.Append('[');
                for (var index = 0; index < type.Elements && parts >= 0; index++)
                {
                    text.Append(index == 0 ? string.Empty : ",");
                    Format(text, bytes.Slice(index * (int)size, (int)size), types, type.Target, depth + 1, ref parts);
                }

                text.Append(']');
                break;
            case BtfKind.Struct when type.Name == "in6_addr" && bytes.Length == 16:
                text.Append(new IPAddress(bytes));
                break;
            case BtfKind.Struct when depth < MaxDepth && (parts -= type.Members.Count) >= 0 && AllFit(types, type, bytes.Length):
                text.Append('{');
                foreach (var member in type.Members)
                {
                    text.Append(text[^1] == '{' ? string.Empty : ",").Append(member.Name).Append('=');
                    Format(text, bytes.Slice((int)member.BitOffset / 8, (int)types.SizeOf(member.Type)), types, member.Type, depth + 1, ref parts);
                }

                text.Append('}');
                break;
            default:
                text.Append(Hex(bytes));
                break;
        }
    }

    private static void Parse(string text, Span<byte> bytes, BtfTypes types, uint id, int depth)
    {
        var type = types.Resolve(id);
        switch (type.Kind)
        {
            case BtfKind.Array when type.Elements == 6 && bytes.Length == 6 && text.Contains(':', StringComparison.Ordinal):
                ParseAddress(text, bytes);
                break;
            case BtfKind.Array when depth < MaxDepth && types.SizeOf(type.Target) is > 0 and var size:
                var elements = Split(text, '[', ']');
                if (elements.Count != type.Elements)
                {
                    throw new FormatException($"'{text}' has {elements.Count} elements; the array has {type.Elements}: write [a,b,...] or hex:...");
                }

                for (var index = 0; index < elements.Count; index++)
                {
                    Parse(elements[index], bytes.Slice(index * (int)size, (int)size), types, type.Target, depth + 1);
                }

                break;
            case BtfKind.Struct when type.Name == "in6_addr" && bytes.Length == 16:
                ParseScalar(text, bytes, networkOrder: true, isSigned: false);
                break;
            case BtfKind.Struct when depth < MaxDepth:
                ParseStruct(text, bytes, types, type, depth);
                break;
            default:
                ParseScalar(text, bytes, IsNetworkOrder(types, id), type.IsSigned);
                break;
        }
    }

    private static void ParseStruct(string text, Span<byte> bytes, BtfTypes types, BtfType type, int depth)
    {
        string Names() => string.Join(",", type.Members.Take(64).Select(member => member.Name + "=..."));
        var parts = Split(text, '{', '}');
        if (parts.Count > type.Members.Count)
        {
            throw new FormatException($"'{text}' has {parts.Count} members; the struct has {type.Members.Count}: {{{Names()}}}");
        }

        for (var index = 0; index < parts.Count; index++)
        {
            var equals = parts[index].IndexOf('=', StringComparison.Ordinal);
            var member = equals < 0 ? type.Members[index] : type.Members.FirstOrDefault(candidate => candidate.Name == parts[index][..equals].Trim());
            if (member.Name is null || !Fits(types, member, bytes.Length))
            {
                throw new FormatException($"'{parts[index]}' names no member that can be written; the struct is {{{Names()}}}");
            }

            Parse(parts[index][(equals + 1)..].Trim(), bytes.Slice((int)member.BitOffset / 8, (int)types.SizeOf(member.Type)), types, member.Type, depth + 1);
        }
    }

    private static bool AllFit(BtfTypes types, BtfType type, int size) => type.Members.All(member => Fits(types, member, size));

    private static bool Fits(BtfTypes types, BtfMember member, int size) =>
        member.BitSize == 0 && member.BitOffset % 8 == 0 && (member.BitOffset / 8) + (ulong)types.SizeOf(member.Type) <= (ulong)size;

    /// <summary>Whether a typedef on the way to the integer says that it is big-endian.</summary>
    private static bool IsNetworkOrder(BtfTypes types, uint id)
    {
        for (var depth = 0; depth < MaxDepth; depth++)
        {
            var type = types[id];
            if (type.Kind == BtfKind.Typedef && type.Name is "__be16" or "__be32" or "__be64" or "be16" or "be32" or "be64" or "in_addr_t")
            {
                return true;
            }

            if (type.Kind is not (BtfKind.Typedef or BtfKind.Const or BtfKind.Volatile or BtfKind.TypeTag))
            {
                return false;
            }

            id = type.Target;
        }

        return false;
    }

    private static string FormatScalar(ReadOnlySpan<byte> bytes, bool networkOrder, bool isSigned)
    {
        if (networkOrder && bytes.Length == 4)
        {
            return new IPAddress(bytes).ToString();
        }

        ulong value = 0;
        for (var index = 0; index < bytes.Length; index++)
        {
            value = (value << 8) | bytes[networkOrder ? index : bytes.Length - 1 - index];
        }

        var shift = 64 - (8 * bytes.Length);
        return isSigned ? ((long)(value << shift) >> shift).ToString(CultureInfo.InvariantCulture) : value.ToString(CultureInfo.InvariantCulture);
    }

    private static void ParseScalar(string text, Span<byte> bytes, bool networkOrder, bool isSigned)
    {
        if (bytes.Length is 4 or 16 && (text.Contains('.', StringComparison.Ordinal) || text.Contains(':', StringComparison.Ordinal))
            && IPAddress.TryParse(text, out var address) && address.GetAddressBytes() is var parts && parts.Length == bytes.Length)
        {
            parts.CopyTo(bytes);
            return;
        }

        if (bytes.Length == 6 && text.Contains(':', StringComparison.Ordinal))
        {
            ParseAddress(text, bytes);
            return;
        }

        if (bytes.Length is not (1 or 2 or 4 or 8))
        {
            throw new FormatException($"'{text}' cannot be read as {bytes.Length} bytes; write hex: and {2 * bytes.Length} digits");
        }

        var isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        Int128 value;
        if (!(isHex ? Int128.TryParse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
            : Int128.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value)))
        {
            throw new FormatException($"'{text}' is no number; write a decimal or 0x number{(bytes.Length == 4 ? ", an IPv4 address" : string.Empty)} or hex:...");
        }

        var bits = 8 * bytes.Length;
        var highest = (Int128.One << bits) - 1;
        var lowest = isSigned ? -(Int128.One << (bits - 1)) : 0;
        if (value < lowest || value > highest)
        {
            throw new FormatException($"{text} does not fit {bytes.Length} bytes: {lowest} to {highest}");
        }

        var raw = (ulong)(UInt128)value;
        for (var index = 0; index < bytes.Length; index++)
        {
            bytes[networkOrder ? bytes.Length - 1 - index : index] = (byte)(raw >> (8 * index));
        }
    }

    private static void ParseAddress(string text, Span<byte> bytes)
    {
        var parts = text.Split(':');
        if (parts.Length != 6)
        {
            throw new FormatException($"'{text}' is no Ethernet address; write six bytes such as 02:00:00:00:00:01");
        }

        for (var index = 0; index < 6; index++)
        {
            if (!byte.TryParse(parts[index], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out bytes[index]))
            {
                throw new FormatException($"'{parts[index]}' in '{text}' is no byte in hex");
            }
        }
    }

    private static void ParseHex(string digits, Span<byte> bytes)
    {
        digits = digits.Replace(" ", string.Empty, StringComparison.Ordinal);
        if (digits.Length != 2 * bytes.Length || digits.Any(digit => !char.IsAsciiHexDigit(digit)))
        {
            throw new FormatException($"hex: is followed by {digits.Length} characters; {2 * bytes.Length} hex digits are needed for {bytes.Length} bytes");
        }

        Convert.FromHexString(digits).CopyTo(bytes);
    }

    private static List<string> Split(string text, char open, char close)
    {
        if (text.Length > 1 && text[0] == open && text[^1] == close)
        {
            text = text[1..^1];
        }

        var parts = new List<string>();
        var depth = 0;
        var start = 0;
        for (var index = 0; index < text.Length; index++)
        {
            depth += text[index] is '{' or '[' ? 1 : text[index] is '}' or ']' ? -1 : 0;
            if (text[index] == ',' && depth == 0)
            {
                parts.Add(text[start..index].Trim());
                start = index + 1;
            }
        }

        parts.Add(text[start..].Trim());
        return parts;
    }

    private static string Hex(ReadOnlySpan<byte> bytes) => "hex:" + Convert.ToHexStringLower(bytes);
}
