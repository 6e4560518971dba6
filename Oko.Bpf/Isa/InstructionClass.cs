namespace Oko.Bpf.Isa;

/// <summary>The instruction class, the lowest three bits of an opcode.</summary>
/// <remarks>Source: RFC 9669, 3.1 "Instruction classes".</remarks>
public enum InstructionClass : byte
{
    /// <summary><c>LD</c>: non-standard loads, the wide immediate and the legacy packet loads.</summary>
    Ld = 0x00,

    /// <summary><c>LDX</c>: load into a register from memory.</summary>
    Ldx = 0x01,

    /// <summary><c>ST</c>: store an immediate to memory.</summary>
    St = 0x02,

    /// <summary><c>STX</c>: store a register to memory, and the atomic operations.</summary>
    Stx = 0x03,

    /// <summary><c>ALU</c>: 32-bit arithmetic; results are zero-extended.</summary>
    Alu = 0x04,

    /// <summary><c>JMP</c>: 64-bit comparisons, <c>ja</c>, <c>call</c>, <c>exit</c>.</summary>
    Jmp = 0x05,

    /// <summary><c>JMP32</c>: 32-bit comparisons and the jump with a 32-bit offset.</summary>
    Jmp32 = 0x06,

    /// <summary><c>ALU64</c>: 64-bit arithmetic.</summary>
    Alu64 = 0x07,
}
