using System.Globalization;

namespace Oko.OpenFlow.Text;

/// <summary>Unsigned numbers in decimal or, after 0x, hexadecimal. Stateless.</summary>
internal static class NumberText
{
    /// <summary>Reads a number.</summary>
    /// <param name="key">What the number is for, for the message.</param>
    /// <param name="text">Decimal digits, or 0x and hexadecimal digits.</param>
    /// <param name="limit">Greatest value allowed.</param>
    /// <param name="allowed">What else the place takes, for the message; null = a number.</param>
    /// <exception cref="FormatException">No number, or too great.</exception>
    public static ulong Parse(string key, string text, ulong limit, string? allowed = null)
    {
        if (!TryParse(text, out var value) || value > limit)
        {
            throw new FormatException($"{key}={text}: {allowed ?? $"a number from 0 to {limit} (0x{limit:x})"} is expected");
        }

        return value;
    }

    /// <summary>Reads <c>VALUE</c> or <c>VALUE/MASK</c> of 64 bits; a mask of -1 is all ones.</summary>
    /// <exception cref="FormatException">No number.</exception>
    public static (ulong Value, ulong? Mask) ParseMasked64(string key, string text)
    {
        var slash = text.IndexOf('/');
        if (slash < 0)
        {
            return (Parse(key, text, ulong.MaxValue), null);
        }

        var mask = text[(slash + 1)..];
        return (Parse(key, text[..slash], ulong.MaxValue), mask == "-1" ? ulong.MaxValue : Parse(key, mask, ulong.MaxValue));
    }

    /// <summary>Reads a number, if the text is one.</summary>
    public static bool TryParse(string text, out ulong value) =>
        text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
