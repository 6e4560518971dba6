namespace Oko.Bpf.Isa;

/// <summary>Whole opcode bytes, and the bit masks that take an opcode apart.</summary>
/// <remarks>
/// <code>
/// arithmetic and jump    load and store
/// 7     4  3  2   0      7   5  4 3  2   0
/// | code |s| class |     |mode| sz | class |
/// </code>
/// Source: RFC 9669, 3 "Instruction encoding".
/// </remarks>
public static class Opcode
{
    /// <summary>Mask of the class bits.</summary>
    public const byte ClassMask = 0x07;

    /// <summary>Mask of the operation bits of arithmetic and jumps.</summary>
    public const byte OperationMask = 0xf0;

    /// <summary>Mask of the size bits of loads and stores.</summary>
    public const byte SizeMask = 0x18;

    /// <summary>Mask of the mode bits of loads and stores.</summary>
    public const byte ModeMask = 0xe0;

    /// <summary>Source operand bit: clear = <c>K</c> (immediate), set = <c>X</c> (register).</summary>
    public const byte SourceRegister = 0x08;

    /// <summary><c>lddw</c>, the only instruction of two slots.</summary>
    public const byte LoadWideImmediate = 0x18;

    /// <summary><c>ja</c> with a 16-bit offset.</summary>
    public const byte JumpAlways = 0x05;

    /// <summary><c>ja32</c> (<c>gotol</c>), with a 32-bit offset in the immediate.</summary>
    public const byte JumpAlways32 = 0x06;

    /// <summary><c>call</c> of a helper or a program-local function.</summary>
    public const byte Call = 0x85;

    /// <summary><c>callx</c>: helper number in a register (named by the destination field, older compilers use the immediate).</summary>
    public const byte CallRegister = 0x8d;

    /// <summary><c>exit</c>.</summary>
    public const byte Exit = 0x95;

    /// <summary><c>mov dst, imm</c>, 64 bits.</summary>
    public const byte Mov64Immediate = 0xb7;

    /// <summary><c>mov dst, src</c>, 64 bits.</summary>
    public const byte Mov64Register = 0xbf;

    /// <summary><c>add dst, imm</c>, 64 bits.</summary>
    public const byte Add64Immediate = 0x07;

    /// <summary><c>add dst, src</c>, 64 bits.</summary>
    public const byte Add64Register = 0x0f;

    /// <summary><c>ldxb</c>.</summary>
    public const byte LoadByte = 0x71;

    /// <summary><c>ldxh</c>.</summary>
    public const byte LoadHalfWord = 0x69;

    /// <summary><c>ldxw</c>.</summary>
    public const byte LoadWord = 0x61;

    /// <summary><c>ldxdw</c>.</summary>
    public const byte LoadDoubleWord = 0x79;

    /// <summary><c>stxdw</c>.</summary>
    public const byte StoreDoubleWord = 0x7b;

    /// <summary>Atomic on 4 bytes.</summary>
    public const byte Atomic32 = 0xc3;

    /// <summary>Atomic on 8 bytes.</summary>
    public const byte Atomic64 = 0xdb;

    /// <summary>Opcode of an arithmetic instruction.</summary>
    public static byte Of(InstructionClass instructionClass, AluOperation operation, bool register) =>
        (byte)((byte)instructionClass | (byte)operation | (register ? SourceRegister : 0));

    /// <summary>Opcode of a jump.</summary>
    public static byte Of(InstructionClass instructionClass, JumpOperation operation, bool register) =>
        (byte)((byte)instructionClass | (byte)operation | (register ? SourceRegister : 0));

    /// <summary>Opcode of a load or store.</summary>
    public static byte Of(InstructionClass instructionClass, MemoryMode mode, MemorySize size) =>
        (byte)((byte)instructionClass | (byte)mode | (byte)size);
}
