using System.Globalization;
using System.Text;
using Oko.Bpf.Isa;

namespace Oko.Bpf.Text;

/// <summary>Instructions as the kernel and llvm-objdump write them: <c>r1 += 5</c>, <c>w0 = *(u8 *)(r1 + 12)</c>,
/// <c>if r2 &gt; r3 goto +4</c>. For people; the assembler reads another dialect. Stateless; any thread.</summary>
public static class Disassembler
{
    /// <summary>One slot. A wide load shows only its lower half; use
    /// <see cref="Format(ReadOnlySpan{Instruction}, int)"/> for the whole.</summary>
    public static string Format(Instruction instruction) => instruction.Class switch
    {
        InstructionClass.Alu or InstructionClass.Alu64 => FormatArithmetic(instruction),
        InstructionClass.Jmp or InstructionClass.Jmp32 => FormatJump(instruction),
        InstructionClass.Ld => FormatLegacyLoad(instruction),
        InstructionClass.Ldx => FormatLoad(instruction),
        InstructionClass.St => instruction.Mode == MemoryMode.Memory
            ? $"*({Unsigned(instruction)} *)({Address(instruction.Dst, instruction.Offset)}) = {instruction.Immediate}"
            : Unknown(instruction),
        _ => FormatStore(instruction),
    };

    /// <summary>The instruction at <paramref name="slot"/>, with both halves of a wide load.</summary>
    public static string Format(ReadOnlySpan<Instruction> program, int slot)
    {
        Instruction instruction = program[slot];
        if (!instruction.IsWide || slot + 1 >= program.Length)
        {
            return Format(instruction);
        }

        uint high = (uint)program[slot + 1].Immediate;
        return instruction.Src switch
        {
            WideImmediateKind.Number => $"r{instruction.Dst} = 0x{((ulong)high << 32) | (uint)instruction.Immediate:x} ll",
            WideImmediateKind.Map => $"r{instruction.Dst} = map[{instruction.Immediate}] ll",
            WideImmediateKind.MapValue => $"r{instruction.Dst} = map[{instruction.Immediate}].value + {high} ll",
            WideImmediateKind.Function => $"r{instruction.Dst} = function pc{instruction.Immediate:+0;-0;+0} ll",
            _ => Unknown(instruction),
        };
    }

    /// <summary>The whole program, one instruction per line, each with its slot number.</summary>
    public static string Format(ReadOnlySpan<Instruction> program)
    {
        var text = new StringBuilder();
        for (int slot = 0; slot < program.Length; slot += program[slot].Slots)
        {
            text.Append(CultureInfo.InvariantCulture, $"{slot,5}: {Format(program, slot)}\n");
        }

        return text.ToString();
    }

    private static string FormatArithmetic(Instruction instruction)
    {
        char bank = instruction.Class == InstructionClass.Alu64 ? 'r' : 'w';
        string dst = $"{bank}{instruction.Dst}";
        string src = instruction.UsesRegister ? $"{bank}{instruction.Src}" : Number(instruction.Immediate);
        bool signed = instruction.Offset == 1;
        switch (instruction.AluOperation)
        {
            case AluOperation.Neg:
                return $"{dst} = -{dst}";
            case AluOperation.End:
                string order = instruction.Class == InstructionClass.Alu64 ? "bswap" : instruction.UsesRegister ? "be" : "le";
                return $"r{instruction.Dst} = {order}{instruction.Immediate} r{instruction.Dst}";
            case AluOperation.Mov:
                return instruction.Offset == 0 ? $"{dst} = {src}" : $"{dst} = (s{instruction.Offset}){src}";
            case AluOperation.Div:
                return $"{dst} {(signed ? "s/=" : "/=")} {src}";
            case AluOperation.Mod:
                return $"{dst} {(signed ? "s%=" : "%=")} {src}";
            default:
                string? symbol = instruction.AluOperation switch
                {
                    AluOperation.Add => "+=",
                    AluOperation.Sub => "-=",
                    AluOperation.Mul => "*=",
                    AluOperation.Or => "|=",
                    AluOperation.And => "&=",
                    AluOperation.Lsh => "<<=",
                    AluOperation.Rsh => ">>=",
                    AluOperation.Xor => "^=",
                    AluOperation.Arsh => "s>>=",
                    _ => null,
                };
                return symbol is null ? Unknown(instruction) : $"{dst} {symbol} {src}";
        }
    }

    private static string FormatJump(Instruction instruction)
    {
        switch (instruction.Opcode)
        {
            case Opcode.Exit:
                return "exit";
            case Opcode.Call:
                return instruction.Src == CallKind.Local ? $"call pc{instruction.Immediate:+0;-0;+0}" : $"call {instruction.Immediate}";
            case Opcode.CallRegister:
                return $"callx r{instruction.Dst}";
            case Opcode.JumpAlways:
                return $"goto {instruction.Offset:+0;-0;+0}";
            case Opcode.JumpAlways32:
                return $"gotol {instruction.Immediate:+0;-0;+0}";
        }

        string? symbol = instruction.JumpOperation switch
        {
            JumpOperation.Equal => "==",
            JumpOperation.Greater => ">",
            JumpOperation.GreaterOrEqual => ">=",
            JumpOperation.BitsSet => "&",
            JumpOperation.NotEqual => "!=",
            JumpOperation.SignedGreater => "s>",
            JumpOperation.SignedGreaterOrEqual => "s>=",
            JumpOperation.Less => "<",
            JumpOperation.LessOrEqual => "<=",
            JumpOperation.SignedLess => "s<",
            JumpOperation.SignedLessOrEqual => "s<=",
            _ => null,
        };
        if (symbol is null)
        {
            return Unknown(instruction);
        }

        char bank = instruction.Class == InstructionClass.Jmp ? 'r' : 'w';
        string right = instruction.UsesRegister ? $"{bank}{instruction.Src}" : Number(instruction.Immediate);
        return $"if {bank}{instruction.Dst} {symbol} {right} goto {instruction.Offset:+0;-0;+0}";
    }

    private static string FormatLegacyLoad(Instruction instruction) => instruction.Mode switch
    {
        _ when instruction.IsWide => Format([instruction, default], 0),
        MemoryMode.PacketAbsolute => $"r0 = *({Unsigned(instruction)} *)skb[{instruction.Immediate}]",
        MemoryMode.PacketIndirect => $"r0 = *({Unsigned(instruction)} *)skb[r{instruction.Src}{Signed(instruction.Immediate)}]",
        _ => Unknown(instruction),
    };

    private static string FormatLoad(Instruction instruction) => instruction.Mode switch
    {
        MemoryMode.Memory =>
            $"r{instruction.Dst} = *({Unsigned(instruction)} *)({Address(instruction.Src, instruction.Offset)})",
        MemoryMode.MemorySignExtended =>
            $"r{instruction.Dst} = *(s{instruction.SizeBytes * 8} *)({Address(instruction.Src, instruction.Offset)})",
        _ => Unknown(instruction),
    };

    private static string FormatStore(Instruction instruction)
    {
        string address = Address(instruction.Dst, instruction.Offset);
        string target = $"*({Unsigned(instruction)} *)({address})";
        if (instruction.Mode == MemoryMode.Memory)
        {
            return $"{target} = r{instruction.Src}";
        }

        if (instruction.Mode != MemoryMode.Atomic || instruction.Size is not (MemorySize.Word or MemorySize.DoubleWord))
        {
            return Unknown(instruction);
        }

        string width = instruction.Size == MemorySize.DoubleWord ? "64" : "32";
        char bank = instruction.Size == MemorySize.DoubleWord ? 'r' : 'w';
        string pointer = $"({Unsigned(instruction)} *)({address})";
        string source = $"{bank}{instruction.Src}";
        return instruction.Immediate switch
        {
            AtomicOperation.Exchange => $"{source} = xchg{width}({pointer}, {source})",
            AtomicOperation.CompareExchange => $"{bank}0 = cmpxchg{width}({pointer}, {bank}0, {source})",
            AtomicOperation.Add => $"lock {target} += {source}",
            AtomicOperation.Or => $"lock {target} |= {source}",
            AtomicOperation.And => $"lock {target} &= {source}",
            AtomicOperation.Xor => $"lock {target} ^= {source}",
            AtomicOperation.Add | AtomicOperation.Fetch => $"{source} = atomic_fetch_add({pointer}, {source})",
            AtomicOperation.Or | AtomicOperation.Fetch => $"{source} = atomic_fetch_or({pointer}, {source})",
            AtomicOperation.And | AtomicOperation.Fetch => $"{source} = atomic_fetch_and({pointer}, {source})",
            AtomicOperation.Xor | AtomicOperation.Fetch => $"{source} = atomic_fetch_xor({pointer}, {source})",
            _ => Unknown(instruction),
        };
    }

    private static string Unsigned(Instruction instruction) => $"u{instruction.SizeBytes * 8}";

    private static string Address(byte register, short offset) => $"r{register}{Signed(offset)}";

    private static string Signed(int number) => number < 0 ? $" - {-(long)number}" : $" + {number}";

    private static string Number(int number) =>
        number is > -4096 and < 4096 ? number.ToString(CultureInfo.InvariantCulture) : $"0x{number:x}";

    private static string Unknown(Instruction instruction) =>
        $"unknown opcode 0x{instruction.Opcode:x2} (dst {instruction.Dst}, src {instruction.Src}, " +
        $"offset {instruction.Offset}, immediate {instruction.Immediate})";
}
