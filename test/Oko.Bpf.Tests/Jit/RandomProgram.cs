using Oko.Bpf.Isa;

namespace Oko.Bpf.Tests.Jit;

/// <summary>Makes programs that are valid by construction: all registers and the stack used are written first, jumps go
/// forward, memory accesses are at constant offsets in stack or packet.</summary>
internal static class RandomProgram
{
    // r1 stays the packet, r9 is the address of the stack area, r10 the frame pointer; the rest is played with.
    private const byte Packet = 1;
    private const byte StackArea = 9;
    private const int StackBytes = 64;
    private const int PacketBytes = 64;

    private static readonly byte[] Free = [0, 2, 3, 4, 5, 6, 7, 8];

    private static readonly int[] Immediates = [0, 1, -1, 2, 7, 31, 32, 33, 63, 64, int.MinValue, int.MaxValue, 0x7fff, -128];

    private static readonly AluOperation[] Operations =
        [.. Enum.GetValues<AluOperation>().Where(operation => operation is not (AluOperation.End or AluOperation.Neg))];

    private static readonly JumpOperation[] Comparisons = [.. Enum.GetValues<JumpOperation>().Where(operation =>
        operation is not (JumpOperation.Always or JumpOperation.Call or JumpOperation.Exit))];

    private static readonly MemorySize[] Sizes = Enum.GetValues<MemorySize>();

    private static readonly int[] AtomicOperations =
    [
        AtomicOperation.Add, AtomicOperation.Or, AtomicOperation.And, AtomicOperation.Xor,
        AtomicOperation.Add | AtomicOperation.Fetch, AtomicOperation.Or | AtomicOperation.Fetch,
        AtomicOperation.And | AtomicOperation.Fetch, AtomicOperation.Xor | AtomicOperation.Fetch,
        AtomicOperation.Exchange, AtomicOperation.CompareExchange,
    ];

    /// <summary>Makes a program.</summary>
    /// <param name="random">Where chance comes from.</param>
    /// <param name="length">About so many instructions.</param>
    /// <param name="timed">For measurements: jumps skip at most 20 instructions, so that most of the program runs, and there are no atomic
    /// operations, which would take longer than all else.</param>
    public static Instruction[] Create(Random random, int length, bool timed = false)
    {
        var program = new List<Instruction>();
        foreach (byte register in Free)
        {
            AddWide(program, register, (ulong)random.NextInt64(long.MinValue, long.MaxValue));
        }

        program.Add(new Instruction(Opcode.Mov64Register, StackArea, Register.FramePointer, 0, 0));
        for (int offset = 8; offset <= StackBytes; offset += 8)
        {
            program.Add(new Instruction(Opcode.StoreDoubleWord, StackArea, Pick(random, Free), (short)-offset, 0));
        }

        int end = program.Count + length;
        while (program.Count < end)
        {
            Add(random, program, end, timed);
        }

        // Everything the program computed flows into r0.
        foreach (byte register in Free[1..])
        {
            program.Add(new Instruction(Opcode.Of(InstructionClass.Alu64, AluOperation.Xor, true), 0, register, 0, 0));
        }

        for (int offset = 8; offset <= StackBytes; offset += 8)
        {
            program.Add(new Instruction(Opcode.LoadDoubleWord, 2, StackArea, (short)-offset, 0));
            program.Add(new Instruction(Opcode.Of(InstructionClass.Alu64, AluOperation.Mul, false), 0, 0, 0, 31));
            program.Add(new Instruction(Opcode.Add64Register, 0, 2, 0, 0));
        }

        program.Add(new Instruction(Opcode.Exit, 0, 0, 0, 0));
        AvoidSecondSlots(program);
        return [.. program];
    }

    private static void Add(Random random, List<Instruction> program, int end, bool timed)
    {
        byte dst = Pick(random, Free);
        byte src = Pick(random, Free);
        int immediate = random.Next(3) == 0 ? random.Next(int.MinValue, int.MaxValue) : Pick(random, Immediates);
        int left = end - program.Count - 1;
        switch (random.Next(12))
        {
            case 0 when left > 1:
                AddWide(program, dst, (ulong)random.NextInt64(long.MinValue, long.MaxValue));
                break;
            case 1:
                program.Add(ByteOrder(random, dst));
                break;
            case 2:
                program.Add(new Instruction(Opcode.Of(AluClass(random), AluOperation.Neg, false), dst, 0, 0, 0));
                break;
            case 3:
                program.Add(SignExtension(random, dst, src));
                break;
            case 4 when left > 0:
                bool register = random.Next(2) == 0;
                program.Add(new Instruction(
                    Opcode.Of(random.Next(2) == 0 ? InstructionClass.Jmp : InstructionClass.Jmp32, Pick(random, Comparisons), register),
                    dst, register ? src : (byte)0, (short)random.Next(0, timed ? Math.Min(left, 20) : left), register ? 0 : immediate));
                break;
            case 5:
                program.Add(Load(random, dst));
                break;
            case 6:
                program.Add(Store(random, src, immediate));
                break;
            case 7 when !timed:
                bool wide = random.Next(2) == 0;
                int slots = random.Next(1, StackBytes / (wide ? 8 : 4));
                program.Add(new Instruction(
                    wide ? Opcode.Atomic64 : Opcode.Atomic32,
                    StackArea, src, (short)(-slots * (wide ? 8 : 4)), Pick(random, AtomicOperations)));
                break;
            default:
                program.Add(Arithmetic(random, dst, src, immediate));
                break;
        }
    }

    // A jump into the second slot of a wide load goes to its first slot instead.
    private static void AvoidSecondSlots(List<Instruction> program)
    {
        for (int slot = 0; slot < program.Count; slot += program[slot].Slots)
        {
            Instruction jump = program[slot];
            int target = (int)jump.JumpTarget(slot);
            if (jump.IsConditionalJump && program[target] is { Opcode: 0 } && program[target - 1].IsWide)
            {
                program[slot] = jump with { Offset = (short)(jump.Offset - 1) };
            }
        }
    }

    private static Instruction Arithmetic(Random random, byte dst, byte src, int immediate)
    {
        AluOperation operation = Pick(random, Operations);
        bool register = random.Next(2) == 0;
        bool signed = operation is AluOperation.Div or AluOperation.Mod && random.Next(2) == 0;
        return new Instruction(
            Opcode.Of(AluClass(random), operation, register), dst, register ? src : (byte)0, signed ? (short)1 : (short)0,
            register ? 0 : immediate);
    }

    private static Instruction ByteOrder(Random random, byte dst)
    {
        int width = 16 << random.Next(3);
        return random.Next(3) switch
        {
            0 => new Instruction(Opcode.Of(InstructionClass.Alu, AluOperation.End, false), dst, 0, 0, width),
            1 => new Instruction(Opcode.Of(InstructionClass.Alu, AluOperation.End, true), dst, 0, 0, width),
            _ => new Instruction(Opcode.Of(InstructionClass.Alu64, AluOperation.End, false), dst, 0, 0, width),
        };
    }

    private static Instruction SignExtension(Random random, byte dst, byte src)
    {
        bool wide = random.Next(2) == 0;
        short width = (short)(8 << random.Next(wide ? 3 : 2));
        return new Instruction(
            Opcode.Of(wide ? InstructionClass.Alu64 : InstructionClass.Alu, AluOperation.Mov, true), dst, src, width, 0);
    }

    private static Instruction Load(Random random, byte dst)
    {
        bool stack = random.Next(2) == 0;
        bool signed = random.Next(3) == 0;
        MemorySize size = signed ? Pick(random, Sizes[..3]) : Pick(random, Sizes);
        byte opcode = Opcode.Of(InstructionClass.Ldx, signed ? MemoryMode.MemorySignExtended : MemoryMode.Memory, size);
        int bytes = new Instruction(opcode, 0, 0, 0, 0).SizeBytes;
        int offset = stack ? -random.Next(bytes, StackBytes + 1) : random.Next(0, PacketBytes - bytes + 1);
        return new Instruction(opcode, dst, stack ? StackArea : Packet, (short)offset, 0);
    }

    private static Instruction Store(Random random, byte src, int immediate)
    {
        bool register = random.Next(2) == 0;
        byte opcode = Opcode.Of(register ? InstructionClass.Stx : InstructionClass.St, MemoryMode.Memory, Pick(random, Sizes));
        int bytes = new Instruction(opcode, 0, 0, 0, 0).SizeBytes;
        return new Instruction(
            opcode, StackArea, register ? src : (byte)0, (short)-random.Next(bytes, StackBytes + 1), register ? 0 : immediate);
    }

    private static void AddWide(List<Instruction> program, byte register, ulong value)
    {
        program.Add(new Instruction(Opcode.LoadWideImmediate, register, 0, 0, (int)(uint)value));
        program.Add(new Instruction(0, 0, 0, 0, (int)(uint)(value >> 32)));
    }

    private static InstructionClass AluClass(Random random) =>
        random.Next(2) == 0 ? InstructionClass.Alu64 : InstructionClass.Alu;

    private static T Pick<T>(Random random, T[] choices) => choices[random.Next(choices.Length)];
}
