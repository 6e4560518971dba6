namespace Oko.Bpf.Isa;

/// <summary>The operation of a <see cref="InstructionClass.Jmp"/> or <see cref="InstructionClass.Jmp32"/>
/// instruction, the upper four bits of its opcode.</summary>
/// <remarks>Source: RFC 9669, 4.3 "Jump instructions".</remarks>
public enum JumpOperation : byte
{
    /// <summary><c>JA</c>: always; class JMP takes the 16-bit offset, class JMP32 the 32-bit immediate.</summary>
    Always = 0x00,

    /// <summary><c>JEQ</c>: equal.</summary>
    Equal = 0x10,

    /// <summary><c>JGT</c>: greater, unsigned.</summary>
    Greater = 0x20,

    /// <summary><c>JGE</c>: greater or equal, unsigned.</summary>
    GreaterOrEqual = 0x30,

    /// <summary><c>JSET</c>: any common bit.</summary>
    BitsSet = 0x40,

    /// <summary><c>JNE</c>: not equal.</summary>
    NotEqual = 0x50,

    /// <summary><c>JSGT</c>: greater, signed.</summary>
    SignedGreater = 0x60,

    /// <summary><c>JSGE</c>: greater or equal, signed.</summary>
    SignedGreaterOrEqual = 0x70,

    /// <summary><c>CALL</c>: a helper, a program-local function, or (with source X) <c>callx</c>.</summary>
    Call = 0x80,

    /// <summary><c>EXIT</c>: return from the function.</summary>
    Exit = 0x90,

    /// <summary><c>JLT</c>: less, unsigned.</summary>
    Less = 0xa0,

    /// <summary><c>JLE</c>: less or equal, unsigned.</summary>
    LessOrEqual = 0xb0,

    /// <summary><c>JSLT</c>: less, signed.</summary>
    SignedLess = 0xc0,

    /// <summary><c>JSLE</c>: less or equal, signed.</summary>
    SignedLessOrEqual = 0xd0,
}

/// <summary>What a call instruction calls, its source register field.</summary>
/// <remarks>Source: RFC 9669, 4.3.1 "Helper functions" and 4.3.2 "Program-local functions".</remarks>
public static class CallKind
{
    /// <summary>A helper by its static number in the immediate.</summary>
    public const byte Helper = 0;

    /// <summary>A program-local function; the immediate is the offset in slots from the next instruction
    /// (<c>BPF_PSEUDO_CALL</c>).</summary>
    public const byte Local = 1;

    /// <summary>A helper by BTF id; never accepted here.</summary>
    public const byte HelperByBtfId = 2;
}
