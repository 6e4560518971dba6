using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Text;

/// <summary>Values and masks of match fields as people write them: numbers, Ethernet and IP addresses, port names. Stateless.</summary>
internal static class FieldText
{
    private static readonly IFormatProvider Invariant = CultureInfo.InvariantCulture;

    private enum Notation
    {
        Decimal,
        Hexadecimal,
        EtherType,
        FlowLabel,
        Port,
        Ethernet,
        Ipv4,
        Ipv6,
    }

    /// <summary>Reads <c>VALUE</c> or <c>VALUE/MASK</c>.</summary>
    /// <returns>The entry; null when the text or its mask says "any value" (<c>*</c>, a mask of zeros). Bits outside the mask are cleared.</returns>
    /// <exception cref="FormatException">The text is no value of the field, or the field takes no mask.</exception>
    public static OxmEntry? ParseMasked(OxmField field, string key, string text)
    {
        if (text == "*")
        {
            return null;
        }

        var slash = text.IndexOf('/');
        if (slash < 0)
        {
            return new OxmEntry(field, ParseValue(field, key, text));
        }

        var value = ParseValue(field, key, text[..slash]);
        var mask = ParseMask(field, key, text[(slash + 1)..]);
        if (mask == 0)
        {
            return null;
        }

        if (mask == field.AllBits)
        {
            return new OxmEntry(field, value);
        }

        if (!field.Maskable)
        {
            throw new FormatException($"{key}={text}: {field} takes no mask in OpenFlow 1.3; write the exact value, one flow entry for each");
        }

        return new OxmEntry(field, value & mask, mask);
    }

    /// <summary>Reads one value.</summary>
    /// <exception cref="FormatException">The text is no value of the field.</exception>
    public static UInt128 ParseValue(OxmField field, string key, string text) => NotationOf(field) switch
    {
        Notation.Ethernet => ParseEthernet(key, text),
        Notation.Ipv4 => ParseIpv4(key, text),
        Notation.Ipv6 => ParseIpv6(key, text),
        Notation.Port => ParsePort(key, text).Value,
        _ => NumberText.Parse(key, text, (ulong)field.AllBits),
    };

    /// <summary>Reads a port number or the name of a reserved port in any case.</summary>
    /// <exception cref="FormatException">The text is neither.</exception>
    public static PortNumber ParsePort(string key, string text) =>
        ReservedPort(text) ?? new PortNumber((uint)NumberText.Parse(
            key, text, uint.MaxValue, "a port number or IN_PORT, TABLE, NORMAL, FLOOD, ALL, CONTROLLER, LOCAL, ANY"));

    /// <summary>The reserved port of a name in any case, or null.</summary>
    public static PortNumber? ReservedPort(string name) => name.ToUpperInvariant() switch
    {
        "IN_PORT" => PortNumber.InPort,
        "TABLE" => PortNumber.Table,
        "NORMAL" => PortNumber.Normal,
        "FLOOD" => PortNumber.Flood,
        "ALL" => PortNumber.All,
        "CONTROLLER" => PortNumber.Controller,
        "LOCAL" => PortNumber.Local,
        "ANY" or "NONE" => PortNumber.Any,
        _ => null,
    };

    /// <summary>A value as <c>ovs-ofctl</c> writes it in a match.</summary>
    public static string Format(OxmField field, UInt128 value) => NotationOf(field) switch
    {
        Notation.Ethernet => FormatEthernet(value),
        Notation.Ipv4 => FormatIpv4(value),
        Notation.Ipv6 => FormatIpv6(value),
        Notation.Port => new PortNumber((uint)value).ToString(),
        Notation.EtherType => "0x" + value.ToString("x4", Invariant),
        Notation.FlowLabel => "0x" + value.ToString("x5", Invariant),
        Notation.Hexadecimal => "0x" + value.ToString("x", Invariant),
        _ => value.ToString(Invariant),
    };

    /// <summary>Value and mask as <c>ovs-ofctl</c> writes them in a match.</summary>
    public static string FormatMasked(OxmEntry entry)
    {
        var field = entry.Field;
        if (entry.Mask is not { } mask || mask == field.AllBits)
        {
            return Format(field, entry.Value);
        }

        var notation = NotationOf(field);
        if (notation is Notation.Ipv4 or Notation.Ipv6 && PrefixLength(mask, field.BitWidth) is { } prefix)
        {
            return $"{Format(field, entry.Value)}/{prefix}";
        }

        return notation == Notation.Decimal
            ? $"0x{entry.Value:x}/0x{mask:x}"
            : $"{Format(field, entry.Value)}/{Format(field, mask)}";
    }

    private static Notation NotationOf(OxmField field)
    {
        if (field.Class != OxmCatalogue.BasicClass)
        {
            return Notation.Decimal;
        }

        return field.Number switch
        {
            0 or 1 => Notation.Port,
            3 or 4 or 24 or 25 or 32 or 33 => Notation.Ethernet,
            5 => Notation.EtherType,
            11 or 12 or 22 or 23 => Notation.Ipv4,
            26 or 27 or 31 => Notation.Ipv6,
            28 => Notation.FlowLabel,
            2 or 38 or 39 => Notation.Hexadecimal,
            _ => Notation.Decimal,
        };
    }

    private static UInt128 ParseMask(OxmField field, string key, string text)
    {
        if (text == "-1")
        {
            return field.AllBits;
        }

        if (NotationOf(field) is Notation.Ipv4 or Notation.Ipv6 && int.TryParse(text, NumberStyles.None, Invariant, out var prefix))
        {
            if (prefix > field.BitWidth)
            {
                throw new FormatException($"{key}: /{prefix} is no prefix length; {field} has 0 to {field.BitWidth} bits");
            }

            return prefix == 0 ? 0 : (field.AllBits << (field.BitWidth - prefix)) & field.AllBits;
        }

        return ParseValue(field, key, text);
    }

    private static UInt128 ParseEthernet(string key, string text)
    {
        var parts = text.Split(':');
        UInt128 value = 0;
        var valid = parts.Length == 6;
        foreach (var part in parts)
        {
            valid &= byte.TryParse(part, NumberStyles.AllowHexSpecifier, Invariant, out var octet);
            value = (value << 8) | octet;
        }

        return valid ? value : throw new FormatException($"{key}={text} is no Ethernet address; write six bytes in hexadecimal as 00:11:22:33:44:55");
    }

    private static UInt128 ParseIpv4(string key, string text)
    {
        // IPAddress takes short forms such as "10.1"; four parts are demanded, since a forgotten part is likelier meant.
        if (text.Count(character => character == '.') == 3
            && IPAddress.TryParse(text, out var address) && address.AddressFamily == AddressFamily.InterNetwork)
        {
            return BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());
        }

        throw new FormatException($"{key}={text} is no IPv4 address; write four decimal bytes as 10.0.0.1, with a mask as 10.0.0.0/8");
    }

    private static UInt128 ParseIpv6(string key, string text)
    {
        if (text.Contains(':') && !text.Contains('%')
            && IPAddress.TryParse(text, out var address) && address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            return BinaryPrimitives.ReadUInt128BigEndian(address.GetAddressBytes());
        }

        throw new FormatException($"{key}={text} is no IPv6 address; write it as 2001:db8::1, with a mask as 2001:db8::/32");
    }

    private static string FormatEthernet(UInt128 value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, (ulong)value);
        return string.Create(Invariant, $"{bytes[2]:x2}:{bytes[3]:x2}:{bytes[4]:x2}:{bytes[5]:x2}:{bytes[6]:x2}:{bytes[7]:x2}");
    }

    private static string FormatIpv4(UInt128 value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)value);
        return new IPAddress(bytes).ToString();
    }

    private static string FormatIpv6(UInt128 value)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, value);
        return new IPAddress(bytes).ToString();
    }

    /// <summary>Number of leading ones of a mask that is a prefix, else null.</summary>
    private static int? PrefixLength(UInt128 mask, int bits)
    {
        var ones = (int)UInt128.PopCount(mask);
        return ones != 0 && mask >> (bits - ones) == (UInt128.One << ones) - 1 ? ones : null;
    }
}
