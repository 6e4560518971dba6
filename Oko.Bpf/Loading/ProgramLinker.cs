using Oko.Bpf.Btf;
using Oko.Bpf.Elf;
using Oko.Bpf.Isa;

namespace Oko.Bpf.Loading;

// A program's own slots are followed by those of each function it calls or hands out as a callback, directly or not, each once;
// call offsets are rewritten to the new places.
//
// Three instructions are relocated, and the addend is always in the instruction:
//
//   call              the callee is at symbol + (immediate + 1) * 8: a global function has its own symbol and immediate -1, a static
//                     one is named by its section. Calls inside a section may come without a relocation.
//   wide load, data   a map (kind 1) when the section defines maps, else the map that stands for the data section and an offset in
//                     it (kind 2), at symbol + immediate
//   wide load, code   a function (kind 4), at symbol + immediate
//
// Source: Linux, Documentation/bpf/llvm_reloc.rst.

/// <summary>Puts programs together from the functions of an object. One per load.</summary>
internal sealed class ProgramLinker
{
    private const int MaxSlots = 65536;
    // A small object can name one long function as very many programs.
    private const int MaxSlotsOfAllPrograms = 4 * MaxSlots;
    private const uint Relocate64 = 1, RelocateCall = 10;

    private readonly ElfReader _reader;
    private readonly ObjectMaps _maps;
    private readonly BtfLineInfo? _lines;
    private readonly BtfTypes? _types;
    private readonly CoreRelocations? _core;
    private readonly Dictionary<(int Section, long Offset), ElfSymbol> _functions = [];
    private int _slotsOfAllPrograms;

    internal ProgramLinker(ElfReader reader, ObjectMaps maps, BtfTypes? types, BtfLineInfo? lines, CoreRelocations? core)
    {
        (_reader, _maps, _types, _lines, _core) = (reader, maps, types, lines, core);
        foreach (var symbol in reader.Symbols.Where(symbol => symbol.Kind == ElfSymbol.Function
            && symbol.Section > 0 && symbol.Section < reader.Sections.Count && reader.Sections[symbol.Section].IsCode))
        {
            _functions.TryAdd((symbol.Section, (long)symbol.Value), symbol);
        }
    }

    /// <summary>Puts a program together.</summary>
    /// <exception cref="ElfFormatException">It refers to something that is not there or not supported.</exception>
    internal ProgramSpec Link(ElfSymbol entry, EntryConvention convention)
    {
        var work = new Work(entry);
        work.Waiting.Enqueue(entry);
        while (work.Waiting.TryDequeue(out var function))
        {
            if (!work.Starts.ContainsKey((function.Section, function.Value)))
            {
                Place(work, function);
            }
        }

        foreach (var (slot, target) in work.References)
        {
            work.Slots[slot] = work.Slots[slot] with { Immediate = work.Starts[(target.Section, target.Value)] - (slot + 1) };
        }

        return new ProgramSpec(entry.Name, _reader.Sections[entry.Section].Name, convention, [.. work.Slots], [.. work.Sources]);
    }

    private void Place(Work work, ElfSymbol function)
    {
        var section = _reader.Sections[function.Section];
        var code = CodeOf(section, function);
        var start = work.Slots.Count;
        work.Starts.Add((function.Section, function.Value), start);
        _slotsOfAllPrograms += code.Length;
        if (start + code.Length > MaxSlots)
        {
            throw new ElfFormatException($"program {work.Entry.Name} has more than {MaxSlots} instructions");
        }

        if (_slotsOfAllPrograms > MaxSlotsOfAllPrograms)
        {
            throw new ElfFormatException($"the programs of the object have more than {MaxSlotsOfAllPrograms} instructions together; name one of them as entry, or split the object");
        }

        work.Slots.AddRange(code);
        var relocations = _reader.RelocationsOf(section);
        for (var index = 0; index < code.Length; index++)
        {
            var offset = function.Value + (ulong)(index * Instruction.SlotBytes);
            work.Sources.Add(_lines?.Find(section.Name, offset));
            if (_core?.Find(section.Name, offset) is { } core)
            {
                core.Apply(work.Slots, start + index, work.Entry.Name);
            }

            if (relocations.TryGetValue(offset, out var relocation))
            {
                Relocate(work, start + index, relocation);
            }
            else if (code[index].IsLocalCall)
            {
                var target = (long)offset + ((code[index].Immediate + 1L) * Instruction.SlotBytes);
                Refer(work, start + index, _functions.GetValueOrDefault((function.Section, target))
                    ?? throw new ElfFormatException($"program {work.Entry.Name} calls offset {target} of {section.Name}, where no function begins"));
            }

            if (code[index].IsWide && index + 1 < code.Length)
            {
                work.Sources.Add(work.Sources[^1]);
                index++;
            }
        }
    }

    private static Instruction[] CodeOf(ElfSection section, ElfSymbol function)
    {
        var length = (ulong)section.Data.Length;
        // Hand-written objects leave the size out: the function then runs to the end of its section.
        var size = function.Size == 0 && function.Value <= length ? length - function.Value : function.Size;
        if (function.Value > length || size > length - function.Value || size == 0 || size % Instruction.SlotBytes != 0 || function.Value % Instruction.SlotBytes != 0)
        {
            throw new ElfFormatException($"function {function.Name} ({size} bytes at {function.Value}) does not fit section {section.Name} of {length} bytes");
        }

        return InstructionDecoder.Decode(section.Data.Span.Slice((int)function.Value, (int)size));
    }

    private static void Refer(Work work, int slot, ElfSymbol target)
    {
        work.References.Add((slot, target));
        work.Waiting.Enqueue(target);
    }

    private void Relocate(Work work, int slot, ElfRelocation relocation)
    {
        var instruction = work.Slots[slot];
        var symbol = relocation.Symbol;
        if (symbol.Section == 0 || symbol.Section >= _reader.Sections.Count)
        {
            throw Undefined(work, symbol);
        }

        var section = _reader.Sections[symbol.Section];
        if (instruction.IsCall && relocation.Type == RelocateCall)
        {
            var callee = FunctionAt(work, section, (long)symbol.Value + ((instruction.Immediate + 1L) * Instruction.SlotBytes), symbol);
            work.Slots[slot] = instruction with { Src = CallKind.Local };
            Refer(work, slot, callee);
            return;
        }

        if (!instruction.IsWide || slot + 1 >= work.Slots.Count || relocation.Type != Relocate64)
        {
            throw new ElfFormatException($"program {work.Entry.Name} has a relocation of type {relocation.Type} for '{symbol.Name}' at {instruction}, which is not supported; compile with clang -O2 -target bpf");
        }

        var offset = (long)symbol.Value + instruction.Immediate;
        if (_maps.Find(section.Index, offset) is var map and >= 0)
        {
            work.Slots[slot] = instruction with { Src = WideImmediateKind.Map, Immediate = map };
            work.Slots[slot + 1] = default;
        }
        else if (_maps.FindData(section.Index) is var data and >= 0)
        {
            if (offset < 0 || (ulong)offset >= section.Size)
            {
                throw new ElfFormatException($"program {work.Entry.Name} takes the address of offset {offset} of {section.Name}, which has {section.Size} bytes");
            }

            work.Slots[slot] = instruction with { Src = WideImmediateKind.MapValue, Immediate = data };
            work.Slots[slot + 1] = default(Instruction) with { Immediate = (int)offset };
        }
        else if (_maps.FaultAt(section.Index, offset) is { } fault)
        {
            throw new ElfFormatException(fault);
        }
        else if (section.IsCode)
        {
            work.Slots[slot] = instruction with { Src = WideImmediateKind.Function };
            work.Slots[slot + 1] = default;
            Refer(work, slot, FunctionAt(work, section, offset, symbol));
        }
        else
        {
            throw new ElfFormatException($"program {work.Entry.Name} refers to '{symbol.Name}' at offset {offset} of section {section.Name}, which is neither a map nor data (.rodata, .data, .bss)");
        }
    }

    private ElfSymbol FunctionAt(Work work, ElfSection section, long offset, ElfSymbol symbol) =>
        _functions.GetValueOrDefault((section.Index, offset)) ?? throw new ElfFormatException(
            $"program {work.Entry.Name} refers to offset {offset} of {section.Name} ({(symbol.Name.Length > 0 ? symbol.Name : "no name")}), where no function begins");

    private ElfFormatException Undefined(Work work, ElfSymbol symbol)
    {
        var what = $"program {work.Entry.Name} uses '{symbol.Name}', which the object does not define";
        return new ElfFormatException((_types?.SectionOfExtern(symbol.Name)) switch
        {
            ".kconfig" => $"{what}: it is part of the running kernel's configuration (__kconfig), which a filter does not see; use a constant",
            ".ksyms" => $"{what}: it is a symbol of the running kernel (__ksym), which a filter does not see; use helpers by number (bpf_helpers.h)",
            _ => $"{what}; link its parts first (bpftool gen object), and call helpers by number (bpf_helpers.h)",
        });
    }

    /// <summary>One program being put together.</summary>
    private sealed class Work(ElfSymbol entry)
    {
        internal ElfSymbol Entry { get; } = entry;

        internal List<Instruction> Slots { get; } = [];

        internal List<string?> Sources { get; } = [];

        internal Dictionary<(int Section, ulong Offset), int> Starts { get; } = [];

        internal List<(int Slot, ElfSymbol Target)> References { get; } = [];

        internal Queue<ElfSymbol> Waiting { get; } = [];
    }
}
