using Oko.Bpf.Classic;

namespace Oko.Bpf.Tests.Classic;

/// <summary>Classic BPF as its documents say, one instruction at a time.</summary>
internal static class ClassicReference
{
    /// <summary>What a program returns for a packet.</summary>
    public static uint Run(ReadOnlySpan<ClassicInstruction> program, ReadOnlySpan<byte> packet, uint protocol = 0, uint port = 0, uint queue = 0)
    {
        uint a = 0, x = 0;
        var memory = new uint[16];
        for (var pc = 0; ; pc++)
        {
            var (code, k) = (program[pc].Code, program[pc].K);
            var operand = (code & ClassicCode.X) != 0 ? x : k;
            switch (code & 7)
            {
                case ClassicCode.Ld when (code & 0xe0) == ClassicCode.Abs && k >= 0xfffff000:
                    a = (k - 0xfffff000) switch { 0 => protocol, 8 => port, 24 => queue, 40 => a ^ x, _ => 0 };
                    break;
                case ClassicCode.Ld when (code & 0xe0) is ClassicCode.Abs or ClassicCode.Ind:
                    var bytes = (code & 0x18) switch { ClassicCode.Word => 4, ClassicCode.Half => 2, _ => 1 };
                    var at = (code & 0xe0) == ClassicCode.Abs ? k : (ulong)k + x;
                    if (at + (ulong)bytes > (ulong)packet.Length)
                    {
                        return 0;
                    }

                    a = 0;
                    foreach (var part in packet.Slice((int)at, bytes))
                    {
                        a = (a << 8) | part;
                    }

                    break;
                case ClassicCode.Ld:
                    a = (code & 0xe0) switch { ClassicCode.Imm => k, ClassicCode.Mem => memory[k], _ => (uint)packet.Length };
                    break;
                case ClassicCode.Ldx when (code & 0xe0) == ClassicCode.Msh:
                    if (k >= packet.Length)
                    {
                        return 0;
                    }

                    x = 4u * (packet[(int)k] & 15u);
                    break;
                case ClassicCode.Ldx:
                    x = (code & 0xe0) switch { ClassicCode.Imm => k, ClassicCode.Mem => memory[k], _ => (uint)packet.Length };
                    break;
                case ClassicCode.St:
                    memory[k] = a;
                    break;
                case ClassicCode.Stx:
                    memory[k] = x;
                    break;
                case ClassicCode.Alu when (code & 0xf0) is ClassicCode.Div or ClassicCode.Mod && operand == 0:
                    return 0;
                case ClassicCode.Alu:
                    a = (code & 0xf0) switch
                    {
                        ClassicCode.Add => a + operand,
                        ClassicCode.Sub => a - operand,
                        ClassicCode.Mul => a * operand,
                        ClassicCode.Div => a / operand,
                        ClassicCode.Mod => a % operand,
                        ClassicCode.Or => a | operand,
                        ClassicCode.And => a & operand,
                        ClassicCode.Xor => a ^ operand,
                        ClassicCode.Lsh => operand < 32 ? a << (int)operand : 0,
                        ClassicCode.Rsh => operand < 32 ? a >> (int)operand : 0,
                        _ => 0u - a,
                    };
                    break;
                case ClassicCode.Jmp when (code & 0xf0) == ClassicCode.Ja:
                    pc += (int)k;
                    break;
                case ClassicCode.Jmp:
                    var holds = (code & 0xf0) switch
                    {
                        ClassicCode.Jeq => a == operand,
                        ClassicCode.Jgt => a > operand,
                        ClassicCode.Jge => a >= operand,
                        _ => (a & operand) != 0,
                    };
                    pc += holds ? program[pc].JumpTrue : program[pc].JumpFalse;
                    break;
                case ClassicCode.Ret:
                    return (code & ClassicCode.A) != 0 ? a : k;
                default:
                    (a, x) = (code & ClassicCode.Txa) != 0 ? (x, x) : (a, a);
                    break;
            }
        }
    }
}
