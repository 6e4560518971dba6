using System.Collections.Immutable;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Text;
using Oko.Bpf.Verifier;

namespace Oko.Bpf.Tests.Verifier;

public sealed class VerifierTests
{
    private static readonly ImmutableArray<MapSpec> Maps = [new MapSpec("m", MapType.Hash, 4, 16, 8, 0), new MapSpec("a", MapType.Array, 4, 8, 4, 0)];

    [Test]
    public void Verify_ManyBranches_CostsLittle()
    {
        // A verifier that follows paths would walk 2^500 of them.
        var source = string.Concat(Enumerable.Range(0, 500).Select(_ => "jeq %r2, 7, +1; add %r3, 1; "));
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Accept("mov %r3, 0; " + source + "mov %r0, 0; exit").WorstCaseInstructions.Should().Be(1003);
        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(2));
    }

    [Test]
    public void Verify_ManyNamesAndProofs_CostsLittle()
    {
        // Each round names another number and proves something about it; all but the last are never used again.
        var source = string.Concat(Enumerable.Repeat("ldxb %r3, [%r1+0]; mov %r4, %r1; add %r4, %r3; mov %r5, %r3; jgt %r5, %r2, +1; ldxb %r0, [%r1+1]; ", 5000));
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Accept("mov %r0, 0; jge %r2, 20, +1; exit; " + source + "mov %r0, 0; exit").WorstCaseInstructions.Should().Be(30004);
        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(3));
    }

    [Test]
    public void Verify_ManyPendingBranchesWithFullStack_IsRefusedBeforeItTakesMemory()
    {
        const int branches = 30_000;
        var program = new List<Instruction>();
        for (short offset = 8; offset <= 512; offset += 8)
        {
            program.Add(new(Opcode.StoreDoubleWord, 10, 2, (short)-offset, 0));
        }

        // Each branch leads to an instruction of its own behind all of them, so that every state has to be kept.
        for (var index = 0; index < branches; index++)
        {
            program.Add(new(0x15, 2, 0, branches, index));
        }

        for (var index = 0; index <= branches; index++)
        {
            program.Add(new(Opcode.Mov64Immediate, 0, 0, 0, 0));
        }

        program.Add(new(Opcode.Exit, 0, 0, 0, 0));
        var before = GC.GetAllocatedBytesForCurrentThread();
        FluentActions.Invoking(() => ProgramVerifier.Verify(new VerifierInput
        {
            Name = "wide", Convention = EntryConvention.Oko, Instructions = [.. program], Maps = Maps,
        })).Should().Throw<VerificationException>().Which.Report.Message.Should().Contain("wait");
        TestContext.Out.WriteLine($"{(GC.GetAllocatedBytesForCurrentThread() - before) >> 20} MiB allocated");
    }

    private static VerifiedProgram Accept(string source, EntryConvention convention = EntryConvention.Oko) =>
        ProgramVerifier.Verify(new VerifierInput { Name = "test", Convention = convention, Instructions = Programs.Assemble(source), Maps = Maps });
}
