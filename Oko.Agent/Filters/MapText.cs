using Oko.Bpf.Btf;
using Oko.Bpf.Loading;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Filters;

/// <summary>Keys and values of maps as people write and read them: by their types where the object has BTF, else as numbers (up to 8
/// bytes) or <c>hex:...</c>. Stateless; any thread.</summary>
public static class MapText
{
    /// <summary>A key as text.</summary>
    public static string FormatKey(MapSpec map, ReadOnlySpan<byte> key) => BtfValueFormatter.Format(key, map.KeyType);

    /// <summary>A value as text.</summary>
    public static string FormatValue(MapSpec map, ReadOnlySpan<byte> value) => BtfValueFormatter.Format(value, map.ValueType);

    /// <summary>Reads a key.</summary>
    /// <exception cref="OkoErrorException">MAP_SIZE: the text is not a key of this map.</exception>
    public static byte[] ParseKey(uint filterId, MapSpec map, string text) => Parse(filterId, map, "key", text, map.KeySize, map.KeyType);

    /// <summary>Reads a value.</summary>
    /// <exception cref="OkoErrorException">MAP_SIZE: the text is not a value of this map.</exception>
    public static byte[] ParseValue(uint filterId, MapSpec map, string text) => Parse(filterId, map, "value", text, map.ValueSize, map.ValueType);

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
