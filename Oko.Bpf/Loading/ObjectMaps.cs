using System.Collections.Immutable;
using Oko.Bpf.Btf;
using Oko.Bpf.Elf;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Loading;

// Where the maps of an object come from, in the order of their indices:
//
// 1. .maps: definitions in BTF, libbpf's form.
// 2. maps: structures of fixed layout (LegacyMapDefinitions says whose).
// 3. .data of an object without either, whose programs all stand in .text: Oko's own compilers left the 20-byte structures
//    there when they had no section attribute.
// 4. .rodata*, .data*, .bss*: each section that the code refers to is an array of one element, as in libbpf (DataSections).

/// <summary>The maps of an object and where its code finds them. One per load.</summary>
internal sealed class ObjectMaps
{
    /// <summary>Most maps of one object, data sections included.</summary>
    internal const int MaxMaps = 64;

    private readonly List<MapSpec> _specs = [];
    private readonly Dictionary<(int Section, long Offset), int> _places = [];
    private readonly Dictionary<int, int> _dataSections = [];

    private ObjectMaps()
    {
    }

    /// <summary>The definitions, by index.</summary>
    internal IReadOnlyList<MapSpec> Specs => _specs;

    /// <summary>The maps are defined in Oko's 20-byte form, so helper numbers are Oko's.</summary>
    internal bool OkoHelpers { get; private set; }

    /// <summary>First contents of the data sections' maps.</summary>
    internal ImmutableDictionary<int, byte[]> InitialValues { get; private set; } = ImmutableDictionary<int, byte[]>.Empty;

    /// <summary>Reads the maps of an object.</summary>
    /// <param name="reader">The object.</param>
    /// <param name="btf">Its types, if it has any.</param>
    /// <param name="entries">Conventions of the programs it holds.</param>
    /// <exception cref="ElfFormatException">A map that cannot be read or created.</exception>
    internal static ObjectMaps Read(ElfReader reader, BtfTypes? btf, IReadOnlyList<(ElfSection Section, EntryConvention Convention)> entries)
    {
        var maps = new ObjectMaps();
        if (reader.Find(".maps") is { Data.Length: > 0 } modern)
        {
            maps.AddBtfMaps(reader, modern, btf);
        }

        var conventions = entries.Select(entry => entry.Convention).Distinct().ToList();
        if (reader.Find("maps") is { Data.Length: > 0 } old)
        {
            maps.AddLegacyMaps(old, LegacyMapDefinitions.Read(reader, old, conventions));
        }
        else if (maps._specs.Count == 0 && entries.All(entry => entry.Section.Name == ".text")
            && reader.Find(".data") is { Data.Length: > 0 } data && LegacyMapDefinitions.AreOkos(reader, data))
        {
            maps.AddLegacyMaps(data, LegacyMapDefinitions.Read(reader, data, conventions));
        }

        maps.AddDataSections(reader, btf);
        foreach (var spec in maps._specs)
        {
            if ((UnsupportedMaps.Find(spec) ?? BpfMap.FindFault(spec)) is { } fault)
            {
                throw new ElfFormatException(fault);
            }
        }

        return maps;
    }

    /// <summary>Index of the map defined at a place, or -1.</summary>
    internal int Find(int section, long offset) => _places.GetValueOrDefault((section, offset), -1);

    /// <summary>Index of the map that stands for a data section, or -1.</summary>
    internal int FindData(int section) => _dataSections.GetValueOrDefault(section, -1);

    private void AddBtfMaps(ElfReader reader, ElfSection section, BtfTypes? btf)
    {
        if (btf is null)
        {
            throw new ElfFormatException("the object has a .maps section but no BTF that describes it; compile with clang -g");
        }

        // Compilers leave the offsets in BTF 0; the symbols have them.
        var symbols = reader.Symbols.Where(symbol => symbol.Section == section.Index && symbol.Kind == ElfSymbol.Object)
            .GroupBy(symbol => symbol.Name).ToDictionary(group => group.Key, group => (long)group.First().Value);
        var definitions = BtfMapDefinitions.Read(btf, MaxMaps).Select(spec => (Offset: symbols.TryGetValue(spec.Name, out var offset) ? offset
            : throw new ElfFormatException($"map {spec.Name} has no symbol in section {section.Name}; compile again"), Spec: spec));
        foreach (var (offset, spec) in definitions.OrderBy(map => map.Offset))
        {
            Add(section, offset, spec);
        }
    }

    private void AddLegacyMaps(ElfSection section, IReadOnlyList<LegacyMap> definitions)
    {
        foreach (var definition in definitions)
        {
            OkoHelpers |= definition.IsOkos;
            Add(section, definition.Offset, definition.Spec);
        }
    }

    private void AddDataSections(ElfReader reader, BtfTypes? btf)
    {
        foreach (var section in DataSections.ReferredTo(reader))
        {
            if (_places.ContainsKey((section.Index, 0)))
            {
                continue;                       // Oko's maps in .data
            }

            var index = Add(DataSections.ToSpec(reader, section, btf));
            _dataSections.Add(section.Index, index);
            // .bss has no bytes in the object, and begins as 0 like any other map; but only maps with first contents start anew when a
            // filter is replaced, and it must not keep the variables of another program.
            InitialValues = InitialValues.Add(index, section.Data.Length > 0 ? section.Data.ToArray() : new byte[section.Size]);
        }
    }

    private void Add(ElfSection section, long offset, MapSpec spec)
    {
        if (!_places.TryAdd((section.Index, offset), Add(spec)))
        {
            throw new ElfFormatException($"map {spec.Name} lies where another map lies: offset {offset} of section {section.Name}");
        }
    }

    private int Add(MapSpec spec)
    {
        if (_specs.Count == MaxMaps)
        {
            throw new ElfFormatException($"the object defines more than {MaxMaps} maps, data sections included; at most {MaxMaps} are allowed");
        }

        _specs.Add(spec);
        return _specs.Count - 1;
    }
}
