using Oko.Bpf.Btf;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Filters;

/// <summary>Keys and values of maps as people write and read them: by their types where the object has BTF, else as numbers (up to 8
/// bytes) or <c>hex:...</c>. Stateless; any thread.</summary>
public static class MapText
{
    /// <summary>A key as text.</summary>
    public static string FormatKey(MapSpec map, ReadOnlySpan<byte> key) => key.IsEmpty ? "-" : BtfValueFormatter.Format(key, map.KeyType);

    /// <summary>A value as text.</summary>
    /// <remarks>Of a per-CPU map: the values of all workers, as an array if there are several.</remarks>
    public static string FormatValue(MapSpec map, ReadOnlySpan<byte> value)
    {
        var size = (int)map.ValueSize;
        if (value.Length <= size)
        {
            return BtfValueFormatter.Format(value, map.ValueType);
        }

        var values = new List<string>();
        for (; value.Length >= size; value = value[size..])
        {
            values.Add(BtfValueFormatter.Format(value[..size], map.ValueType));
        }

        return $"[{string.Join(", ", values)}]";
    }

    /// <summary>A record of a ring buffer as text: by the type of the ring buffer's value if it has that size, else hexadecimal.</summary>
    public static string FormatRecord(MapSpec map, ReadOnlySpan<byte> record) =>
        map.ValueType is null ? Convert.ToHexStringLower(record) : BtfValueFormatter.Format(record, map.ValueType);

    /// <summary>Reads a key.</summary>
    /// <exception cref="OkoErrorException">MAP_SIZE: the text is not a key of this map.</exception>
    /// <remarks>Of a map without keys: <c>-</c>.</remarks>
    public static byte[] ParseKey(uint filterId, MapSpec map, string text) => map.KeySize == 0 && text == "-" ? [] : Parse(filterId, map, "key", text, map.KeySize, map.KeyType);

    /// <summary>Reads a value; of a per-CPU map one that all workers get.</summary>
    /// <exception cref="OkoErrorException">MAP_SIZE: the text is not a value of this map.</exception>
    public static byte[] ParseValue(uint filterId, BpfMap map, string text)
    {
        var value = Parse(filterId, map.Spec, "value", text, map.Spec.ValueSize, map.Spec.ValueType);
        return [.. Enumerable.Repeat(value, map.DumpValueSize / map.ValueSize).SelectMany(bytes => bytes)];
    }

    private static byte[] Parse(uint filterId, MapSpec map, string what, string text, uint size, BtfTypeReference? type)
    {
        try
        {
            return BtfValueFormatter.Parse(text, (int)size, type);
        }
        catch (FormatException exception)
        {
            throw new OkoErrorException(OkoErrorType.MapSize, filterId, $"filter {filterId}, map {map.Name}, {what} of {size} bytes: {exception.Message}");
        }
    }
}
