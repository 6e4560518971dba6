namespace Oko.Bpf.Classic;

/// <summary>One instruction of classic BPF (<c>struct sock_filter</c>, <c>struct bpf_insn</c> of libpcap). A plain value.</summary>
/// <param name="Code">Operation, see <see cref="ClassicCode"/>.</param>
/// <param name="JumpTrue">Instructions to skip when a comparison holds.</param>
/// <param name="JumpFalse">Instructions to skip when it does not.</param>
/// <param name="K">The constant.</param>
public readonly record struct ClassicInstruction(ushort Code, byte JumpTrue, byte JumpFalse, uint K)
{
    /// <summary>Size in memory, in bytes.</summary>
    public const int SizeBytes = 8;
}

/// <summary>Parts of <see cref="ClassicInstruction.Code"/>, added together. Source: Linux, Documentation/networking/filter.rst, and
/// include/uapi/linux/bpf_common.h.</summary>
public static class ClassicCode
{
    /// <summary>Class: load into A.</summary>
    public const ushort Ld = 0x00;

    /// <summary>Class: load into X.</summary>
    public const ushort Ldx = 0x01;

    /// <summary>Class: store A.</summary>
    public const ushort St = 0x02;

    /// <summary>Class: store X.</summary>
    public const ushort Stx = 0x03;

    /// <summary>Class: arithmetic on A.</summary>
    public const ushort Alu = 0x04;

    /// <summary>Class: jump, forward only.</summary>
    public const ushort Jmp = 0x05;

    /// <summary>Class: return.</summary>
    public const ushort Ret = 0x06;

    /// <summary>Class: moves between A and X.</summary>
    public const ushort Misc = 0x07;

    /// <summary>Width: 4 bytes.</summary>
    public const ushort Word = 0x00;

    /// <summary>Width: 2 bytes.</summary>
    public const ushort Half = 0x08;

    /// <summary>Width: 1 byte.</summary>
    public const ushort Byte = 0x10;

    /// <summary>Mode: the constant.</summary>
    public const ushort Imm = 0x00;

    /// <summary>Mode: packet at the constant, big-endian.</summary>
    public const ushort Abs = 0x20;

    /// <summary>Mode: packet at X plus the constant, big-endian.</summary>
    public const ushort Ind = 0x40;

    /// <summary>Mode: scratch memory, 16 words.</summary>
    public const ushort Mem = 0x60;

    /// <summary>Mode: length of the packet.</summary>
    public const ushort Len = 0x80;

    /// <summary>Mode: four times the low half of the packet's byte at the constant: the length of an IPv4 header.</summary>
    public const ushort Msh = 0xa0;

    /// <summary>Source operand X instead of the constant.</summary>
    public const ushort X = 0x08;

    /// <summary>Of <see cref="Ret"/>: return A instead of the constant.</summary>
    public const ushort A = 0x10;

    /// <summary>A + operand.</summary>
    public const ushort Add = 0x00;

    /// <summary>A - operand.</summary>
    public const ushort Sub = 0x10;

    /// <summary>A * operand.</summary>
    public const ushort Mul = 0x20;

    /// <summary>A / operand; by 0 the program returns 0.</summary>
    public const ushort Div = 0x30;

    /// <summary>A | operand.</summary>
    public const ushort Or = 0x40;

    /// <summary>A &amp; operand.</summary>
    public const ushort And = 0x50;

    /// <summary>A shifted left; by 32 and more 0.</summary>
    public const ushort Lsh = 0x60;

    /// <summary>A shifted right; by 32 and more 0.</summary>
    public const ushort Rsh = 0x70;

    /// <summary>-A.</summary>
    public const ushort Neg = 0x80;

    /// <summary>A % operand; by 0 the program returns 0.</summary>
    public const ushort Mod = 0x90;

    /// <summary>A ^ operand.</summary>
    public const ushort Xor = 0xa0;

    /// <summary>Jump by the constant.</summary>
    public const ushort Ja = 0x00;

    /// <summary>Jump if A equals the operand.</summary>
    public const ushort Jeq = 0x10;

    /// <summary>Jump if A is greater than the operand, unsigned.</summary>
    public const ushort Jgt = 0x20;

    /// <summary>Jump if A is greater than or equal to the operand, unsigned.</summary>
    public const ushort Jge = 0x30;

    /// <summary>Jump if A and the operand have a bit in common.</summary>
    public const ushort Jset = 0x40;

    /// <summary>X = A.</summary>
    public const ushort Tax = 0x00;

    /// <summary>A = X.</summary>
    public const ushort Txa = 0x80;
}
