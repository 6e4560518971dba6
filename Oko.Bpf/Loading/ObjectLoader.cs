using System.Buffers.Binary;
using System.Collections.Immutable;
using Oko.Bpf.Btf;
using Oko.Bpf.Elf;
using Oko.Bpf.Isa;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Loading;

// From bytes to a description. The entry convention of a program comes from the section it stands in: xdp*, socket*, oko/filter*;
// functions in .text are programs of Oko's convention only when no other section holds one, since .text is also where compilers
// put the functions that programs call.
//
// A program's own slots are followed by those of each function it calls, directly or not, each once; call offsets are rewritten
// to the new places. Source for the relocations: Linux, Documentation/bpf/llvm_reloc.rst.

/// <summary>Reads an object: maps, programs, relocations. Any thread.</summary>
public static class ObjectLoader
{
    private const int SlotBytes = 8;
    private const int MaxSlots = 65536;
    private const int OkoMapBytes = 20;
    private const int MaxMaps = 64;
    private const byte WideLoad = 0x18, Call = 0x85;
    private const byte PseudoMap = 1, PseudoCall = 1;
    private const uint Relocate64 = 1, RelocateCall = 10;
    private const int Function = 2, SectionSymbol = 3;

    /// <summary>Reads an object.</summary>
    /// <exception cref="ElfFormatException">What cannot be read or is not supported.</exception>
    public static ObjectSpec Load(byte[] elf)
    {
        var reader = new ElfReader(elf);
        var btf = reader.Find(".BTF") is { Data.Length: > 0 } section ? new BtfTypes(section.Data) : null;
        var lines = btf is not null && reader.Find(".BTF.ext") is { } extension ? new BtfLineInfo(btf, extension.Data.Span) : null;
        var maps = ReadMaps(reader, btf, out var okoHelpers);
        foreach (var (_, _, spec) in maps)
        {
            if (BpfMap.FindFault(spec) is { } fault)
            {
                throw new ElfFormatException(fault);
            }
        }

        var candidates = reader.Symbols.Where(symbol => symbol.Kind == Function && symbol.Section > 0 && symbol.Section < reader.Sections.Count)
            .Select(symbol => (Symbol: symbol, Section: reader.Sections[symbol.Section])).Where(pair => pair.Section.IsCode).ToList();
        var entries = candidates.Where(pair => ConventionOf(pair.Section.Name) is not null && pair.Section.Name != ".text").ToList();
        if (entries.Count == 0)
        {
            entries = [.. candidates.Where(pair => pair.Section.Name == ".text" && pair.Symbol.IsGlobal)];
        }

        if (entries.Count == 0)
        {
            throw new ElfFormatException("the ELF object holds no program: a function in a section xdp, socket, oko/filter or .text is expected (SEC(\"xdp\") int name(struct xdp_md *ctx))");
        }

        var programs = entries.OrderBy(pair => pair.Section.Index).ThenBy(pair => pair.Symbol.Value)
            .Select(pair => ReadProgram(reader, candidates.Select(candidate => candidate.Symbol).ToList(), pair.Symbol, maps, lines));
        return new ObjectSpec([.. maps.Select(map => map.Spec)], [.. programs], okoHelpers);
    }

    private static EntryConvention? ConventionOf(string section) => section switch
    {
        ".text" => EntryConvention.Oko,
        _ when section.StartsWith("xdp", StringComparison.Ordinal) => EntryConvention.Xdp,
        _ when section.StartsWith("socket", StringComparison.Ordinal) => EntryConvention.Socket,
        _ when section.StartsWith("oko/filter", StringComparison.Ordinal) => EntryConvention.Oko,
        _ => null,
    };

    private static List<(int Section, ulong Offset, MapSpec Spec)> ReadMaps(ElfReader reader, BtfTypes? btf, out bool okoHelpers)
    {
        var maps = new List<(int, ulong, MapSpec)>();
        okoHelpers = false;
        if (reader.Find(".maps") is { Data.Length: > 0 } modern)
        {
            if (btf is null)
            {
                throw new ElfFormatException("the object has a .maps section but no BTF that describes it; compile with clang -g");
            }

            maps.AddRange(BtfMapDefinitions.Read(btf).Select(spec => (modern.Index, OffsetOfMap(reader, modern, spec.Name), spec)).OrderBy(map => map.Item2));
        }
        else if (reader.Find("maps") is { Data.Length: > 0 } old)
        {
            okoHelpers = true;
            maps.AddRange(ReadOkoMaps(reader, old));
        }

        if (maps.Count > MaxMaps)
        {
            throw new ElfFormatException($"the object defines {maps.Count} maps; at most {MaxMaps} are allowed");
        }

        return maps;
    }

    private static ulong OffsetOfMap(ElfReader reader, ElfSection section, string name) =>
        reader.Symbols.FirstOrDefault(symbol => symbol.Section == section.Index && symbol.Kind != SectionSymbol && symbol.Name == name)?.Value
            ?? throw new ElfFormatException($"map {name} has no symbol in section {section.Name}; compile again");

    private static IEnumerable<(int Section, ulong Offset, MapSpec Spec)> ReadOkoMaps(ElfReader reader, ElfSection section)
    {
        foreach (var symbol in reader.Symbols.Where(symbol => symbol.Section == section.Index && symbol.Kind != SectionSymbol && symbol.Name.Length > 0)
            .OrderBy(symbol => symbol.Value))
        {
            if (symbol.Value > (ulong)section.Data.Length || (ulong)section.Data.Length - symbol.Value < OkoMapBytes)
            {
                throw new ElfFormatException($"map {symbol.Name} at offset {symbol.Value} needs {OkoMapBytes} bytes; section maps has {section.Data.Length}");
            }

            uint Word(int index) => BinaryPrimitives.ReadUInt32LittleEndian(section.Data.Span[((int)symbol.Value + (4 * index))..]);
            // Oko's numbers of map types are its own.
            var type = Word(0) switch
            {
                1 => MapType.Array,
                4 => MapType.Hash,
                2 => throw new ElfFormatException($"map {symbol.Name} is a bloom filter, which is not supported; use an array (1) or a hash (4)"),
                3 => throw new ElfFormatException($"map {symbol.Name} is a count-min sketch, which is not supported; use an array (1) or a hash (4)"),
                var other => throw new ElfFormatException($"map {symbol.Name} has type {other}; in a section maps the types are Oko's: 1 array, 4 hash"),
            };
            var keySize = type == MapType.Array ? 4 : Word(1);
            yield return (section.Index, symbol.Value, new MapSpec(symbol.Name, type, keySize, Word(2), Word(3), 0));
        }
    }

    private static ProgramSpec ReadProgram(
        ElfReader reader, List<ElfSymbol> functions, ElfSymbol entry, List<(int Section, ulong Offset, MapSpec Spec)> maps, BtfLineInfo? lines)
    {
        var placed = new List<(ElfSymbol Function, int Start)>();
        var slots = new List<Instruction>();
        var sources = new List<string?>();
        var calls = new List<(int Slot, ElfSymbol Target)>();
        var waiting = new Queue<ElfSymbol>([entry]);
        while (waiting.TryDequeue(out var function))
        {
            if (placed.Any(done => done.Function == function))
            {
                continue;
            }

            var section = reader.Sections[function.Section];
            var code = CodeOf(section, function);
            var start = slots.Count;
            placed.Add((function, start));
            slots.AddRange(code);
            if (slots.Count > MaxSlots)
            {
                throw new ElfFormatException($"program {entry.Name} has more than {MaxSlots} instructions");
            }

            for (var index = 0; index < code.Length; index++)
            {
                sources.Add(lines?.Find(section.Name, function.Value + (ulong)(index * SlotBytes)));
            }

            var relocations = reader.RelocationsOf(section)
                .Where(relocation => relocation.Offset >= function.Value && relocation.Offset < function.Value + (ulong)(code.Length * SlotBytes))
                .ToDictionary(relocation => (int)((relocation.Offset - function.Value) / SlotBytes));
            for (var index = 0; index < code.Length; index++)
            {
                var instruction = code[index];
                if (relocations.TryGetValue(index, out var relocation))
                {
                    if (instruction.Opcode == Call && relocation.Type == RelocateCall)
                    {
                        var callee = CalleeOf(functions, relocation.Symbol, instruction, entry);
                        calls.Add((start + index, callee));
                        waiting.Enqueue(callee);
                        continue;
                    }

                    slots[start + index] = RelocateMap(reader, instruction, relocation, maps, entry);
                }
                else if (instruction.Opcode == Call && instruction.Src == PseudoCall)
                {
                    var target = (long)function.Value + ((index + 1L + instruction.Immediate) * SlotBytes);
                    var callee = functions.Find(candidate => candidate.Section == function.Section && (long)candidate.Value == target)
                        ?? throw new ElfFormatException($"program {entry.Name} calls offset {target} of {section.Name}, where no function begins");
                    calls.Add((start + index, callee));
                    waiting.Enqueue(callee);
                }

                index += instruction.Opcode == WideLoad ? 1 : 0;
            }
        }

        foreach (var (slot, target) in calls)
        {
            var start = placed.Find(done => done.Function == target).Start;
            slots[slot] = slots[slot] with { Src = PseudoCall, Immediate = start - (slot + 1) };
        }

        var name = reader.Sections[entry.Section].Name;
        return new ProgramSpec(entry.Name, name, ConventionOf(name) ?? EntryConvention.Oko, [.. slots], [.. sources]);
    }

    private static Instruction[] CodeOf(ElfSection section, ElfSymbol function)
    {
        var length = (ulong)section.Data.Length;
        // Hand-written objects leave the size out: the function then runs to the end of its section.
        var size = function.Size == 0 && function.Value <= length ? length - function.Value : function.Size;
        if (function.Value > length || size > length - function.Value || size == 0 || size % SlotBytes != 0 || function.Value % SlotBytes != 0)
        {
            throw new ElfFormatException($"function {function.Name} ({size} bytes at {function.Value}) does not fit section {section.Name} of {length} bytes");
        }

        return InstructionDecoder.Decode(section.Data.Span.Slice((int)function.Value, (int)size));
    }

    private static ElfSymbol CalleeOf(List<ElfSymbol> functions, ElfSymbol symbol, Instruction call, ElfSymbol entry)
    {
        if (symbol.Kind == Function && functions.Contains(symbol))
        {
            return symbol;
        }

        // A call of a static function names its section; the offset stands in the instruction.
        var offset = (call.Immediate + 1L) * SlotBytes;
        return functions.Find(candidate => symbol.Kind == SectionSymbol && candidate.Section == symbol.Section && (long)candidate.Value == offset)
            ?? throw new ElfFormatException($"program {entry.Name} calls '{symbol.Name}', which the object does not define; helpers are called by number (bpf_helpers.h)");
    }

    private static Instruction RelocateMap(
        ElfReader reader, Instruction instruction, ElfRelocation relocation, List<(int Section, ulong Offset, MapSpec Spec)> maps, ElfSymbol entry)
    {
        var section = relocation.Symbol.Section < reader.Sections.Count ? reader.Sections[relocation.Symbol.Section].Name : "?";
        if (instruction.Opcode != WideLoad || relocation.Type != Relocate64)
        {
            throw new ElfFormatException($"program {entry.Name} has a relocation of type {relocation.Type} for '{relocation.Symbol.Name}', which is not supported");
        }

        var offset = relocation.Symbol.Kind == SectionSymbol ? (ulong)(uint)instruction.Immediate : relocation.Symbol.Value;
        var index = maps.FindIndex(map => map.Section == relocation.Symbol.Section && map.Offset == offset);
        if (index < 0)
        {
            throw new ElfFormatException(section.StartsWith(".rodata", StringComparison.Ordinal) || section.StartsWith(".data", StringComparison.Ordinal) || section.StartsWith(".bss", StringComparison.Ordinal)
                ? $"program {entry.Name} uses global data ('{relocation.Symbol.Name}' in {section}), which is not supported; keep it in an array map"
                : $"program {entry.Name} refers to '{relocation.Symbol.Name}' in section {section}, which is no map");
        }

        return instruction with { Src = PseudoMap, Immediate = index };
    }
}
