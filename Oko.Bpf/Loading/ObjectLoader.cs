using Oko.Bpf.Btf;
using Oko.Bpf.Elf;

namespace Oko.Bpf.Loading;

// From bytes to a description. The entry convention of a program comes from the section it stands in:
//
//   xdp, xdp/..., xdp.frags, ...         XDP
//   socket, socket/..., socket_filter    socket
//   oko/filter, oko/filter/...           Oko
//   .text                                Oko, but only when no other section holds a global function: compilers put the functions
//                                        that programs call there, too
//
// A '?' in front (libbpf: load only when asked to) changes nothing.
//
// A program is a global function of such a section (weak ones included); static functions are there to be called. Functions of
// other sections are programs for other hooks, and left alone.

/// <summary>Reads an object: maps, programs, relocations. Any thread.</summary>
public static class ObjectLoader
{
    private const int MaxPrograms = 1024;

    /// <summary>Reads an object with all its programs.</summary>
    /// <exception cref="ElfFormatException">What cannot be read or is not supported.</exception>
    public static ObjectSpec Load(byte[] elf) => Load(elf, entries => entries);

    /// <summary>Reads an object with one of its programs: the others are not put together, and what is wrong with them does not matter.</summary>
    /// <param name="elf">The object.</param>
    /// <param name="entry">Name of the program; null or empty = the only one.</param>
    /// <exception cref="ElfFormatException">What cannot be read or is not supported, or there is no such program.</exception>
    public static ObjectSpec Load(byte[] elf, string? entry) => Load(elf, entries =>
    {
        var names = string.Join(", ", entries.Select(found => found.Symbol.Name));
        if (string.IsNullOrEmpty(entry))
        {
            return entries.Count == 1 ? entries
                : throw new ElfFormatException($"the object holds {entries.Count} programs; name one of them as entry: {names}");
        }

        return entries.FindIndex(found => found.Symbol.Name == entry) is var index and >= 0 ? [entries[index]]
            : throw new ElfFormatException($"the object holds no program '{entry}'; it holds {names}");
    });

    private static ObjectSpec Load(byte[] elf, Func<List<Entry>, List<Entry>> choose)
    {
        var reader = new ElfReader(elf);
        var btf = reader.Find(".BTF") is { Data.Length: > 0 } section ? new BtfTypes(section.Data) : null;
        var extension = btf is null ? null : reader.Find(".BTF.ext");
        var entries = FindEntries(reader);
        var maps = ObjectMaps.Read(reader, btf, [.. entries.Select(found => (found.Section, found.Convention))]);
        var linker = new ProgramLinker(
            reader, maps, btf,
            extension is null ? null : new BtfLineInfo(btf!, extension.Data.Span),
            extension is null ? null : new CoreRelocations(btf!, extension.Data.Span));
        return new ObjectSpec([.. maps.Specs], [.. choose(entries).Select(found => linker.Link(found.Symbol, found.Convention))], maps.OkoHelpers)
        {
            InitialValues = maps.InitialValues,
        };
    }

    private static List<Entry> FindEntries(ElfReader reader)
    {
        var functions = reader.Symbols
            .Where(symbol => symbol.Kind == ElfSymbol.Function && symbol.IsGlobal && symbol.Section > 0 && symbol.Section < reader.Sections.Count)
            .Select(symbol => (Symbol: symbol, Section: reader.Sections[symbol.Section])).Where(found => found.Section.IsCode).ToList();
        var programs = functions.Where(found => ConventionOf(found.Section.Name) is not null).ToList();
        if (functions.Exists(found => found.Section.Name != ".text"))
        {
            programs.RemoveAll(found => found.Section.Name == ".text");
        }

        if (programs.Count == 0)
        {
            throw new ElfFormatException("the ELF object holds no program: a global function in a section xdp, socket, oko/filter or .text is expected (SEC(\"xdp\") int name(struct xdp_md *ctx))"
                + (functions.Find(found => found.Section.Name != ".text") is { Symbol: { } other } stray
                    ? $"; '{other.Name}' stands in {stray.Section.Name}, which is for another hook" : string.Empty));
        }

        if (programs.Count > MaxPrograms)
        {
            throw new ElfFormatException($"the object holds {programs.Count} programs; at most {MaxPrograms} are allowed");
        }

        return [.. programs.OrderBy(found => found.Section.Index).ThenBy(found => found.Symbol.Value)
            .Select(found => new Entry(found.Symbol, found.Section, ConventionOf(found.Section.Name)!.Value))];
    }

    private static EntryConvention? ConventionOf(string section) => section.TrimStart('?') switch
    {
        ".text" => EntryConvention.Oko,
        var name when name.StartsWith("xdp", StringComparison.Ordinal) => EntryConvention.Xdp,
        var name when name.StartsWith("socket", StringComparison.Ordinal) => EntryConvention.Socket,
        var name when name.StartsWith("oko/filter", StringComparison.Ordinal) => EntryConvention.Oko,
        _ => null,
    };

    /// <summary>A function that is a program.</summary>
    private readonly record struct Entry(ElfSymbol Symbol, ElfSection Section, EntryConvention Convention);
}
