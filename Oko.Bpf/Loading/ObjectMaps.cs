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
//
// A map that cannot be had (a type that filters do not have, maps in maps) has no index. It matters only when the program that is
// loaded refers to it: objects bring programs for several hooks, and maps for each.

/// <summary>The maps of an object and where its code finds them. One per load.</summary>
internal sealed class ObjectMaps
{
    /// <summary>Most maps of one object, data sections included.</summary>
    internal const int MaxMaps = 64;

    private readonly List<MapSpec> _specs = [];
    private readonly Dictionary<(int Section, long Offset), int> _places = [];
    private readonly Dictionary<int, int> _dataSections = [];
    private readonly Dictionary<(int Section, long Offset), string> _faults = [];
    private readonly Dictionary<int, string> _dataFaults = [];

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
    /// <exception cref="ElfFormatException">The definitions as a whole cannot be read.</exception>
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
        return maps;
    }

    /// <summary>Index of the map defined at a place, or -1.</summary>
    internal int Find(int section, long offset) => _places.GetValueOrDefault((section, offset), -1);

    /// <summary>Why the map defined at a place, or the one that stands for its section, cannot be had; null if there is no such fault.</summary>
    internal string? FaultAt(int section, long offset) => _faults.GetValueOrDefault((section, offset)) ?? _dataFaults.GetValueOrDefault(section);

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
        var variables = BtfMapDefinitions.Variables(btf);
        if (variables.Count > MaxMaps)
        {
            throw new ElfFormatException($"the object defines {variables.Count} maps; at most {MaxMaps} are allowed");
        }

        var places = variables.Select(variable => (Variable: variable, Offset: symbols.TryGetValue(variable.Name, out var offset) ? offset
            : throw new ElfFormatException($"map {variable.Name} has no symbol in section {section.Name}; compile again")));
        foreach (var (variable, offset) in places.OrderBy(place => place.Offset))
        {
            Add(section, offset, () => BtfMapDefinitions.Read(btf, variable));
        }
    }

    private void AddLegacyMaps(ElfSection section, IReadOnlyList<LegacyMap> definitions)
    {
        foreach (var definition in definitions)
        {
            OkoHelpers |= definition.IsOkos;
            Add(section, definition.Offset, definition.ToSpec);
        }
    }

    private void AddDataSections(ElfReader reader, BtfTypes? btf)
    {
        foreach (var section in DataSections.ReferredTo(reader))
        {
            if (_places.Keys.Concat(_faults.Keys).Any(place => place.Section == section.Index))
            {
                continue;                       // Oko's maps in .data
            }

            if (Add(() => DataSections.ToSpec(reader, section, btf), out var fault) is not { } index)
            {
                _dataFaults.Add(section.Index, fault!);
                continue;
            }

            _dataSections.Add(section.Index, index);
            // .bss has no bytes in the object, and begins as 0 like any other map; but only maps with first contents start anew when a
            // filter is replaced, and it must not keep the variables of another program.
            InitialValues = InitialValues.Add(index, section.Data.Length > 0 ? section.Data.ToArray() : new byte[section.Size]);
        }
    }

    private void Add(ElfSection section, long offset, Func<MapSpec> read)
    {
        if (_places.ContainsKey((section.Index, offset)) || _faults.ContainsKey((section.Index, offset)))
        {
            throw new ElfFormatException($"two maps lie at offset {offset} of section {section.Name}");
        }

        if (Add(read, out var fault) is { } index)
        {
            _places.Add((section.Index, offset), index);
        }
        else
        {
            _faults.Add((section.Index, offset), fault!);
        }
    }

    /// <summary>Adds a map; its index, or null and why it cannot be had.</summary>
    private int? Add(Func<MapSpec> read, out string? fault)
    {
        MapSpec spec;
        try
        {
            spec = read();
        }
        catch (ElfFormatException exception)
        {
            fault = exception.Message;
            return null;
        }

        fault = UnsupportedMaps.Find(spec) ?? BpfMap.FindFault(spec);
        if (fault is not null)
        {
            return null;
        }

        if (_specs.Count == MaxMaps)
        {
            throw new ElfFormatException($"the object defines more than {MaxMaps} maps, data sections included; at most {MaxMaps} are allowed");
        }

        _specs.Add(spec);
        return _specs.Count - 1;
    }
}
