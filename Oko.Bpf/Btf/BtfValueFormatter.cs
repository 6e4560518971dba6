using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Oko.Bpf.Btf;

/// <summary>
/// Map keys and values as people write them, by their BTF type: <c>10.0.0.1</c> for a __be32, numbers, Ethernet addresses for six
/// bytes, <c>{a=1,b=2}</c> for structs, <c>[1,2]</c> for arrays, <c>"text"</c> for arrays of char; <c>hex:0a000001</c> always works.
/// And as JSON: the same in objects, arrays, numbers, <c>true</c> and <c>false</c>, with addresses and <c>hex:</c> in quotes.
/// </summary>
public static partial class BtfValueFormatter
{
    private const int MaxDepth = 16;
    private const int UsualNameLength = 32;
    private const string HexPrefix = "hex:";

    /// <summary>Writes bytes as text.</summary>
    /// <param name="bytes">The value as the program sees it.</param>
    /// <param name="type">Its type, or null if the object does not say.</param>
    public static string Format(ReadOnlySpan<byte> bytes, BtfTypeReference? type) => Format(bytes, type, isJson: false);

    /// <summary>Writes bytes as JSON, on one line.</summary>
    /// <param name="bytes">The value as the program sees it.</param>
    /// <param name="type">Its type, or null if the object does not say.</param>
    /// <remarks>Integers are written in full, those above 2^53 too. Members without a name are called by their position: <c>#0</c>.</remarks>
    public static string FormatJson(ReadOnlySpan<byte> bytes, BtfTypeReference? type) => Format(bytes, type, isJson: true);

    private static string Format(ReadOnlySpan<byte> bytes, BtfTypeReference? type, bool isJson)
    {
        if (type is null || type.Size != bytes.Length)
        {
            return Word(Hex(bytes), isJson);
        }

        var text = new StringBuilder();
        // Sane types have fewer parts than this. Members that overlap or take no space could make a few bytes an endless text.
        var parts = 256 + (32 * bytes.Length);
        Format(text, bytes, type.Types, type.Id, isJson, 0, ref parts);
        return parts < 0 ? Word(Hex(bytes), isJson) : text.ToString();
    }

    private static void Format(StringBuilder text, ReadOnlySpan<byte> bytes, BtfTypes types, uint id, bool isJson, int depth, ref int parts)
    {
        if (--parts < 0)
        {
            return;
        }

        var type = types.Resolve(id);
        switch (type.Kind)
        {
            case BtfKind.Int when type.IsBool && bytes.Length == 1 && bytes[0] <= 1:
                text.Append(bytes[0] == 1 ? "true" : "false");
                break;
            case BtfKind.Array when IsText(types, type) && TextOf(bytes) is { } content && !(isJson && IsHex(content)):
                text.Append('"').Append(isJson ? Escaped(content) : content).Append('"');
                break;
            case BtfKind.Int or BtfKind.Enum or BtfKind.Enum64 when bytes.Length == 4 && IsNetworkOrder(types, id):
                text.Append(Word(new IPAddress(bytes).ToString(), isJson));
                break;
            case BtfKind.Int or BtfKind.Enum or BtfKind.Enum64 when bytes.Length is 1 or 2 or 4 or 8:
                text.Append(FormatScalar(bytes, IsNetworkOrder(types, id), type.IsSigned));
                break;
            case BtfKind.Array when type.Elements == 6 && types.SizeOf(type.Target) == 1 && !(isJson && IsText(types, type)):
                text.Append(Word(string.Join(':', bytes.ToArray().Select(part => part.ToString("x2", CultureInfo.InvariantCulture))), isJson));
                break;
            case BtfKind.Array when depth < MaxDepth && type.Elements > 0 && types.SizeOf(type.Target) is > 0 and var size:
                text.Append('[');
                for (var index = 0; index < type.Elements && parts >= 0; index++)
                {
                    text.Append(index == 0 ? string.Empty : ",");
                    Format(text, bytes.Slice(index * (int)size, (int)size), types, type.Target, isJson, depth + 1, ref parts);
                }

                text.Append(']');
                break;
            case BtfKind.Struct when type.Name == "in6_addr" && bytes.Length == 16:
                text.Append(Word(new IPAddress(bytes).ToString(), isJson));
                break;
            case BtfKind.Struct when depth < MaxDepth && (parts -= type.Members.Count) >= 0 && AllFit(types, type, bytes.Length):
                text.Append('{');
                for (var index = 0; index < type.Members.Count; index++)
                {
                    var member = type.Members[index];
                    // Names of a kilobyte would make a text of megabytes.
                    parts -= member.Name.Length / UsualNameLength;
                    text.Append(index == 0 ? string.Empty : ",").Append(isJson ? $"\"{Escaped(NameOf(member, index))}\":" : member.Name + "=");
                    if (member.BitSize != 0)
                    {
                        text.Append(FormatBits(bytes, member, types.Resolve(member.Type).IsSigned));
                        continue;
                    }

                    Format(text, bytes.Slice((int)member.BitOffset / 8, (int)types.SizeOf(member.Type)), types, member.Type, isJson, depth + 1, ref parts);
                }

                text.Append('}');
                break;
            default:
                text.Append(Word(Hex(bytes), isJson));
                break;
        }
    }

    /// <summary>What a member is called in JSON, where an object cannot have several names that are empty.</summary>
    private static string NameOf(BtfMember member, int index) =>
        member.Name.Length > 0 ? member.Name : string.Create(CultureInfo.InvariantCulture, $"#{index}");

    private static string Word(string word, bool isJson) => isJson ? $"\"{word}\"" : word;

    private static string Escaped(string text) => JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).Value;

    private static bool IsHex(string text) => text.StartsWith(HexPrefix, StringComparison.OrdinalIgnoreCase);

    private static bool AllFit(BtfTypes types, BtfType type, int size) => type.Members.All(member => Fits(types, member, size));

    private static bool Fits(BtfTypes types, BtfMember member, int size) => member.BitSize != 0
        ? member.BitSize <= 64 && member.BitOffset + (ulong)member.BitSize <= 8 * (ulong)size
        : member.BitOffset % 8 == 0 && (member.BitOffset / 8) + (ulong)types.SizeOf(member.Type) <= (ulong)size;

    private static bool IsText(BtfTypes types, BtfType array) => types.Resolve(array.Target) is { Kind: BtfKind.Int, Size: 1, Name: "char" };

    /// <summary>The text in an array of char: printable, without quotes, filled up with NULs; null if it is something else.</summary>
    private static string? TextOf(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)0);
        var content = end < 0 ? bytes : bytes[..end];
        return content.ContainsAnyExceptInRange((byte)' ', (byte)'~') || content.Contains((byte)'"') || bytes[content.Length..].ContainsAnyExcept((byte)0)
            ? null : Encoding.ASCII.GetString(content);
    }

    private static string FormatBits(ReadOnlySpan<byte> bytes, BtfMember member, bool isSigned)
    {
        ulong value = 0;
        for (var bit = member.BitSize - 1; bit >= 0; bit--)
        {
            var at = (int)member.BitOffset + bit;
            value = (value << 1) | (uint)((bytes[at / 8] >> (at % 8)) & 1);
        }

        var shift = 64 - member.BitSize;
        return isSigned ? ((long)(value << shift) >> shift).ToString(CultureInfo.InvariantCulture) : value.ToString(CultureInfo.InvariantCulture);
    }

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
        ulong value = 0;
        for (var index = 0; index < bytes.Length; index++)
        {
            value = (value << 8) | bytes[networkOrder ? index : bytes.Length - 1 - index];
        }

        var shift = 64 - (8 * bytes.Length);
        return isSigned ? ((long)(value << shift) >> shift).ToString(CultureInfo.InvariantCulture) : value.ToString(CultureInfo.InvariantCulture);
    }

    private static string Hex(ReadOnlySpan<byte> bytes) => HexPrefix + Convert.ToHexStringLower(bytes);
}
