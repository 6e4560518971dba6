using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
using Oko.Bpf.Jit;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Tests.Conformance;

/// <summary>The 313 programs of the BPF conformance suite, in both engines.</summary>
[TestFixture]
public sealed unsafe class ConformanceTests
{
    private static IEnumerable<string> Names => ConformanceCase.Names;

    [Test]
    public void Suite_IsComplete() => Names.Should().HaveCount(313);

    [TestCaseSource(nameof(Names))]
    public void Interpreter_ConformanceProgram_ReturnsExpectedResult(string name)
    {
        ConformanceCase test = ConformanceCase.Read(name);
        var interpreter = new Interpreter(RawProgram.Wrap(test.Program), []);
        fixed (byte* memory = test.Memory)
        {
            FilterContext context = ContextOf(memory, test.Memory.Length);
            interpreter.Run(&context).Should().Match<ExecutionOutcome>(outcome =>
                outcome.Status == ExecutionStatus.Completed && outcome.Result == test.Result, $"r0 should be 0x{test.Result:x}");
        }
    }

    [TestCaseSource(nameof(Names))]
    public void IlCompiler_ConformanceProgram_ReturnsExpectedResult(string name)
    {
        ConformanceCase test = ConformanceCase.Read(name);
        VerifiedProgram program = RawProgram.Wrap(test.Program);
        Check(test, IlCompiler.Compile(program with { Stack = PlainStackFacts.Of(program) }, []).Method);
    }

    [TestCaseSource(nameof(Names))]
    public void IlCompiler_ConformanceProgramInParts_ReturnsExpectedResult(string name)
    {
        ConformanceCase test = ConformanceCase.Read(name);
        Check(test, IlCompiler.Compile(RawProgram.Wrap(test.Program), [], maxWeight: 8, partWeight: 8).Method);
    }

    private static void Check(ConformanceCase test, FilterMethod method)
    {
        fixed (byte* memory = test.Memory)
        {
            FilterContext context = ContextOf(memory, test.Memory.Length);
            method(&context).Should().Be(test.Result);
        }
    }

    [Test]
    public void Suite_WithStackInLocals_IsMostOfWhatUsesTheStack()
    {
        var usesStack = Names.Select(name => RawProgram.Wrap(ConformanceCase.Read(name).Program))
            .Where(program => program.Instructions.Any(one => one.Class is InstructionClass.St or InstructionClass.Stx && one.Dst == Register.FramePointer)).ToList();
        usesStack.Count(program => PlainStackFacts.Of(program) is { } facts && facts.OffsetAt.Any(offset => offset < 0)).Should().BeGreaterThan(usesStack.Count / 2);
    }

    private static FilterContext ContextOf(byte* memory, int length) =>
        new() { Packet = memory, PacketEnd = memory + length, Length = (ulong)length };
}
