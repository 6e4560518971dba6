using System.Buffers.Binary;
using System.Text;

namespace Oko.Bpf.Elf;

/// <summary>A section of an object.</summary>
/// <param name="Index">Number.</param>
/// <param name="Name">Name.</param>
/// <param name="Type">SHT.</param>
/// <param name="Flags">SHF.</param>
/// <param name="Link">Section linked to.</param>
/// <param name="Info">Depends on the type: for relocations the section they change.</param>
/// <param name="Size">Bytes it takes in memory; more than the file holds for SHT_NOBITS.</param>
/// <param name="Data">Its bytes; empty for SHT_NOBITS.</param>
public sealed record ElfSection(int Index, string Name, uint Type, ulong Flags, int Link, int Info, ulong Size, ReadOnlyMemory<byte> Data)
{
    /// <summary>SHF_EXECINSTR.</summary>
    public bool IsCode => (Flags & 4) != 0 && Type == 1;
}

/// <summary>A symbol of an object.</summary>
/// <param name="Name">Name.</param>
/// <param name="Kind">STT: 1 object, 2 function, 3 section.</param>
/// <param name="IsGlobal">STB_GLOBAL or STB_WEAK.</param>
/// <param name="Section">Section it stands in; 0 = undefined.</param>
/// <param name="Value">Offset in that section.</param>
/// <param name="Size">Size in bytes.</param>
public sealed record ElfSymbol(string Name, int Kind, bool IsGlobal, int Section, ulong Value, ulong Size)
{
    /// <summary>STT_OBJECT.</summary>
    public const int Object = 1;

    /// <summary>STT_FUNC.</summary>
    public const int Function = 2;

    /// <summary>STT_SECTION.</summary>
    public const int SectionStart = 3;
}

/// <summary>A relocation (SHT_REL).</summary>
/// <param name="Offset">Offset in the section it changes.</param>
/// <param name="Type">R_BPF.</param>
/// <param name="Symbol">Symbol.</param>
public sealed record ElfRelocation(ulong Offset, uint Type, ElfSymbol Symbol);

/// <summary>
/// A relocatable BPF object, read once and checked as it is read: every offset and size from the file is compared with the file
/// before it is used. Source: Tool Interface Standard, ELF 1.2, with the 64-bit extension.
/// </summary>
public sealed class ElfReader
{
    /// <summary>Largest object that is read, in bytes.</summary>
    public const int MaxObjectBytes = 16 << 20;

    private const int HeaderBytes = 64, SectionHeaderBytes = 64, SymbolBytes = 24, RelocationBytes = 16;
    private const int MaxSections = 4096;
    private const int MaxSymbols = 1 << 17;
    private const ushort Relocatable = 1, MachineNone = 0, MachineBpf = 247;
    private const uint SymbolTable = 2, NoBits = 8, Rel = 9;

    private readonly byte[] _file;
    private readonly List<ElfSection> _sections = [];
    private readonly List<ElfSymbol> _symbols = [];
    private readonly Dictionary<int, IReadOnlyDictionary<ulong, ElfRelocation>> _relocations = [];

    /// <summary>Reads an object.</summary>
    /// <exception cref="ElfFormatException">It is none that can be read.</exception>
    public ElfReader(byte[] file)
    {
        _file = file;
        if (file.Length > MaxObjectBytes)
        {
            throw new ElfFormatException($"the ELF object has {file.Length} bytes; at most {MaxObjectBytes} are read. Strip what is not needed (llvm-strip -g keeps BTF)");
        }

        if (file.Length < 4 || !file.AsSpan(0, 4).SequenceEqual("\u007fELF"u8))
        {
            throw new ElfFormatException(file.Length == 0 ? "the file is empty; an ELF object of clang -target bpf is expected"
                : "this is not an ELF object (it does not begin with 7f 45 4c 46); compile with clang -O2 -g -target bpf -c");
        }

        if (file.Length < HeaderBytes)
        {
            throw new ElfFormatException($"the ELF object is truncated: {file.Length} bytes, its header alone has {HeaderBytes}");
        }

        if (file[4] != 2 || file[5] != 1)
        {
            throw new ElfFormatException("the ELF object is not 64-bit little-endian; compile with -target bpf (or bpfel)");
        }

        if (U16(16) != Relocatable || U16(18) is not (MachineBpf or MachineNone))
        {
            throw new ElfFormatException($"the ELF object has type {U16(16)} and machine {U16(18)}; a relocatable object (1) for BPF (247) is expected: compile with clang -target bpf -c");
        }

        ReadSections();
        ReadSymbols();
    }

    /// <summary>The sections, by index.</summary>
    public IReadOnlyList<ElfSection> Sections => _sections;

    /// <summary>The symbols, by index.</summary>
    public IReadOnlyList<ElfSymbol> Symbols => _symbols;

    /// <summary>The section of a name, or null.</summary>
    public ElfSection? Find(string name) => _sections.Find(section => section.Name == name);

    /// <summary>The relocations of a section, by the offset of what they change; read once.</summary>
    /// <exception cref="ElfFormatException">One cannot be read, or two change the same place.</exception>
    public IReadOnlyDictionary<ulong, ElfRelocation> RelocationsOf(ElfSection target)
    {
        if (_relocations.TryGetValue(target.Index, out var known))
        {
            return known;
        }

        var found = new Dictionary<ulong, ElfRelocation>();
        foreach (var section in _sections.Where(section => section.Type == Rel && section.Info == target.Index))
        {
            ReadRelocations(section, found);
        }

        _relocations.Add(target.Index, found);
        return found;
    }

    private void ReadRelocations(ElfSection section, Dictionary<ulong, ElfRelocation> found)
    {
        var data = section.Data.Span;
        if (data.Length % RelocationBytes != 0)
        {
            throw new ElfFormatException($"section {section.Name} has {data.Length} bytes, no multiple of {RelocationBytes}");
        }

        for (var at = 0; at < data.Length; at += RelocationBytes)
        {
            var offset = BinaryPrimitives.ReadUInt64LittleEndian(data[at..]);
            var info = BinaryPrimitives.ReadUInt64LittleEndian(data[(at + 8)..]);
            var symbol = (uint)(info >> 32);
            if (symbol >= _symbols.Count)
            {
                throw new ElfFormatException($"relocation {at / RelocationBytes} of {section.Name} names symbol {symbol}; there are {_symbols.Count}");
            }

            if (!found.TryAdd(offset, new ElfRelocation(offset, (uint)info, _symbols[(int)symbol])))
            {
                throw new ElfFormatException($"section {section.Name} has two relocations for offset {offset}; compile again");
            }
        }
    }

    private void ReadSections()
    {
        var table = U64(40);
        int size = U16(58), count = U16(60), names = U16(62);
        if (size != SectionHeaderBytes || count == 0 || count > MaxSections)
        {
            throw new ElfFormatException($"the ELF object has {count} section headers of {size} bytes; 1 to {MaxSections} of {SectionHeaderBytes} are read");
        }

        if (table > (ulong)_file.Length || (ulong)(count * SectionHeaderBytes) > (ulong)_file.Length - table)
        {
            throw new ElfFormatException($"the ELF object is truncated: its section table at {table} with {count} entries lies outside the {_file.Length} bytes");
        }

        var raw = new List<(uint Name, ElfSection Section)>();
        for (var index = 0; index < count; index++)
        {
            var at = (int)table + (index * SectionHeaderBytes);
            var type = U32(at + 4);
            ulong offset = U64(at + 24), bytes = U64(at + 32);
            if (type != NoBits && type != 0 && (offset > (ulong)_file.Length || bytes > (ulong)_file.Length - offset))
            {
                throw new ElfFormatException($"section {index} ({bytes} bytes at {offset}) lies outside the {_file.Length} bytes of the object; it may be truncated");
            }

            var data = type is NoBits or 0 ? ReadOnlyMemory<byte>.Empty : _file.AsMemory((int)offset, (int)bytes);
            raw.Add((U32(at), new ElfSection(index, string.Empty, type, U64(at + 8), (int)Math.Min(U32(at + 40), int.MaxValue), (int)Math.Min(U32(at + 44), int.MaxValue), bytes, data)));
        }

        if (names >= count)
        {
            throw new ElfFormatException($"the section names stand in section {names}; there are {count}");
        }

        var strings = raw[names].Section.Data;
        _sections.AddRange(raw.Select(entry => entry.Section with { Name = Text(strings.Span, entry.Name) }));
    }

    private void ReadSymbols()
    {
        if (_sections.Find(section => section.Type == SymbolTable) is not { } table)
        {
            return;
        }

        if (table.Link >= _sections.Count)
        {
            throw new ElfFormatException($"the symbol names stand in section {table.Link}; there are {_sections.Count}");
        }

        var strings = _sections[table.Link].Data.Span;
        var data = table.Data.Span;
        if (data.Length % SymbolBytes != 0 || data.Length / SymbolBytes > MaxSymbols)
        {
            throw new ElfFormatException($"the symbol table has {data.Length} bytes; a multiple of {SymbolBytes}, at most {MaxSymbols} symbols, is expected");
        }

        for (var at = 0; at < data.Length; at += SymbolBytes)
        {
            var info = data[at + 4];
            _symbols.Add(new ElfSymbol(
                Text(strings, BinaryPrimitives.ReadUInt32LittleEndian(data[at..])), info & 15, info >> 4 != 0,
                BinaryPrimitives.ReadUInt16LittleEndian(data[(at + 6)..]), BinaryPrimitives.ReadUInt64LittleEndian(data[(at + 8)..]),
                BinaryPrimitives.ReadUInt64LittleEndian(data[(at + 16)..])));
        }
    }

    private static string Text(ReadOnlySpan<byte> strings, uint offset)
    {
        if (offset >= strings.Length)
        {
            return string.Empty;
        }

        var rest = strings[(int)offset..];
        var end = rest.IndexOf((byte)0);
        // Names are shown to people; a hostile object must not make them endless.
        rest = rest[..Math.Min(end < 0 ? rest.Length : end, 256)];
        return Encoding.UTF8.GetString(rest);
    }

    private ushort U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(_file.AsSpan(at));

    private uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_file.AsSpan(at));

    private ulong U64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(_file.AsSpan(at));
}
