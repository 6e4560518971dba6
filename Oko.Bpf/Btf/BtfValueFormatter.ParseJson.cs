using System.Globalization;
using System.Text.Json;

namespace Oko.Bpf.Btf;

public static partial class BtfValueFormatter
{
    /// <summary>Reads JSON, in the form that <see cref="FormatJson"/> writes, over bytes: members of structs that it does not name stay
    /// as they are. A text is read like one that was typed, but in arrays of char it is the content.</summary>
    /// <param name="json">Without a type: a number (1, 2, 4 or 8 bytes), <c>"hex:..."</c>, or an array of bytes.</param>
    /// <param name="bytes">The value.</param>
    /// <param name="type">Its type, or null if the object does not say.</param>
    /// <param name="path">What the value is called in messages, such as <c>value</c>.</param>
    /// <exception cref="FormatException">Which member cannot be read (<c>value.limits[2]: ...</c>), and what would do.</exception>
    public static void ParseJson(JsonElement json, Span<byte> bytes, BtfTypeReference? type, string path)
    {
        if (type is not null && type.Size == bytes.Length)
        {
            ParseJson(json, bytes, type.Types, type.Id, path, 0);
            return;
        }

        switch (json.ValueKind)
        {
            case JsonValueKind.Number or JsonValueKind.String:
                ParseLeaf(json, bytes, null, path);
                break;
            case JsonValueKind.Array when json.GetArrayLength() == bytes.Length:
                for (var index = 0; index < bytes.Length; index++)
                {
                    bytes[index] = json[index].ValueKind == JsonValueKind.Number && json[index].TryGetByte(out var part)
                        ? part : throw new FormatException($"{Element(path, index)}: {Describe(json[index])} is no byte; allowed are 0 to 255");
                }

                break;
            default:
                throw new FormatException($"{path}: {Describe(json)} cannot be read as {bytes.Length} bytes; write \"hex:\" and {2 * bytes.Length} digits in quotes, or an array of {bytes.Length} bytes");
        }
    }

    private static void ParseJson(JsonElement json, Span<byte> bytes, BtfTypes types, uint id, string path, int depth)
    {
        var type = types.Resolve(id);
        switch (json.ValueKind)
        {
            case JsonValueKind.Object when type.Kind == BtfKind.Struct && depth < MaxDepth:
                foreach (var property in json.EnumerateObject())
                {
                    ParseJsonMember(property, bytes, types, type, path, depth);
                }

                break;
            case JsonValueKind.Array when type.Kind == BtfKind.Array && depth < MaxDepth && types.SizeOf(type.Target) is > 0 and var size:
                if (json.GetArrayLength() != type.Elements)
                {
                    throw new FormatException($"{path}: {json.GetArrayLength()} elements; the array has {type.Elements}");
                }

                for (var index = 0; index < type.Elements; index++)
                {
                    ParseJson(json[index], bytes.Slice(index * (int)size, (int)size), types, type.Target, Element(path, index), depth + 1);
                }

                break;
            case JsonValueKind.True or JsonValueKind.False when type.IsBool && bytes.Length == 1:
                bytes[0] = json.ValueKind == JsonValueKind.True ? (byte)1 : (byte)0;
                break;
            case JsonValueKind.Number when type.Kind is not (BtfKind.Struct or BtfKind.Array):
            case JsonValueKind.String:
                ParseLeaf(json, bytes, new BtfTypeReference(types, id), path);
                break;
            default:
                throw new FormatException($"{path}: {Describe(json)} where {Expected(types, type)} is needed");
        }
    }

    private static void ParseJsonMember(JsonProperty property, Span<byte> bytes, BtfTypes types, BtfType type, string path, int depth)
    {
        path = $"{path}.{property.Name}";
        for (var index = 0; index < type.Members.Count; index++)
        {
            var member = type.Members[index];
            if (!property.NameEquals(NameOf(member, index)) || !Fits(types, member, bytes.Length))
            {
                continue;
            }

            if (member.BitSize == 0)
            {
                ParseJson(property.Value, bytes.Slice((int)member.BitOffset / 8, (int)types.SizeOf(member.Type)), types, member.Type, path, depth + 1);
                return;
            }

            if (property.Value.ValueKind != JsonValueKind.Number)
            {
                throw new FormatException($"{path}: {Describe(property.Value)} where a number of {member.BitSize} bits is needed");
            }

            Located(path, property.Value.GetRawText(), bytes, (text, place) => ParseBits(text, place, member, types.Resolve(member.Type).IsSigned));
            return;
        }

        throw new FormatException($"{path}: there is no such member; {Expected(types, type)} is needed");
    }

    /// <summary>A number or a text.</summary>
    private static void ParseLeaf(JsonElement json, Span<byte> bytes, BtfTypeReference? type, string path)
    {
        var text = json.ValueKind == JsonValueKind.String ? json.GetString()! : json.GetRawText();
        Located(path, text, bytes, (written, place) =>
        {
            if (type is null)
            {
                ParseUntyped(written, place);
            }
            else if (type.Types.Resolve(type.Id) is { Kind: BtfKind.Array } array && IsText(type.Types, array) && !IsHex(written))
            {
                ParseText(written, place);
            }
            else
            {
                Parse(written, place, type.Types, type.Id, 0);
            }
        });
    }

    private delegate void Reader(string text, Span<byte> bytes);

    /// <summary>Puts the path before what a reader of text has to say.</summary>
    private static void Located(string path, string text, Span<byte> bytes, Reader read)
    {
        try
        {
            read(text, bytes);
        }
        catch (FormatException exception)
        {
            throw new FormatException($"{path}: {exception.Message}", exception);
        }
    }

    private static string Element(string path, int index) => string.Create(CultureInfo.InvariantCulture, $"{path}[{index}]");

    private static string Describe(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => json.GetRawText(),
        JsonValueKind.Null => "null",
        _ => json.ValueKind == JsonValueKind.True ? "true" : "false",
    };

    private static string Expected(BtfTypes types, BtfType type) => type.Kind switch
    {
        BtfKind.Struct => $"an object {{{string.Join(", ", type.Members.Take(64).Select((member, index) => NameOf(member, index)))}}}",
        BtfKind.Array when IsText(types, type) => $"a text of up to {types.SizeOf(type.Target) * type.Elements} bytes",
        BtfKind.Array => $"an array of {type.Elements} elements",
        BtfKind.Int when type.IsBool => "true or false",
        BtfKind.Int or BtfKind.Enum or BtfKind.Enum64 => "a number",
        _ => "\"hex:...\"",
    };
}
