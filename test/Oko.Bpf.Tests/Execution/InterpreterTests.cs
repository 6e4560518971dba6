using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Execution;

[TestFixture]
public sealed unsafe class InterpreterTests
{
    private static readonly MapSpec ReadOnlyArray =
        new("constants", MapType.Array, 4, 8, 2, MapCreateFlags.ReadOnlyForPrograms);

    [Test]
    public void Run_EndlessLoop_ExhaustsBudget()
    {
        ExecutionOutcome outcome = Run("again:\nja again\nexit", budget: 1000);

        outcome.Status.Should().Be(ExecutionStatus.BudgetExhausted);
    }

    [Test]
    public void Run_CountsExecutedInstructions_WideLoadAsOne() =>
        Run("lddw %r0, 7\nja +1\nmov %r0, 1\nexit").Should().Be(new ExecutionOutcome(ExecutionStatus.Completed, 7, 3, 4));

    [Test]
    public void Run_CallsNestedNineDeep_ExceedsDepth() =>
        Run("f:\ncall local f\nexit").Status.Should().Be(ExecutionStatus.CallDepthExceeded);

    [Test]
    public void Run_UnknownHelper_IsInvalidInstruction() =>
        Run("call 99\nexit").Should().Be(new ExecutionOutcome(ExecutionStatus.InvalidInstruction, 0, 1, 0));

    [TestCase("ldxb %r0, [%r1+3]\nexit", ExpectedResult = 4, TestName = "last byte of the packet")]
    [TestCase("mov %r0, 1\nstxdw [%r10-512], %r0\nldxw %r0, [%r10-508]\nexit", ExpectedResult = 0, TestName = "stack")]
    [TestCase("mov %r0, %r2\nexit", ExpectedResult = 4, TestName = "length")]
    [TestCase("mov %r1, 5\ncall local f\nexit\nf:\nstxdw [%r10-8], %r1\nldxdw %r0, [%r10-8]\nexit", ExpectedResult = 5,
        TestName = "frame of a local function")]
    [TestCase("mov %r1, %r10\nstdw [%r10-8], 6\ncall local f\nexit\nf:\nldxdw %r0, [%r1-8]\nexit", ExpectedResult = 6,
        TestName = "frame of the caller")]
    public ulong RunChecked_AllowedAccess_Completes(string source)
    {
        ExecutionOutcome outcome = RunChecked(source, out string? violation);

        violation.Should().BeNull();
        outcome.Status.Should().Be(ExecutionStatus.Completed);
        return outcome.Result;
    }

    [TestCase("ldxb %r0, [%r1+4]\nexit", ExecutionStatus.MemoryViolation, "slot 0: read of 1 bytes at packet offset 4 (length 4)")]
    [TestCase("ldxh %r0, [%r1+3]\nexit", ExecutionStatus.MemoryViolation, "slot 0: read of 2 bytes at packet offset 3 (length 4)")]
    [TestCase("ldxb %r0, [%r1-1]\nexit", ExecutionStatus.MemoryViolation, "slot 0: read of 1 bytes at packet offset -1 (length 4)")]
    [TestCase("stb [%r1], 1\nexit", ExecutionStatus.MemoryViolation, "slot 0: write of 1 bytes at packet offset 0 (length 4)")]
    [TestCase("stb [%r10], 1\nexit", ExecutionStatus.MemoryViolation, "slot 0: write of 1 bytes at stack offset 0")]
    [TestCase("stb [%r10-513], 1\nexit", ExecutionStatus.MemoryViolation, "slot 0: write of 1 bytes at stack offset -513")]
    [TestCase("ldxb %r0, [%r10-1]\nexit", ExecutionStatus.MemoryViolation, "slot 0: read of 1 bytes at frame offset -1: never written")]
    [TestCase("stw [%r10-8], 1\nldxdw %r0, [%r10-8]\nexit", ExecutionStatus.MemoryViolation,
        "slot 1: read of 8 bytes at frame offset -4: never written")]
    [TestCase("mov %r0, %r3\nexit", ExecutionStatus.UninitializedRegister, "slot 0: r3 was never written")]
    [TestCase("exit", ExecutionStatus.UninitializedRegister, "slot 0: r0 was never written")]
    [TestCase("call 5\nmov %r0, %r1\nexit", ExecutionStatus.UninitializedRegister, "slot 1: r1 was never written")]
    [TestCase("stdw [%r10-8], 1\nmov %r1, 1\nlock add32 [%r10-7], %r1\nexit", ExecutionStatus.UnalignedAtomic,
        "slot 2: atomic operation on 4 bytes at stack offset -7")]
    [TestCase("mov %r2, %r10\ncall 1\nexit", ExecutionStatus.InvalidMap, null)]
    [TestCase("ldmap %r1, 0\nmov %r2, %r10\ncall 1\nexit", ExecutionStatus.MemoryViolation, null)]
    [TestCase("stw [%r10-4], 1\nldmap %r1, 0\nmov %r2, %r10\nadd %r2, -4\ncall 1\nstb [%r0], 1\nexit",
        ExecutionStatus.MemoryViolation, null)]
    [TestCase("stw [%r10-4], 1\nldmap %r1, 0\nmov %r2, %r10\nadd %r2, -4\ncall 1\nldxdw %r0, [%r0+1]\nexit",
        ExecutionStatus.MemoryViolation, null)]
    public void RunChecked_ForbiddenAccess_IsReported(string source, ExecutionStatus expected, string? text)
    {
        ExecutionOutcome outcome = RunChecked(source, out string? violation);

        outcome.Status.Should().Be(expected);
        violation.Should().NotBeNull();
        if (text is not null)
        {
            violation.Should().Be(text);
        }
    }

    [Test]
    public void RunChecked_XdpContext_IsReadableAndNotWritable()
    {
        RunChecked("ldxw %r0, [%r1+24]\nexit", out _, EntryConvention.Xdp).Result.Should().Be(7);
        RunChecked("stw [%r1+24], 1\nexit", out _, EntryConvention.Xdp).Status.Should().Be(ExecutionStatus.MemoryViolation);
    }

    private static ExecutionOutcome Run(string source, long budget = Interpreter.DefaultBudget)
    {
        FilterContext context = default;
        return new Interpreter(TestProgram.Assemble(source), []).Run(&context, budget);
    }

    private static ExecutionOutcome RunChecked(
        string source, out string? violation, EntryConvention convention = EntryConvention.Oko)
    {
        using var map = BpfMap.Create(ReadOnlyArray);
        fixed (byte* packet = new byte[] { 1, 2, 3, 4 })
        {
            FilterContext context = new() { Packet = packet, PacketEnd = packet + 4, Length = 4, InPort = 7 };
            return new Interpreter(TestProgram.Assemble(source, convention, false, ReadOnlyArray), [map])
                .RunChecked(&context, out violation);
        }
    }
}
