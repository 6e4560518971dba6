using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Oko.Bpf.Btf;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Filters;

/// <summary>Entries of maps as JSON, in one shape for what is read out and what is loaded: an object with <c>key</c> and <c>value</c>, by
/// their types (<see cref="BtfValueFormatter.FormatJson"/>), and <c>key_hex</c> and <c>value_hex</c>, their bytes. Stateless; any thread.</summary>
/// <remarks>Programs read it, so members are added, never renamed. Maps without keys have no key. Per-CPU maps of several workers have
/// <c>values</c>, one for each worker, instead of <c>value</c>; who gives them <c>value</c> sets it for all.</remarks>
public static class MapJson
{
    /// <summary>An entry as an object, on one line.</summary>
    public static string FormatEntry(MapSpec map, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var text = new StringBuilder("{");
        if (!key.IsEmpty)
        {
            text.Append("\"key\":").Append(BtfValueFormatter.FormatJson(key, map.KeyType)).Append(',');
        }

        AppendValue(text, "value", map, value);
        if (!key.IsEmpty)
        {
            AppendHex(text, "key", key);
        }

        AppendHex(text, "value", value);
        return text.Append('}').ToString();
    }

    /// <summary>A change as an object, on one line: an entry, with <c>change</c>, <c>time_nanoseconds</c> and the value before
    /// (<c>old_value</c>).</summary>
    /// <param name="change">The change.</param>
    /// <param name="time">When it was seen, on the datapath's clock.</param>
    public static string FormatChange(MapChange change, ulong time)
    {
        var text = new StringBuilder($"{{\"change\":\"{change.Kind}\",\"time_nanoseconds\":{time},\"key\":{BtfValueFormatter.FormatJson(change.Key, change.Map.KeyType)}");
        (string Name, byte[]? Bytes)[] values = [("value", change.Value), ("old_value", change.OldValue)];
        foreach (var (name, bytes) in values.Where(value => value.Bytes is not null))
        {
            AppendValue(text.Append(','), name, change.Map, bytes);
        }

        AppendHex(text, "key", change.Key);
        foreach (var (name, bytes) in values.Where(value => value.Bytes is not null))
        {
            AppendHex(text, name, bytes);
        }

        return text.Append('}').ToString();
    }

    /// <summary>A record of a ring buffer as an object, on one line: <c>value</c> by the type that the ring buffer names, <c>text</c> as people
    /// see it, <c>record</c> its bytes.</summary>
    public static string FormatRecord(FilterEventRecord record)
    {
        var (map, text) = (Escaped(record.Map.Name), Escaped(MapText.FormatRecord(record.Map, record.Data)));
        return $"{{\"filter_id\":{record.FilterId},\"map\":\"{map}\",\"time_nanoseconds\":{record.TimeNanoseconds},\"lost\":{record.Lost}," +
            $"\"value\":{BtfValueFormatter.FormatJson(record.Data, record.Map.ValueType)},\"text\":\"{text}\",\"record\":\"{Convert.ToHexStringLower(record.Data)}\"}}";
    }

    /// <summary>Reads an array of such objects.</summary>
    /// <param name="filterId">For the error.</param>
    /// <param name="map">The map they are for.</param>
    /// <param name="document">UTF-8.</param>
    /// <remarks>Of a key or value given in both forms, the typed one fills what it names, and the bytes the rest (padding); they must agree.</remarks>
    /// <exception cref="OkoErrorException">MAP_SIZE: the text is not JSON, or not of this shape; which entry and member, and what would do.</exception>
    public static List<(byte[] Key, byte[] Value)> ParseEntries(uint filterId, BpfMap map, ReadOnlyMemory<byte> document)
    {
        var place = "the document";
        try
        {
            using var json = JsonDocument.Parse(document, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (json.RootElement.ValueKind != JsonValueKind.Array)
            {
                throw new FormatException("an array of entries is needed, such as [{\"key\": 1, \"value\": 2}]");
            }

            var entries = new List<(byte[] Key, byte[] Value)>(json.RootElement.GetArrayLength());
            foreach (var entry in json.RootElement.EnumerateArray())
            {
                place = $"entry {entries.Count}";
                entries.Add(ParseEntry(entry, map));
            }

            return entries;
        }
        catch (JsonException exception)
        {
            throw Refuse(filterId, map, $"the document is not JSON: {exception.Message.TrimEnd('.')}");
        }
        catch (FormatException exception)
        {
            throw Refuse(filterId, map, $"{place}: {exception.Message}");
        }
    }

    private static string Escaped(string text) => JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).Value;

    private static void AppendValue(StringBuilder text, string name, MapSpec map, ReadOnlySpan<byte> value)
    {
        var size = (int)map.ValueSize;
        if (value.Length == size)
        {
            text.Append('"').Append(name).Append("\":").Append(BtfValueFormatter.FormatJson(value, map.ValueType));
            return;
        }

        text.Append('"').Append(name).Append("s\":[");
        for (var at = 0; at < value.Length; at += size)
        {
            text.Append(at == 0 ? string.Empty : ",").Append(BtfValueFormatter.FormatJson(value.Slice(at, size), map.ValueType));
        }

        text.Append(']');
    }

    private static void AppendHex(StringBuilder text, string name, ReadOnlySpan<byte> bytes) =>
        text.Append(",\"").Append(name).Append("_hex\":\"").Append(Convert.ToHexStringLower(bytes)).Append('"');

    private static OkoErrorException Refuse(uint filterId, BpfMap map, string text) =>
        new(OkoErrorType.MapSize, filterId, $"filter {filterId}, map {map.Name}: {text}; nothing was changed.");

    private static (byte[] Key, byte[] Value) ParseEntry(JsonElement entry, BpfMap map)
    {
        if (entry.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException("an object is needed, such as {\"key\": 1, \"value\": 2}");
        }

        JsonElement? key = null, value = null, values = null, keyHex = null, valueHex = null;
        foreach (var member in entry.EnumerateObject())
        {
            switch (member.Name)
            {
                case "key":
                    key = member.Value;
                    break;
                case "value":
                    value = member.Value;
                    break;
                case "values":
                    values = member.Value;
                    break;
                case "key_hex":
                    keyHex = member.Value;
                    break;
                case "value_hex":
                    valueHex = member.Value;
                    break;
                default:
                    throw new FormatException($"there is no member '{member.Name}'; an entry has key, value (of each worker: values), key_hex, value_hex");
            }
        }

        return (ParseKey(key, keyHex, map), ParseValue(value, values, valueHex, map));
    }

    private static byte[] ParseKey(JsonElement? key, JsonElement? keyHex, BpfMap map)
    {
        if (map.KeySize == 0)
        {
            return key is null && keyHex is null ? [] : throw new FormatException($"a {map.Type} has no keys; leave key out");
        }

        if (key is null && keyHex is null)
        {
            throw new FormatException("the key is missing; give key or key_hex");
        }

        var bytes = ParseHex("key_hex", keyHex, map.KeySize);
        if (key is { } typed)
        {
            BtfValueFormatter.ParseJson(typed, bytes, map.Spec.KeyType, "key");
            CheckAgreement("key", keyHex, bytes);
        }

        return bytes;
    }

    private static byte[] ParseValue(JsonElement? value, JsonElement? values, JsonElement? valueHex, BpfMap map)
    {
        if (value is null && values is null && valueHex is null)
        {
            throw new FormatException("the value is missing; give value or value_hex");
        }

        var bytes = ParseHex("value_hex", valueHex, map.DumpValueSize);
        var count = map.DumpValueSize / map.ValueSize;
        if (values is { } each)
        {
            if (value is not null || each.ValueKind != JsonValueKind.Array || each.GetArrayLength() != count)
            {
                throw new FormatException(value is not null ? "give value or values, not both" : $"values: an array of {count} is needed, one for each worker");
            }

            for (var worker = 0; worker < count; worker++)
            {
                BtfValueFormatter.ParseJson(each[worker], bytes.AsSpan(worker * map.ValueSize, map.ValueSize), map.Spec.ValueType, $"values[{worker}]");
            }

            CheckAgreement("values", valueHex, bytes);
        }
        else if (value is { } one)
        {
            for (var worker = 0; worker < count; worker++)
            {
                BtfValueFormatter.ParseJson(one, bytes.AsSpan(worker * map.ValueSize, map.ValueSize), map.Spec.ValueType, "value");
            }

            CheckAgreement("value", valueHex, bytes);
        }

        return bytes;
    }

    /// <summary>The bytes, all zero if they are not given.</summary>
    private static byte[] ParseHex(string name, JsonElement? hex, int size)
    {
        if (hex is not { } element)
        {
            return new byte[size];
        }

        var digits = element.ValueKind == JsonValueKind.String ? element.GetString()! : null;
        return digits?.Length == 2 * size && digits.All(char.IsAsciiHexDigit)
            ? Convert.FromHexString(digits)
            : throw new FormatException($"{name}: a text of {2 * size} hex digits is needed, for {size} bytes");
    }

    private static void CheckAgreement(string name, JsonElement? hex, byte[] bytes)
    {
        if (hex is { } element && !element.ValueEquals(Convert.ToHexStringLower(bytes)) && !element.ValueEquals(Convert.ToHexString(bytes)))
        {
            throw new FormatException($"{name} and {name.TrimEnd('s')}_hex say different things; leave one of them out");
        }
    }
}
