using System.Collections.Immutable;
using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
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

    [Test]
    public unsafe void AcceptedPrograms_RunChecked_BreakNoRule([Range(1, 10)] int seed)
    {
        var random = new Random(seed);
        var accepted = 0;
        using var hash = BpfMap.Create(Maps[0]);
        using var array = BpfMap.Create(Maps[1]);
        for (var round = 0; round < 20_000; round++)
        {
            var source = Generate(random);
            VerifiedProgram program;
            try
            {
                program = ProgramVerifier.Verify(new VerifierInput
                {
                    Name = "random", Convention = EntryConvention.Oko, Instructions = source, Maps = Maps,
                });
            }
            catch (VerificationException)
            {
                continue;
            }

            accepted++;
            var interpreter = new Interpreter(program, [hash, array]);
            for (var packets = 0; packets < 6; packets++)
            {
                var bytes = new byte[random.Next(1, 80)];
                random.NextBytes(bytes);
                using var packet = new TestPacket(bytes);
                var context = packet.Context;
                var outcome = interpreter.RunChecked(&context, out var violation);
                violation.Should().BeNull("seed {0}, round {1}:\n{2}", seed, round, string.Join('\n', source.Select((one, at) => $"{at}: {one}")));
                outcome.Status.Should().Be(ExecutionStatus.Completed);
                outcome.Instructions.Should().BeLessThanOrEqualTo(program.WorstCaseInstructions);
            }
        }

        TestContext.Out.WriteLine($"seed {seed}: {accepted} of 20000 accepted");
        accepted.Should().BeGreaterThan(500, "the generator must make programs that pass");
    }

    private static Instruction[] Generate(Random random)
    {
        var program = new List<Instruction>
        {
            new(Opcode.Mov64Immediate, 0, 0, 0, random.Next(64)), new(Opcode.Mov64Immediate, 3, 0, 0, random.Next(8)),
            new(Opcode.Mov64Register, 6, 1, 0, 0), new(Opcode.Mov64Register, 7, 2, 0, 0), new(Opcode.Mov64Register, 4, 1, 0, 0),
            new(Opcode.Mov64Register, 5, 1, 0, 0), new(Opcode.Of(InstructionClass.Alu64, AluOperation.Add, true), 5, 2, 0, 0),
        };
        var length = program.Count + random.Next(3, 14);
        while (program.Count < length)
        {
            Add(random, program, length);
        }

        program.Add(new(Opcode.Mov64Immediate, 0, 0, 0, 1));
        program.Add(new(Opcode.Exit, 0, 0, 0, 0));
        return [.. program];
    }

    private static void Add(Random random, List<Instruction> program, int length)
    {
        byte Register() => (byte)random.Next(8);
        var forward = (short)random.Next(0, Math.Max(1, length - program.Count));
        var sizes = new byte[] { 0x61, 0x69, 0x71, 0x79 };
        switch (random.Next(12))
        {
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
