using Oko.Bpf.Btf;
using Oko.Bpf.Elf;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Loading;

/// <summary>Global and static variables, constants and strings: the sections <c>.rodata*</c>, <c>.data*</c>, <c>.bss*</c>. Each becomes
/// an array map with one element of the section's size, under the section's name. Stateless.</summary>
internal static class DataSections
{
    /// <summary>Whether a section holds data of the program.</summary>
    internal static bool IsData(ElfSection section) => IsReadOnly(section) || IsNamed(section, ".data") || IsNamed(section, ".bss");

    /// <summary>The data sections that code refers to, by rising index.</summary>
    internal static IEnumerable<ElfSection> ReferredTo(ElfReader reader) =>
        reader.Sections.Where(section => section.IsCode)
            .SelectMany(section => reader.RelocationsOf(section).Values)
            .Select(relocation => relocation.Symbol.Section)
            .Where(index => index > 0 && index < reader.Sections.Count).Distinct().Order()
            .Select(index => reader.Sections[index])
            .Where(section => IsData(section) && section.Size > 0);

    /// <summary>The map that stands for a data section.</summary>
    /// <exception cref="ElfFormatException">It holds addresses, or is too large.</exception>
    internal static MapSpec ToSpec(ElfReader reader, ElfSection section, BtfTypes? btf)
    {
        if (reader.RelocationsOf(section).Values.MinBy(relocation => relocation.Offset) is { } relocation)
        {
            throw new ElfFormatException(
                $"section {section.Name} holds at offset {relocation.Offset} the address of '{NameOf(reader, relocation.Symbol)}'; addresses in global data are not supported: keep an index or the data itself");
        }

        if (section.Size > BpfMap.MaxValueSize)
        {
            throw new ElfFormatException($"section {section.Name} has {section.Size} bytes; at most {BpfMap.MaxValueSize} are allowed: keep large tables in an array map");
        }

        return new MapSpec(section.Name, MapType.Array, 4, (uint)section.Size, 1, IsReadOnly(section) ? MapCreateFlags.ReadOnlyForPrograms : 0)
        {
            KeyType = btf is null ? null : new BtfTypeReference(btf, btf.Add(new BtfType(BtfKind.Int, "unsigned int", 4, 0, 0, false, []))),
            ValueType = btf is null ? null : TypeOf(reader, section, btf),
        };
    }

    private static bool IsReadOnly(ElfSection section) => IsNamed(section, ".rodata");

    private static bool IsNamed(ElfSection section, string name) =>
        section.Name.StartsWith(name, StringComparison.Ordinal) && (section.Name.Length == name.Length || section.Name[name.Length] == '.');

    private static string NameOf(ElfReader reader, ElfSymbol symbol) =>
        symbol.Name.Length > 0 ? symbol.Name : symbol.Section < reader.Sections.Count ? reader.Sections[symbol.Section].Name : "?";

    /// <summary>A struct whose members are the section's variables. BTF has them, but compilers leave size and offsets 0:
    /// the section and the symbols say them.</summary>
    private static BtfTypeReference? TypeOf(ElfReader reader, ElfSection section, BtfTypes btf)
    {
        var description = btf.All.FirstOrDefault(type => type.Kind == BtfKind.DataSection && type.Name == section.Name);
        if (description is null)
        {
            return null;
        }

        var offsets = reader.Symbols.Where(symbol => symbol.Section == section.Index && symbol.Kind == ElfSymbol.Object && symbol.Value < section.Size)
            .GroupBy(symbol => symbol.Name).ToDictionary(group => group.Key, group => (uint)group.First().Value);
        var members = description.Members.Where(variable => offsets.ContainsKey(variable.Name))
            .Select(variable => new BtfMember(variable.Name, btf[variable.Type].Target, offsets[variable.Name] * 8, 0))
            .OrderBy(member => member.BitOffset).ToList();
        return new BtfTypeReference(btf, btf.Add(new BtfType(BtfKind.Struct, section.Name, (uint)section.Size, 0, 0, false, members)));
    }
}
