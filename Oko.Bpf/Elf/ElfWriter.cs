using System.Buffers.Binary;
using System.Text;
using Oko.Bpf.Isa;

namespace Oko.Bpf.Elf;

// The least that a loader needs:
//
//   header | .strtab | code | .symtab | section headers: none, .strtab (also the section names), code, .symtab

/// <summary>Writes an object with one program and nothing else, so that programs that come from no compiler take the same way into the
/// switch as others. Stateless.</summary>
public static class ElfWriter
{
    private const int HeaderBytes = 64, SectionHeaderBytes = 64, SymbolBytes = 24;

    /// <summary>Writes an object.</summary>
    /// <param name="section">Name of the section; it chooses the entry convention (<c>socket</c>).</param>
    /// <param name="function">Name of the program.</param>
    /// <param name="program">The slots; no maps.</param>
    public static byte[] Write(string section, string function, ReadOnlySpan<Instruction> program)
    {
        var names = Encoding.UTF8.GetBytes($"\0.strtab\0.symtab\0{section}\0{function}\0");
        var (strtabName, symtabName, sectionName) = (1u, 9u, 17u);
        var functionName = sectionName + (uint)Encoding.UTF8.GetByteCount(section) + 1;
        var codeBytes = program.Length * Instruction.SlotBytes;
        var codeAt = Aligned(HeaderBytes + names.Length);
        var symbolsAt = codeAt + codeBytes;
        var headersAt = symbolsAt + (2 * SymbolBytes);
        var file = new byte[headersAt + (4 * SectionHeaderBytes)];

        "\u007fELF"u8.CopyTo(file);
        (file[4], file[5], file[6]) = (2, 1, 1);        // 64-bit, little-endian, version 1
        U16(file, 16, 1);                               // relocatable
        U16(file, 18, 247);                             // BPF
        U32(file, 20, 1);
        U64(file, 40, (ulong)headersAt);
        U16(file, 52, HeaderBytes);
        U16(file, 58, SectionHeaderBytes);
        U16(file, 60, 4);
        U16(file, 62, 1);                               // names in section 1

        names.CopyTo(file, HeaderBytes);
        InstructionDecoder.Encode(program).CopyTo(file, codeAt);

        var symbol = symbolsAt + SymbolBytes;           // the first one is empty
        U32(file, symbol, functionName);
        file[symbol + 4] = 0x12;                        // global function
        U16(file, symbol + 6, 2);
        U64(file, symbol + 16, (ulong)codeBytes);

        Header(file, headersAt + SectionHeaderBytes, strtabName, 3, 0, HeaderBytes, names.Length, 0, 0, 1, 0);
        Header(file, headersAt + (2 * SectionHeaderBytes), sectionName, 1, 6, codeAt, codeBytes, 0, 0, 8, 0);
        Header(file, headersAt + (3 * SectionHeaderBytes), symtabName, 2, 0, symbolsAt, 2 * SymbolBytes, 1, 1, 8, SymbolBytes);
        return file;
    }

    private static void Header(byte[] file, int at, uint name, uint type, ulong flags, int offset, int size, uint link, uint info, ulong alignment, ulong entrySize)
    {
        U32(file, at, name);
        U32(file, at + 4, type);
        U64(file, at + 8, flags);
        U64(file, at + 24, (ulong)offset);
        U64(file, at + 32, (ulong)size);
        U32(file, at + 40, link);
        U32(file, at + 44, info);
        U64(file, at + 48, alignment);
        U64(file, at + 56, entrySize);
    }

    private static int Aligned(int offset) => (offset + 7) & ~7;

    private static void U16(byte[] file, int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), value);

    private static void U32(byte[] file, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);

    private static void U64(byte[] file, int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at), value);
}
