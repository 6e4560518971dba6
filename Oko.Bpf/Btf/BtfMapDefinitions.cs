using Oko.Bpf.Elf;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Btf;

/// <summary>Map definitions as libbpf writes them: structs in the section <c>.maps</c> whose member types hold the numbers.
/// Source: libbpf, src/bpf_helpers.h (__uint, __type).</summary>
internal static class BtfMapDefinitions
{
    /// <summary>The variables of <c>.maps</c>. Where each lies its symbol says: compilers leave the offsets here 0.</summary>
    internal static IReadOnlyList<BtfMember> Variables(BtfTypes types) =>
        types.All.FirstOrDefault(type => type.Kind == BtfKind.DataSection && type.Name == ".maps")?.Members ?? [];

    /// <summary>The definition of a map.</summary>
    /// <exception cref="ElfFormatException">It cannot be read.</exception>
    internal static MapSpec Read(BtfTypes types, BtfMember variable)
    {
        var definition = types.Resolve(types[variable.Type].Target);
        if (definition.Kind != BtfKind.Struct)
        {
            throw new ElfFormatException($"map {variable.Name} is not defined by a struct; write struct {{ __uint(type, ...); ... }} {variable.Name} SEC(\".maps\")");
        }

        uint type = 0, keySize = 0, valueSize = 0, capacity = 0, flags = 0;
        ulong extra = 0;
        uint keyType = 0, valueType = 0;
        foreach (var member in definition.Members)
        {
            // __uint(name, v) is int (*name)[v]; __type(name, t) is t *name; __ulong(name, v) is enum { unique = v } name.
            var pointer = types.Resolve(member.Type);
            var number = types.Resolve(pointer.Target) is { Kind: BtfKind.Array } array ? array.Elements : 0;
            switch (member.Name)
            {
                case "type":
                    type = number;
                    break;
                case "key":
                    (keyType, keySize) = (pointer.Target, types.SizeOf(pointer.Target));
                    break;
                case "value":
                    (valueType, valueSize) = (pointer.Target, types.SizeOf(pointer.Target));
                    break;
                case "key_size":
                    keySize = number;
                    break;
                case "value_size":
                    valueSize = number;
                    break;
                case "max_entries":
                    capacity = number;
                    break;
                case "map_flags":
                    flags = number;
                    break;
                case "map_extra":
                    extra = pointer.Kind is BtfKind.Enum or BtfKind.Enum64 ? (ulong)pointer.FirstValue : number;
                    break;
                case "pinning" or "numa_node":
                    // Where the kernel keeps a map and under what path: nothing that a filter can see.
                    break;
                case "values":
                    throw new ElfFormatException($"map {variable.Name} has initial values that are maps or programs (__array(values, ...)), which is not supported; use one map per purpose");
                default:
                    throw new ElfFormatException($"map {variable.Name} has the attribute {member.Name}, which is not supported; known are type, key, value, key_size, value_size, max_entries, map_flags, map_extra");
            }
        }

        if ((MapType)type == MapType.RingBuffer && valueType != 0)
        {
            // A ring buffer has records instead of values; the type is that of its records, which may have any size.
            valueSize = 0;
        }

        return new MapSpec(variable.Name, (MapType)type, keySize, valueSize, capacity, flags)
        {
            MapExtra = extra,
            KeyType = keyType == 0 ? null : new BtfTypeReference(types, keyType),
            ValueType = valueType == 0 ? null : new BtfTypeReference(types, valueType),
        };
    }
}
