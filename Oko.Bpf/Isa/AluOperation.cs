namespace Oko.Bpf.Isa;

/// <summary>The operation of an <see cref="InstructionClass.Alu"/> or <see cref="InstructionClass.Alu64"/>
/// instruction, the upper four bits of its opcode.</summary>
/// <remarks>Source: RFC 9669, 4.1 "Arithmetic instructions". Division by zero gives 0, modulo zero leaves the
/// destination; signed overflow gives the minimum, its remainder 0.</remarks>
public enum AluOperation : byte
{
    /// <summary><c>ADD</c>: dst += src.</summary>
    Add = 0x00,

    /// <summary><c>SUB</c>: dst -= src.</summary>
    Sub = 0x10,

    /// <summary><c>MUL</c>: dst *= src.</summary>
    Mul = 0x20,

    /// <summary><c>DIV</c> (offset 0, unsigned) and <c>SDIV</c> (offset 1, signed).</summary>
    Div = 0x30,

    /// <summary><c>OR</c>: dst |= src.</summary>
    Or = 0x40,

    /// <summary><c>AND</c>: dst &amp;= src.</summary>
    And = 0x50,

    /// <summary><c>LSH</c>: dst &lt;&lt;= src, the count masked to the width.</summary>
    Lsh = 0x60,

    /// <summary><c>RSH</c>: logical shift right, the count masked to the width.</summary>
    Rsh = 0x70,

    /// <summary><c>NEG</c>: dst = -dst.</summary>
    Neg = 0x80,

    /// <summary><c>MOD</c> (offset 0, unsigned) and <c>SMOD</c> (offset 1, signed).</summary>
    Mod = 0x90,

    /// <summary><c>XOR</c>: dst ^= src.</summary>
    Xor = 0xa0,

    /// <summary><c>MOV</c> (offset 0) and <c>MOVSX</c> (offset 8, 16 or 32: the width that is sign-extended).</summary>
    Mov = 0xb0,

    /// <summary><c>ARSH</c>: arithmetic shift right, the count masked to the width.</summary>
    Arsh = 0xc0,

    /// <summary><c>END</c>: byte order. Class ALU with source K is <c>le</c>, with X <c>be</c>; class ALU64 is
    /// <c>bswap</c>. The immediate is the width in bits.</summary>
    End = 0xd0,
}
