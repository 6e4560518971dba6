using System.Collections.Immutable;

namespace Oko.OpenFlow.Instructions;

/// <summary>The lists of instructions that were read last. Controllers send few different ones for many entries, and entries that share a list take
/// less memory and less of the collector's time. Each thread has its own.</summary>
internal static class KnownInstructions
{
    /// <summary>Longer lists are not kept.</summary>
    internal const int MaxBytes = 256;

    private const int PlaceCount = 64;

    [ThreadStatic]
    private static Place[]? places;

    /// <summary>The list that these bytes were read as, default if it is not known (any more).</summary>
    internal static ImmutableArray<Instruction> Find(ReadOnlySpan<byte> bytes)
    {
        ref readonly var place = ref PlaceOf(bytes);
        return bytes.SequenceEqual(place.Bytes) ? place.List : default;
    }

    /// <summary>Remembers how these bytes, one at least, were read, in place of others.</summary>
    internal static void Keep(ReadOnlySpan<byte> bytes, ImmutableArray<Instruction> list) => PlaceOf(bytes) = new Place(bytes.ToArray(), list);

    private static ref Place PlaceOf(ReadOnlySpan<byte> bytes)
    {
        var hash = default(HashCode);
        hash.AddBytes(bytes);
        return ref (places ??= new Place[PlaceCount])[(uint)hash.ToHashCode() % PlaceCount];
    }

    private readonly record struct Place(byte[] Bytes, ImmutableArray<Instruction> List);
}
