using Oko.Bpf.Text;

namespace Oko.Bpf.Isa;

/// <summary>One 8-byte instruction slot. A plain value, usable on every thread.</summary>
/// <remarks>
/// <code>
/// byte 0   1          2..3              4..7
/// opcode | src | dst | offset, signed | immediate, signed      (little-endian; dst is the low half of byte 1)
/// </code>
/// <c>lddw</c> takes two slots; the second has opcode 0 and the upper half of the value as its immediate.
/// Source: RFC 9669, 3 "Instruction encoding".
/// </remarks>
/// <param name="Opcode">The opcode byte, see <see cref="Isa.Opcode"/>.</param>
/// <param name="Dst">Destination register, 0..15 as encoded (above 10 is invalid).</param>
/// <param name="Src">Source register or kind, 0..15 as encoded.</param>
/// <param name="Offset">Bytes for memory, slots for jumps, or a variant of the operation.</param>
/// <param name="Immediate">Sign-extended to 64 bits where 64 bits are used.</param>
public readonly record struct Instruction(byte Opcode, byte Dst, byte Src, short Offset, int Immediate)
{
    /// <summary>Size of a slot in bytes.</summary>
    public const int SlotBytes = 8;

    /// <summary>The class.</summary>
    public InstructionClass Class => (InstructionClass)(Opcode & Isa.Opcode.ClassMask);

    /// <summary>The arithmetic operation; meaningful in classes ALU and ALU64.</summary>
    public AluOperation AluOperation => (AluOperation)(Opcode & Isa.Opcode.OperationMask);

    /// <summary>The jump operation; meaningful in classes JMP and JMP32.</summary>
    public JumpOperation JumpOperation => (JumpOperation)(Opcode & Isa.Opcode.OperationMask);

    /// <summary>The addressing mode; meaningful in classes LD, LDX, ST and STX.</summary>
    public MemoryMode Mode => (MemoryMode)(Opcode & Isa.Opcode.ModeMask);

    /// <summary>The access width; meaningful in classes LD, LDX, ST and STX.</summary>
    public MemorySize Size => (MemorySize)(Opcode & Isa.Opcode.SizeMask);

    /// <summary>The access width in bytes: 1, 2, 4 or 8.</summary>
    public int SizeBytes => Size switch
    {
        MemorySize.Byte => 1,
        MemorySize.HalfWord => 2,
        MemorySize.Word => 4,
        _ => 8,
    };

    /// <summary>The source operand is a register (<c>X</c>), not the immediate (<c>K</c>).</summary>
    public bool UsesRegister => (Opcode & Isa.Opcode.SourceRegister) != 0;

    /// <summary>This is the first slot of <c>lddw</c>.</summary>
    public bool IsWide => Opcode == Isa.Opcode.LoadWideImmediate;

    /// <summary>Number of slots of this instruction, 1 or 2.</summary>
    public int Slots => IsWide ? 2 : 1;

    /// <summary>Class ALU or ALU64.</summary>
    public bool IsArithmetic => Class is InstructionClass.Alu or InstructionClass.Alu64;

    /// <summary>Class JMP or JMP32, calls and exit included.</summary>
    public bool IsJumpClass => Class is InstructionClass.Jmp or InstructionClass.Jmp32;

    /// <summary><c>exit</c>.</summary>
    public bool IsExit => Opcode == Isa.Opcode.Exit;

    /// <summary>A call by number or offset (not <c>callx</c>).</summary>
    public bool IsCall => Opcode == Isa.Opcode.Call;

    /// <summary>A call of a helper by number.</summary>
    public bool IsHelperCall => IsCall && Src == CallKind.Helper;

    /// <summary>A call of a program-local function.</summary>
    public bool IsLocalCall => IsCall && Src == CallKind.Local;

    /// <summary>An unconditional jump, with 16-bit or 32-bit offset.</summary>
    public bool IsUnconditionalJump => Opcode is Isa.Opcode.JumpAlways or Isa.Opcode.JumpAlways32;

    /// <summary>A comparison and jump.</summary>
    public bool IsConditionalJump =>
        IsJumpClass && JumpOperation is not (JumpOperation.Always or JumpOperation.Call or JumpOperation.Exit);

    /// <summary>An atomic read-modify-write.</summary>
    public bool IsAtomic => Class == InstructionClass.Stx && Mode == MemoryMode.Atomic;

    /// <summary>The slot a jump at <paramref name="slot"/> goes to when taken; not checked against the program.</summary>
    public long JumpTarget(int slot) => slot + 1L + (Opcode == Isa.Opcode.JumpAlways32 ? Immediate : Offset);

    /// <summary>The first slot of the function that a local call at <paramref name="slot"/> enters; not checked.</summary>
    public long CallTarget(int slot) => slot + 1L + Immediate;

    /// <summary>The instruction as text (one slot; <c>lddw</c> without its upper half).</summary>
    public override string ToString() => Disassembler.Format(this);
}
