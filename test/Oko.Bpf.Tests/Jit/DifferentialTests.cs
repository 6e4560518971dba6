using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
using Oko.Bpf.Jit;
using Oko.Bpf.Loading;
using Oko.Bpf.Text;

namespace Oko.Bpf.Tests.Jit;

/// <summary>Random programs (arithmetic, forward jumps, stack, packet) must end alike in both engines. A failure prints the
/// seed and the program.</summary>
[TestFixture]
public sealed unsafe class DifferentialTests
{
    private const int ProgramsPerCase = 100;

    [Test]
    public void Engines_RandomPrograms_Agree([Range(1, 10)] int caseNumber)
    {
        for (int i = 0; i < ProgramsPerCase; i++)
        {
            int seed = (caseNumber * 100_000) + i;
            var random = new Random(seed);
            Instruction[] instructions = RandomProgram.Create(random, random.Next(5, 120));
            var packet = new byte[64];
            random.NextBytes(packet);
            Compare(RawProgram.Wrap(instructions), packet, seed);
        }
    }

    private static void Compare(VerifiedProgram program, byte[] packet, int seed)
    {
        FilterMethod compiled = IlCompiler.Compile(program, []).Method;
        FilterMethod split = IlCompiler.Compile(program, [], maxWeight: 40, partWeight: 40).Method;
        var interpreter = new Interpreter(program, []);
        fixed (byte* bytes = packet)
        {
            FilterContext context = new() { Packet = bytes, PacketEnd = bytes + packet.Length, Length = (ulong)packet.Length };
            ExecutionOutcome trusting = interpreter.Run(&context);
            ExecutionOutcome checking = interpreter.RunChecked(&context, out string? violation);
            ulong result = compiled(&context);

            string because = $"seed {seed}\n{Disassembler.Format(program.Instructions)}".Replace("{", "{{").Replace("}", "}}");
            violation.Should().BeNull(because);
            checking.Should().Be(trusting, because);
            trusting.Status.Should().Be(ExecutionStatus.Completed, because);
            result.Should().Be(trusting.Result, because);
            split(&context).Should().Be(trusting.Result, because);
        }
    }
}
