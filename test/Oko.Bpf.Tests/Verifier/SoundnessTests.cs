using System.Collections.Immutable;
using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
using Oko.Bpf.Jit;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Tests.Execution;
using Oko.Bpf.Verifier;

namespace Oko.Bpf.Tests.Verifier;

/// <summary>
/// Random programs: whatever the verifier accepts is run with each access checked, and must never break a rule. Most random
/// programs are refused; the generator leans towards what is nearly right (comparisons in front of accesses, small offsets).
/// </summary>
public sealed class SoundnessTests
{
    private static readonly ImmutableArray<MapSpec> Maps = [new MapSpec("m", MapType.Hash, 4, 16, 8, 0), new MapSpec("a", MapType.Array, 4, 8, 4, 0)];

    private const int LoopHelper = 181;

    [Test]
    public void AcceptedPrograms_RunChecked_BreakNoRule([Range(1, 10)] int seed) => RunAll(seed, loopsAndCalls: false, atLeast: 500);

    [Test]
    public void AcceptedProgramsWithLoopsAndCalls_RunChecked_BreakNoRule([Range(101, 110)] int seed) => RunAll(seed, loopsAndCalls: true, atLeast: 100);

    private static unsafe void RunAll(int seed, bool loopsAndCalls, int atLeast)
    {
        var random = new Random(seed);
        var (accepted, withVariables, withLoops, withCallbacks) = (0, 0, 0, 0);
        using var hash = BpfMap.Create(Maps[0]);
        using var array = BpfMap.Create(Maps[1]);
        for (var round = 0; round < 20_000; round++)
        {
            var convention = random.Next(3) == 0 ? EntryConvention.Xdp : EntryConvention.Oko;
            var source = Generate(random, convention);
            if (loopsAndCalls)
            {
                source = WithLoopsAndCalls(random, source);
            }

            VerifiedProgram program;
            try
            {
                program = ProgramVerifier.Verify(new VerifierInput
                {
                    Name = "random", Convention = convention, Instructions = source, Maps = Maps,
                });
            }
            catch (VerificationException)
            {
                continue;
            }

            accepted++;
            withLoops += program.Reachable.Where((reached, slot) => reached && source[slot].IsConditionalJump && source[slot].Offset < 0).Any() ? 1 : 0;
            withCallbacks += program.FunctionStarts.Any(program.CallbackAtCall.Contains) ? 1 : 0;
            withVariables += program.Reachable.Where((reached, slot) => reached && source[slot] is { Opcode: Opcode.Add64Register, Dst: 4 }).Any() ? 1 : 0;
            var interpreter = new Interpreter(program, [hash, array]);
            // Compiling costs much more than running, so only some are compared; helpers would see each other's maps.
            var compiled = round % 16 == 0 && !source.Any(one => one.IsHelperCall && one.Immediate != LoopHelper) ? IlCompiler.Compile(program, [hash, array]).Method : null;
            for (var packets = 0; packets < 6; packets++)
            {
                var bytes = new byte[random.Next(1, 80)];
                random.NextBytes(bytes);
                if (random.Next(2) == 0)
                {
                    Array.Fill(bytes, (byte)(random.Next(2) == 0 ? 0 : 255));
                }

                using var packet = new TestPacket(bytes);
                var context = packet.Context;
                var outcome = interpreter.RunChecked(&context, out var violation);
                violation.Should().BeNull("seed {0}, round {1}:\n{2}", seed, round, string.Join('\n', source.Select((one, at) => $"{at}: {one}")));
                outcome.Status.Should().Be(ExecutionStatus.Completed);
                outcome.Instructions.Should().BeLessThanOrEqualTo(program.WorstCaseInstructions);
                (compiled?.Invoke(&context) ?? outcome.Result).Should().Be(outcome.Result);
            }
        }

        TestContext.Out.WriteLine($"seed {seed}: {accepted} of 20000 accepted, {withVariables} of them with a variable offset, {withLoops} with a loop, {withCallbacks} with a callback");
        accepted.Should().BeGreaterThan(atLeast, "the generator must make programs that pass");
        if (loopsAndCalls)
        {
            withLoops.Should().BeGreaterThan(50);
            withCallbacks.Should().BeGreaterThan(10);
        }
    }

    /// <summary>Some instructions go round in a loop that r9 (and, inside it, r8) counts; some are a function that is called.</summary>
    private static Instruction[] WithLoopsAndCalls(Random random, Instruction[] source)
    {
        var program = source.ToList();
        for (byte counter = 9; counter >= 8 && random.Next(3) != 0; counter--)
        {
            var from = random.Next(5, program.Count - 2);
            var to = random.Next(from, program.Count - 2);
            var count = random.Next(1, 6);
            var up = random.Next(2) == 0;
            program.InsertRange(to, up
                ? [new(Opcode.Of(InstructionClass.Alu64, AluOperation.Add, false), counter, 0, 0, 1), new(0xa5, counter, 0, (short)(from - to - 2), count)]
                : [new(Opcode.Of(InstructionClass.Alu64, AluOperation.Sub, false), counter, 0, 0, 1), new(0x55, counter, 0, (short)(from - to - 2), 0)]);
            program.Insert(from, new(Opcode.Mov64Immediate, counter, 0, 0, up ? 0 : count));
        }

        if (random.Next(4) == 0)
        {
            AddCallback(random, program);
        }
        else if (random.Next(2) == 0)
        {
            // r1 and r2 are packet and length on entry; a spilled number or r10-8 goes along as r3.
            var at = random.Next(5, program.Count - 2);
            Instruction[] call =
            [
                new(0x7a, 10, 0, -8, random.Next(64)), new(Opcode.Mov64Register, 3, random.Next(2) == 0 ? (byte)10 : (byte)7, 0, 0), new(Opcode.Mov64Register, 1, 6, 0, 0),
                new(Opcode.Mov64Register, 2, 7, 0, 0), new(Opcode.Call, 0, CallKind.Local, 0, 0), new(Opcode.Mov64Register, 1, 6, 0, 0), new(Opcode.Mov64Register, 2, 7, 0, 0),
                new(Opcode.Mov64Register, 4, 6, 0, 0), new(Opcode.Mov64Register, 5, 6, 0, 0), new(Opcode.Of(InstructionClass.Alu64, AluOperation.Add, true), 5, 2, 0, 0),
                new(Opcode.Mov64Immediate, 3, 0, 0, 1),
            ];
            program.InsertRange(at, call);
            program[at + 4] = program[at + 4] with { Immediate = program.Count - (at + 5) };
            var function = new List<Instruction>
            {
                new(Opcode.Mov64Register, 8, 3, 0, 0), new(Opcode.Mov64Immediate, 0, 0, 0, random.Next(64)), new(Opcode.Mov64Register, 6, 1, 0, 0),
                new(Opcode.Mov64Register, 7, 2, 0, 0), new(Opcode.Mov64Register, 4, 1, 0, 0), new(Opcode.Mov64Register, 5, 1, 0, 0),
                new(Opcode.Of(InstructionClass.Alu64, AluOperation.Add, true), 5, 2, 0, 0), new(Opcode.Mov64Immediate, 3, 0, 0, 3),
            };
            if (random.Next(2) == 0)
            {
                // The caller's stack, if r8 points there.
                function.AddRange([new(0x79, 0, 8, -8, 0), new(0x7b, 8, 0, (short)(random.Next(2) == 0 ? -8 : -16), 0)]);
            }

            var length = function.Count + random.Next(1, 8);
            while (function.Count < length)
            {
                Add(random, function, length);
            }

            program.AddRange(function);
            program.Add(new(Opcode.Exit, 0, 0, 0, 0));
        }

        return [.. program];
    }

    /// <summary>A number at r10-8 and an address of the packet at r10-16, which a function that is called a few times by bpf_loop changes.</summary>
    private static void AddCallback(Random random, List<Instruction> program)
    {
        var add = Opcode.Of(InstructionClass.Alu64, AluOperation.Add, false);
        var at = random.Next(10, Math.Max(11, program.Count - 2));
        Instruction[] call =
        [
            new(0x7a, 10, 0, -8, random.Next(64)), new(0x7b, 10, 6, -16, 0), new(Opcode.Mov64Immediate, 1, 0, 0, random.Next(6)),
            new(Opcode.LoadWideImmediate, 2, WideImmediateKind.Function, 0, 0), default, new(Opcode.Mov64Register, 3, 10, 0, 0), new(add, 3, 0, 0, -8),
            new(Opcode.Mov64Immediate, 4, 0, 0, 0), new(Opcode.Call, 0, CallKind.Helper, 0, LoopHelper), new(Opcode.Mov64Register, 1, 6, 0, 0),
            new(Opcode.Mov64Register, 2, 7, 0, 0), new(0x79, 3, 10, -8, 0), new(Opcode.Mov64Register, 4, 6, 0, 0), new(Opcode.Mov64Register, 5, 6, 0, 0),
            new(Opcode.Of(InstructionClass.Alu64, AluOperation.Add, true), 5, 2, 0, 0),
        ];
        if (random.Next(2) == 0)
        {
            call[12] = new(0x79, 4, 10, -16, 0);
        }

        program.InsertRange(at, call);
        program[at + 3] = program[at + 3] with { Immediate = program.Count - (at + 4) };
        program.AddRange([new(Opcode.Mov64Register, 8, 2, 0, 0), new(Opcode.Mov64Immediate, 0, 0, 0, 0), new(0x79, 3, 8, 0, 0)]);
        for (var changes = random.Next(3); changes > 0; changes--)
        {
            var operations = new[] { AluOperation.Add, AluOperation.And, AluOperation.Or, AluOperation.Rsh, AluOperation.Mod };
            program.Add(random.Next(3) == 0 ? new(Opcode.Of(InstructionClass.Alu64, AluOperation.Add, true), 3, 1, 0, 0)
                : new(Opcode.Of(InstructionClass.Alu64, operations[random.Next(operations.Length)], false), 3, 0, 0, random.Next(1, 32)));
        }

        if (random.Next(3) == 0)
        {
            // The last round.
            program.AddRange([new(0xa5, 3, 0, 1, random.Next(64)), new(Opcode.Mov64Immediate, 0, 0, 0, 1)]);
        }

        program.Add(new(random.Next(4) == 0 ? (byte)0x63 : (byte)0x7b, 8, 3, 0, 0));
        if (random.Next(3) == 0)
        {
            program.AddRange([new(0x79, 4, 8, -8, 0), new(add, 4, 0, 0, random.Next(2)), new(0x7b, 8, 4, -8, 0)]);
        }

        program.Add(new(Opcode.Exit, 0, 0, 0, 0));
    }

    private static Instruction[] Generate(Random random, EntryConvention convention)
    {
        var program = new List<Instruction>();
        if (convention == EntryConvention.Xdp)
        {
            // r1 = data, r2 = length, as in the other convention.
            program.AddRange([
                new(0x61, 2, 1, 4, 0), new(0x61, 1, 1, 0, 0), new(Opcode.Of(InstructionClass.Alu64, AluOperation.Sub, true), 2, 1, 0, 0),
            ]);
        }

        program.AddRange([
            new(Opcode.Mov64Immediate, 0, 0, 0, random.Next(64)), new(Opcode.Mov64Immediate, 3, 0, 0, random.Next(8)),
            new(Opcode.Mov64Register, 6, 1, 0, 0), new(Opcode.Mov64Register, 7, 2, 0, 0), new(Opcode.Mov64Register, 4, 1, 0, 0),
            new(Opcode.Mov64Register, 5, 1, 0, 0), new(Opcode.Of(InstructionClass.Alu64, AluOperation.Add, true), 5, 2, 0, 0),
        ]);
        if (random.Next(3) == 0)
        {
            // The part that is hardest to prove, alone: more of these pass.
            VariableOffset(random, program, 0);
            var end = program.Count - 1;
            for (var slot = 0; slot < end; slot++)
            {
                if (program[slot].IsConditionalJump && program[slot].Offset == 0)
                {
                    program[slot] = program[slot] with { Offset = (short)(end - slot) };
                }
            }
        }

        var length = program.Count + (program.Count > 12 ? random.Next(4) : random.Next(3, 14));
        while (program.Count < length)
        {
            Add(random, program, length);
        }

        program.Add(new(Opcode.Mov64Immediate, 0, 0, 0, 1));
        program.Add(new(Opcode.Exit, 0, 0, 0, 0));
        return [.. program];
    }

    /// <summary>A header length from the packet, added to its start, and compared with the length or the end before or after.</summary>
    private static void VariableOffset(Random random, List<Instruction> program, short forward)
    {
        Instruction Alu(AluOperation operation, byte register, int immediate) =>
            new(Opcode.Of(random.Next(4) == 0 ? InstructionClass.Alu : InstructionClass.Alu64, operation, false), register, 0, 0, immediate);
        Instruction Compare(byte left, byte right)
        {
            var operation = (JumpOperation)(new byte[] { 0x20, 0x30, 0xa0, 0xb0, 0x60, 0x70, 0xc0, 0xd0, 0x10, 0x50 }[random.Next(10)]);
            var (dst, src) = random.Next(3) == 0 ? (right, left) : (left, right);
            if (random.Next(3) != 0)
            {
                operation = dst == left ? JumpOperation.Greater : JumpOperation.Less;   // the right way round
            }

            return new((byte)((byte)operation | (random.Next(3) == 0 && right == 7 ? 0x0e : 0x0d)), dst, src, forward, 0);
        }

        program.Add(new(Opcode.Of(InstructionClass.Jmp, JumpOperation.Less, false), 7, 0, forward, random.Next(3) == 0 ? random.Next(1, 20) : 14));
        program.Add(new(0x71, 3, 6, (short)random.Next(0, 12), 0));
        program.Add(Alu(AluOperation.And, 3, random.Next(2) == 0 ? 15 : 62));
        if (random.Next(2) == 0)
        {
            program.Add(Alu(random.Next(2) == 0 ? AluOperation.Add : AluOperation.Or, 3, random.Next(0, 15)));
        }

        if (random.Next(3) == 0)
        {
            // Another value on one path, so that names meet at a join.
            program.Add(new(Opcode.Of(InstructionClass.Jmp, JumpOperation.BitsSet, false), 3, 0, 1, random.Next(16)));
            program.Add(Alu(AluOperation.Add, 3, random.Next(0, 8)));
        }

        var tests = random.Next(3);
        program.Add(new(random.Next(4) == 0 ? (byte)0xbc : Opcode.Mov64Register, 0, 3, 0, 0));
        program.Add(Alu(random.Next(4) == 0 ? AluOperation.Or : AluOperation.Add, 0, random.Next(-2, 24)));
        if (tests == 0)
        {
            program.Add(Compare(0, 7));
        }

        program.Add(new(Opcode.Mov64Register, 4, 6, 0, 0));
        program.Add(new(Opcode.Of(InstructionClass.Alu64, AluOperation.Add, true), 4, (byte)(random.Next(4) == 0 ? 0 : 3), 0, 0));
        if (random.Next(3) == 0)
        {
            program.Add(new(Opcode.Of(InstructionClass.Jmp, JumpOperation.BitsSet, false), 0, 0, 1, random.Next(16)));
            program.Add(new(Opcode.Of(InstructionClass.Alu64, AluOperation.Add, false), 4, 0, 0, random.Next(-4, 8)));
        }

        if (tests == 1)
        {
            program.Add(Compare(0, 7));
        }
        else if (tests == 2)
        {
            program.Add(new(Opcode.Mov64Register, 0, 4, 0, 0));
            program.Add(new(Opcode.Of(InstructionClass.Alu64, AluOperation.Add, false), 0, 0, 0, random.Next(-2, 24)));
            program.Add(Compare(0, 5));
        }

        program.Add(new(new byte[] { 0x61, 0x69, 0x71, 0x79 }[random.Next(4)], 0, 4, (short)(random.Next(2) == 0 ? random.Next(4) : random.Next(-2, 24)), 0));
    }

    private static void Add(Random random, List<Instruction> program, int length)
    {
        byte Register() => (byte)random.Next(8);
        var forward = (short)random.Next(0, Math.Max(1, length - program.Count));
        var sizes = new byte[] { 0x61, 0x69, 0x71, 0x79 };
        switch (random.Next(15))
        {
            case 12 or 13 or 14:
                VariableOffset(random, program, forward);
                break;
            case 0 or 1:
                var operations = new[] { AluOperation.Add, AluOperation.Sub, AluOperation.And, AluOperation.Or, AluOperation.Lsh, AluOperation.Rsh, AluOperation.Arsh, AluOperation.Mul, AluOperation.Xor, AluOperation.Mod, AluOperation.Div };
                var wide = random.Next(3) != 0 ? InstructionClass.Alu64 : InstructionClass.Alu;
                program.Add(new(Opcode.Of(wide, operations[random.Next(operations.Length)], false), Register(), 0, 0, random.Next(4) == 0 ? -random.Next(20) : random.Next(32)));
                break;
            case 2:
                program.Add(new(Opcode.Of(random.Next(3) != 0 ? InstructionClass.Alu64 : InstructionClass.Alu, random.Next(2) == 0 ? AluOperation.Add : AluOperation.Sub, true), Register(), Register(), 0, 0));
                break;
            case 3:
                program.Add(new(random.Next(3) != 0 ? Opcode.Mov64Register : (byte)0xbc, Register(), Register(), 0, 0));
                break;
            case 4 or 5:
                program.Add(new(sizes[random.Next(4)], Register(), (byte)(random.Next(2) == 0 ? random.Next(1, 7) : 4), (short)random.Next(-2, 24), 0));
                break;
            case 6 or 7:
                // A comparison of numbers, most often of the length.
                var comparison = (JumpOperation)(new byte[] { 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0 }[random.Next(11)]);
                var target = (byte)(random.Next(2) == 0 ? 2 : random.Next(8));
                program.Add(new((byte)((byte)comparison | (random.Next(4) == 0 ? 0x06 : 0x05)), target, 0, forward, random.Next(-2, 40)));
                break;
            case 8:
                // A packet address with the packet's end in r5.
                var order = (JumpOperation)(new byte[] { 0x20, 0x30, 0xa0, 0xb0 }[random.Next(4)]);
                var swap = random.Next(2) == 0;
                program.Add(new((byte)((byte)order | 0x0d), swap ? (byte)5 : (byte)4, swap ? (byte)4 : (byte)5, forward, 0));
                break;
            case 9:
                program.Add(new((byte)(random.Next(2) == 0 ? 0x7b : 0x63), 10, Register(), (short)(-4 * random.Next(0, 6)), 0));
                break;
            case 10:
                program.Add(new(sizes[random.Next(4)], Register(), 10, (short)(-4 * random.Next(0, 6)), 0));
                break;
            default:
                program.AddRange([
                    new(0x62, 10, 0, -4, random.Next(5)), new(Opcode.Mov64Register, 2, 10, 0, 0),
                    new(Opcode.Of(InstructionClass.Alu64, AluOperation.Add, false), 2, 0, 0, -4),
                    new(Opcode.LoadWideImmediate, 1, WideImmediateKind.Map, 0, random.Next(2)), new(0, 0, 0, 0, 0),
                    new(Opcode.Call, 0, 0, 0, random.Next(4) == 0 ? 3 : 1),
                ]);
                if (random.Next(3) != 0)
                {
                    program.Add(new(0x15, 0, 0, forward, 0));
                    program.Add(new(sizes[random.Next(4)], Register(), 0, (short)random.Next(-1, 12), 0));
                }

                break;
        }
    }
}
