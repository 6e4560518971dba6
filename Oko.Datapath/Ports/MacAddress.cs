using System.Globalization;

namespace Oko.Datapath.Ports;

/// <summary>A 48-bit Ethernet address, right-aligned in the value.</summary>
public readonly record struct MacAddress(ulong Value)
{
    /// <summary>Takes six bytes in network order.</summary>
    public static MacAddress FromBytes(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        foreach (var part in bytes[..6])
        {
            value = (value << 8) | part;
        }

        return new MacAddress(value);
    }

    /// <summary>Colon-separated hex.</summary>
    public override string ToString()
    {
        var value = Value;
        return string.Join(':', Enumerable.Range(0, 6).Select(part => ((byte)(value >> (40 - (8 * part)))).ToString("x2", CultureInfo.InvariantCulture)));
    }
}
