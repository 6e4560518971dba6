using System.Buffers.Binary;
using Oko.Bpf.Elf;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Loading;

// Before BTF, maps were structures in a section "maps", and each loader had its own structure. All begin with type, key size,
// value size, number of entries (u32 each); what follows differs:
//
//   20 bytes  Oko: nb_hash_functions, with types of its own (1 array, 2 bloom filter, 3 count-min sketch, 4 hash)
//             libbpf's bpf_map_def: map_flags, with Linux' types
//   28 bytes  the kernel samples' bpf_map_def: map_flags, inner_map_idx, numa_node
//   36 bytes  iproute2's bpf_elf_map: flags, id, pinning, inner_id, inner_idx
//   other     libbpf took longer structures when the rest was 0
//
// Nothing in the object tells Oko's 20 bytes from libbpf's, except the programs: Oko's stand in .text (or oko/filter), Linux' in xdp,
// socket and the like. An object with both kinds and 20-byte definitions could mean either, and is refused.

/// <summary>A map of a legacy section.</summary>
/// <param name="Offset">Where it lies in the section.</param>
/// <param name="Name">Its name.</param>
/// <param name="IsOkos">In Oko's form.</param>
/// <param name="Words">The structure.</param>
internal readonly record struct LegacyMap(long Offset, string Name, bool IsOkos, uint[] Words)
{
    /// <summary>The definition, in Linux' numbers.</summary>
    /// <exception cref="ElfFormatException">It cannot be read.</exception>
    internal MapSpec ToSpec() => IsOkos ? LegacyMapDefinitions.OkosMap(Name, Words) : LegacyMapDefinitions.LinuxMap(Name, Words);
}

/// <summary>Reads map definitions of fixed layout. Stateless.</summary>
internal static class LegacyMapDefinitions
{
    private const int ShortBytes = 20, SamplesBytes = 28, Iproute2Bytes = 36;

    /// <summary>Reads the definitions of a section, by rising offset.</summary>
    /// <param name="reader">The object.</param>
    /// <param name="section">The section.</param>
    /// <param name="conventions">Conventions of the object's programs; they say whose 20 bytes these are.</param>
    /// <exception cref="ElfFormatException">A definition that cannot be read, or that could mean two things.</exception>
    internal static IReadOnlyList<LegacyMap> Read(ElfReader reader, ElfSection section, IReadOnlyList<EntryConvention> conventions)
    {
        var symbols = SymbolsOf(reader, section);
        if (symbols.Count > ObjectMaps.MaxMaps)
        {
            throw new ElfFormatException($"the object defines {symbols.Count} maps; at most {ObjectMaps.MaxMaps} are allowed");
        }

        var maps = new List<LegacyMap>();
        for (var index = 0; index < symbols.Count; index++)
        {
            var symbol = symbols[index];
            var next = index + 1 < symbols.Count ? symbols[index + 1].Value : (ulong)section.Data.Length;
            // Hand-written objects leave the size out: the definition then runs to the next one.
            var size = symbol.Size != 0 ? symbol.Size : next > symbol.Value ? next - symbol.Value : 0;
            if (symbol.Value > (ulong)section.Data.Length || size > (ulong)section.Data.Length - symbol.Value || size < ShortBytes || size % 4 != 0)
            {
                throw new ElfFormatException(
                    $"map {symbol.Name} ({size} bytes at offset {symbol.Value}) is no definition in section {section.Name} of {section.Data.Length} bytes: it has {ShortBytes} bytes or more; or use BTF maps (SEC(\".maps\"))");
            }

            var words = new uint[(int)size / 4];
            for (var word = 0; word < words.Length; word++)
            {
                words[word] = BinaryPrimitives.ReadUInt32LittleEndian(section.Data.Span[((int)symbol.Value + (4 * word))..]);
            }

            var isOkos = words.Length * 4 == ShortBytes && IsOkos(symbol.Name, section.Name, conventions);
            maps.Add(new LegacyMap((long)symbol.Value, symbol.Name, isOkos, words));
        }

        return maps;
    }

    /// <summary>Whether a data section is nothing but map definitions in Oko's form: variables of 20 bytes, one behind the other, each
    /// with a type of Oko's and a capacity.</summary>
    internal static bool AreOkos(ElfReader reader, ElfSection section)
    {
        var symbols = SymbolsOf(reader, section);
        return symbols.Count > 0 && symbols.Count * ShortBytes == section.Data.Length
            && symbols.Select((symbol, index) => symbol.Size == ShortBytes && symbol.Value == (ulong)(index * ShortBytes)).All(fits => fits)
            && symbols.All(symbol => BinaryPrimitives.ReadUInt32LittleEndian(section.Data.Span[(int)symbol.Value..]) is >= 1 and <= 4
                && BinaryPrimitives.ReadUInt32LittleEndian(section.Data.Span[((int)symbol.Value + 12)..]) != 0);
    }

    private static List<ElfSymbol> SymbolsOf(ElfReader reader, ElfSection section) =>
        [.. reader.Symbols.Where(symbol => symbol.Section == section.Index && symbol.Kind != ElfSymbol.SectionStart && symbol.Name.Length > 0).OrderBy(symbol => symbol.Value)];

    private static bool IsOkos(string name, string section, IReadOnlyList<EntryConvention> conventions)
    {
        var oko = conventions.Contains(EntryConvention.Oko);
        if (oko && conventions.Count > 1)
        {
            throw new ElfFormatException(
                $"map {name} has a definition of {ShortBytes} bytes in section {section}, which Oko's programs and Linux' read differently, and the object holds programs of both kinds; use BTF maps (SEC(\".maps\"))");
        }

        return oko;
    }

    internal static MapSpec OkosMap(string name, uint[] words)
    {
        var type = words[0] switch
        {
            1 => MapType.Array,
            2 => MapType.KeyedBloomFilter,
            3 => MapType.CountMinSketch,
            4 => MapType.Hash,
            var other => throw new ElfFormatException(
                $"map {name} has type {other}; in Oko's form the types are 1 array, 2 bloom filter, 3 count-min sketch, 4 hash"),
        };
        return type switch
        {
            // Whatever size the definition names, programs give an index.
            MapType.Array => new MapSpec(name, type, 4, words[2], words[3], 0),
            MapType.Hash => new MapSpec(name, type, words[1], words[2], words[3], 0),
            // Items of value_size bytes are what programs look up and add; a lookup gives 32 bits.
            _ => new MapSpec(name, type, words[2], sizeof(uint), words[3], 0) { MapExtra = words[4] },
        };
    }

    internal static MapSpec LinuxMap(string name, uint[] words)
    {
        var rest = words.AsSpan(5);
        var isRefused = (words.Length * 4) switch
        {
            SamplesBytes => rest[0] != 0,                       // inner_map_idx; the NUMA node does not matter
            Iproute2Bytes => rest[2] != 0 || rest[3] != 0,      // inner_id, inner_idx; id and pinning do not matter
            _ => rest.ContainsAnyExcept(0u),
        };
        return !isRefused ? new MapSpec(name, (MapType)words[0], words[1], words[2], words[3], words[4])
            : throw new ElfFormatException(words.Length * 4 is SamplesBytes or Iproute2Bytes
                ? $"map {name} holds other maps, which is not supported; use one map per purpose"
                : $"map {name} has a definition of {words.Length * 4} bytes whose end is not 0, in no known form; use BTF maps (SEC(\".maps\"))");
    }
}
