using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text;

namespace Oko.Bpf.Btf;

public static partial class BtfValueFormatter
{
    /// <summary>Reads text into bytes.</summary>
    /// <param name="text">What was typed.</param>
    /// <param name="size">Size of the value in bytes.</param>
    /// <param name="type">Its type, or null if the object does not say.</param>
    /// <exception cref="FormatException">What cannot be read, and what would do.</exception>
    public static byte[] Parse(string text, int size, BtfTypeReference? type)
    {
        var bytes = new byte[size];
        text = text.Trim();
        if (type is null || type.Size != size)
        {
            ParseUntyped(text, bytes);
        }
        else
        {
            Parse(text, bytes, type.Types, type.Id, 0);
        }

        return bytes;
    }

    private static void ParseUntyped(string text, Span<byte> bytes)
    {
        if (IsHex(text))
        {
            ParseHex(text[HexPrefix.Length..], bytes);
        }
        else
        {
            ParseScalar(text, bytes, networkOrder: false, isSigned: true);
        }
    }

    private static void Parse(string text, Span<byte> bytes, BtfTypes types, uint id, int depth)
    {
        var type = types.Resolve(id);
        switch (type.Kind)
        {
            case var _ when IsHex(text):
                ParseHex(text[HexPrefix.Length..], bytes);
                break;
            case BtfKind.Int when type.IsBool && bytes.Length == 1 && text is "true" or "false":
                bytes[0] = text == "true" ? (byte)1 : (byte)0;
                break;
            case BtfKind.Array when IsText(types, type) && text.Length > 1 && text[0] == '"' && text[^1] == '"':
                ParseText(text[1..^1], bytes);
                break;
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

    private static void ParseText(string text, Span<byte> bytes)
    {
        var content = Encoding.UTF8.GetBytes(text);
        if (content.Length > bytes.Length)
        {
            throw new FormatException($"\"{text}\" has {content.Length} bytes; the array has {bytes.Length}");
        }

        content.CopyTo(bytes);
        bytes[content.Length..].Clear();
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

            if (member.BitSize != 0)
            {
                ParseBits(parts[index][(equals + 1)..].Trim(), bytes, member, types.Resolve(member.Type).IsSigned);
                continue;
            }

            Parse(parts[index][(equals + 1)..].Trim(), bytes.Slice((int)member.BitOffset / 8, (int)types.SizeOf(member.Type)), types, member.Type, depth + 1);
        }
    }

    private static void ParseBits(string text, Span<byte> bytes, BtfMember member, bool isSigned)
    {
        Span<byte> number = stackalloc byte[8];
        ParseScalar(text, number, networkOrder: false, isSigned);
        var value = BinaryPrimitives.ReadUInt64LittleEndian(number);
        var shift = 64 - member.BitSize;
        if ((isSigned ? (ulong)((long)(value << shift) >> shift) : value << shift >> shift) != value)
        {
            throw new FormatException($"{text} does not fit the {member.BitSize} bits of {member.Name}");
        }

        for (var bit = 0; bit < member.BitSize; bit++)
        {
            var (at, mask) = (((int)member.BitOffset + bit) / 8, (byte)(1 << (((int)member.BitOffset + bit) % 8)));
            bytes[at] = (byte)(((value >> bit) & 1) != 0 ? bytes[at] | mask : bytes[at] & ~mask);
        }
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
        var isQuoted = false;
        for (var index = 0; index < text.Length; index++)
        {
            isQuoted ^= text[index] == '"';
            if (isQuoted)
            {
                continue;
            }

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
}
