using Oko.Bpf.Isa;

namespace Oko.Fuzz;

/// <summary>Changes programs, mostly into others that are well formed.</summary>
internal sealed class InstructionMutator(Random random)
{
    private static readonly byte[] Opcodes = [.. Enumerable.Range(0, 256).Select(code => (byte)code).Where(IsKnown)];

    private static readonly int[] Immediates =
        [0, 1, -1, 2, 3, 4, 7, 8, 14, 16, 31, 32, 34, 63, 64, 127, 128, 255, 256, -8, -512, 512, 1500, 4096, 65535, 65536, int.MaxValue, int.MinValue];

    private static readonly int[] AtomicOperations = [0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1];

    /// <summary>One change.</summary>
    public void Mutate(Span<byte> code)
    {
        var slots = code.Length / Instruction.SlotBytes;
        if (slots == 0)
        {
            return;
        }

        var at = random.Next(slots);
        var old = Get(code, at);
        switch (random.Next(12))
        {
            case 0:
                Put(code, at, old with { Opcode = Opcodes[random.Next(Opcodes.Length)] });
                break;
            case 1:
                Put(code, at, old with { Opcode = Related(old.Opcode) });
                break;
            case 2:
                Put(code, at, old with { Dst = (byte)random.Next(11) });
                break;
            case 3:
                Put(code, at, old with { Src = (byte)random.Next(11) });
                break;
            case 4:
                Put(code, at, old with { Offset = (short)(old.Offset + random.Next(-9, 10)) });
                break;
            case 5:
                Put(code, at, old with { Immediate = old.IsAtomic ? AtomicOperations[random.Next(AtomicOperations.Length)] : Immediates[random.Next(Immediates.Length)] });
                break;
            case 6:
                Put(code, at, old with { Immediate = old.Immediate + random.Next(-9, 10) });
                break;
            case 7:
                // A jump somewhere else, backwards too.
                Put(code, at, old with { Offset = (short)(random.Next(slots) - at - 1) });
                break;
            case 8:
                var other = random.Next(slots);
                Put(code, at, Get(code, other));
                Put(code, other, old);
                break;
            case 9:
                Put(code, at, new Instruction(Opcode.Mov64Immediate, old.Dst, 0, 0, Immediates[random.Next(Immediates.Length)]));
                break;
            case 10:
                // Does nothing: what was here is gone.
                Put(code, at, new Instruction(Opcode.JumpAlways, 0, 0, 0, 0));
                break;
            default:
                Put(code, at, Get(code, random.Next(slots)));
                break;
        }
    }

    /// <summary>Puts a few instructions of another program into this one.</summary>
    public void Splice(Span<byte> code, ReadOnlySpan<byte> other)
    {
        int slots = code.Length / Instruction.SlotBytes, others = other.Length / Instruction.SlotBytes;
        var most = Math.Min(Math.Min(slots, others), 12);
        if (most == 0)
        {
            return;
        }

        var length = random.Next(most) + 1;
        other.Slice(random.Next(others - length + 1) * Instruction.SlotBytes, length * Instruction.SlotBytes)
            .CopyTo(code[(random.Next(slots - length + 1) * Instruction.SlotBytes)..]);
    }

    // The same class with another operation, the other width, or the other kind of operand.
    private byte Related(byte opcode) => random.Next(3) switch
    {
        0 => (byte)(opcode ^ 0x08),
        1 => (byte)((opcode & 0x0f) | (random.Next(16) << 4)),
        _ => (byte)((opcode & 0xf8) | random.Next(8)),
    };

    private static bool IsKnown(byte code)
    {
        var one = new Instruction(code, 0, 0, 0, 0);
        return one.IsArithmetic ? code >> 4 <= 13
            : one.IsJumpClass ? code >> 4 <= 13 && (one.Class == InstructionClass.Jmp || code >> 4 is not (8 or 9))
            : (code & Opcode.ModeMask) is 0x00 or 0x20 or 0x40 or 0x60 or 0x80 or 0xc0;
    }

    private static Instruction Get(ReadOnlySpan<byte> code, int slot) => InstructionDecoder.DecodeSlot(code.Slice(slot * Instruction.SlotBytes, Instruction.SlotBytes));

    private static void Put(Span<byte> code, int slot, Instruction instruction) =>
        InstructionDecoder.Encode([instruction]).CopyTo(code[(slot * Instruction.SlotBytes)..]);
}
