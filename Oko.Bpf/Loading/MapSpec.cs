using Oko.Bpf.Btf;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Loading;

/// <summary>A map as the object file defines it; the map itself exists only after <c>BpfMap.Create</c>.
/// Immutable.</summary>
/// <param name="Name">The symbol's name.</param>
/// <param name="Type">The type, in Linux' numbers whatever the object used.</param>
/// <param name="KeySize">Bytes of a key.</param>
/// <param name="ValueSize">Bytes of a value.</param>
/// <param name="MaxEntries">Capacity.</param>
/// <param name="Flags">Creation flags (<c>BPF_F_*</c>).</param>
public sealed record MapSpec(string Name, MapType Type, uint KeySize, uint ValueSize, uint MaxEntries, uint Flags)
{
    /// <summary><c>map_extra</c>: hash functions of a bloom filter, rows of a count-min sketch; 0 = the type's own choice.</summary>
    public ulong MapExtra { get; init; }

    /// <summary>Type of a key, if the object says it.</summary>
    public BtfTypeReference? KeyType { get; init; }

    /// <summary>Type of a value, in a ring buffer of a record, if the object says it.</summary>
    public BtfTypeReference? ValueType { get; init; }
}
