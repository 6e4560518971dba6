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

    // r3 = a header length, even, in 0..60.
    private const string Offset = "mov %r0, 0; jge %r2, 20, +1; exit; ldxb %r3, [%r1+14]; and %r3, 15; lsh %r3, 2; ";

    // r4 = one of two numbers, each 8 more than something compared with the length: r4 bytes exist, none behind them.
    private const string TwoOffsets = Offset + "mov %r4, %r3; add %r4, 8; jgt %r4, %r2, +9; ldxb %r6, [%r1+1]; and %r6, 15; mov %r7, %r6; add %r7, 8; jgt %r7, %r2, +4; "
        + "jset %r6, 1, +1; mov %r4, %r7; add %r1, %r4; ";

    /// <summary>Oko's convention: r1 = packet, r2 = length.</summary>
    [TestCase("mov %r0, 1; exit")]
    [TestCase("mov %r0, 0; jlt %r2, 34, +1; ldxw %r0, [%r1+30]; exit")]
    [TestCase("mov %r0, 0; mov %r3, 34; jgt %r3, %r2, +1; ldxw %r0, [%r1+30]; exit")]
    [TestCase("mov %r0, 0; jgt %r2, 33, +1; exit; ldxb %r0, [%r1+33]; exit")]
    [TestCase("mov %r0, 0; jge %r2, 34, +1; exit; ldxb %r0, [%r1+33]; exit")]
    [TestCase("mov %r0, 0; mov32 %r3, %r2; jlt32 %r3, 34, +1; ldxb %r0, [%r1+33]; exit")]
    [TestCase("mov %r0, 0; mov %r4, %r1; add %r4, %r2; mov %r3, %r1; add %r3, 14; jgt %r3, %r4, +1; ldxb %r0, [%r1+13]; exit")]
    [TestCase("mov %r0, 0; mov %r4, %r1; add %r4, %r2; mov %r3, %r1; add %r3, 14; jge %r4, %r3, +1; exit; ldxb %r0, [%r1+13]; exit")]
    [TestCase("stxdw [%r10-8], %r1; ldxdw %r3, [%r10-8]; mov %r0, 0; jlt %r2, 1, +1; ldxb %r0, [%r3+0]; exit")]
    [TestCase("stw [%r10-4], 7; ldxw %r0, [%r10-4]; exit")]
    // A variable header length, bounded by its mask, then compared with the end.
    [TestCase("mov %r0, 0; jlt %r2, 20, +11; mov %r5, %r1; add %r5, %r2; ldxb %r3, [%r1+14]; and %r3, 15; lsh %r3, 2; mov %r4, %r1; add %r4, %r3; mov %r6, %r4; add %r6, 4; jgt %r6, %r5, +1; ldxw %r0, [%r4+0]; exit")]
    // Two offsets join to one address; what lies behind it is known on both paths.
    [TestCase("mov %r0, 0; jlt %r2, 60, +6; ldxb %r3, [%r1+12]; mov %r4, %r1; add %r4, 14; jeq %r3, 8, +1; add %r4, 4; ldxb %r0, [%r4+20]; exit")]
    // The same in Oko's way: the number is compared with the length, in any order and width, before or after the address is made.
    [TestCase(Offset + "mov %r4, %r3; add %r4, 4; jgt %r4, %r2, +2; add %r1, %r3; ldxw %r0, [%r1+0]; exit")]
    [TestCase(Offset + "mov %r4, %r3; add %r4, 4; jgt32 %r4, %r2, +2; add %r1, %r3; ldxw %r0, [%r1+0]; exit")]
    [TestCase(Offset + "mov %r4, %r3; add %r4, 4; jlt %r2, %r4, +2; add %r1, %r3; ldxw %r0, [%r1+0]; exit")]
    [TestCase(Offset + "mov %r4, %r3; add %r4, 4; jsgt %r4, %r2, +2; add %r1, %r3; ldxw %r0, [%r1+0]; exit")]
    [TestCase(Offset + "add %r1, %r3; add %r3, 4; jgt %r3, %r2, +1; ldxw %r0, [%r1+0]; exit")]
    [TestCase(Offset + "mov %r4, %r3; jge %r4, %r2, +2; add %r3, %r1; ldxb %r0, [%r3+0]; exit")]
    [TestCase(Offset + "mov %r4, %r3; or %r4, 1; jge %r4, %r2, +2; add %r3, %r1; ldxb %r0, [%r3+1]; exit")]
    [TestCase(TwoOffsets + "ldxb %r0, [%r1-1]; exit")]
    // A signed range is an unsigned one once the sign is known.
    [TestCase("mov %r0, 0; jge %r2, 20, +1; exit; ldxw %r3, [%r1+0]; jslt32 %r3, 0, +3; jsgt32 %r3, 16, +2; add %r1, %r3; ldxb %r0, [%r1+0]; exit")]
    [TestCase("mov %r0, 0; jge %r2, 20, +1; exit; ldxdw %r3, [%r1+0]; jsgt %r3, -1, +1; exit; jsge %r3, 17, +2; add %r1, %r3; ldxb %r0, [%r1+3]; exit")]
    public void Verify_SafeProgram_IsAccepted(string source) => Accept(source);

    [TestCase("ldxb %r0, [%r1+0]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase("mov %r0, 0; jlt %r2, 34, +1; ldxb %r0, [%r1+40]; exit", VerifierVerdict.Unsafe, "40 of the packet")]
    [TestCase("mov %r0, 0; jlt %r2, 34, +1; ldxw %r0, [%r1+31]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase("mov %r0, 0; jlt %r2, 34, +1; ldxb %r0, [%r1-1]; exit", VerifierVerdict.Unsafe, "in front of the packet")]
    // An upper bound or an equality says nothing about what exists.
    [TestCase("mov %r0, 0; jgt %r2, 5000, +1; ldxb %r0, [%r1+1000]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase("mov %r0, 0; jeq %r2, 77, +1; exit; ldxb %r0, [%r1+1000]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase("mov %r0, 0; jlt %r2, 34, +1; exit; ldxb %r0, [%r1+33]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase("mov %r0, 0; jlt %r2, 34, +1; stb [%r1+0], 1; exit", VerifierVerdict.Unsafe, "writes to the packet")]
    [TestCase("mov %r0, 1; ja -2", VerifierVerdict.CannotProve, "may not end")]
    [TestCase("mov %r0, 1", VerifierVerdict.Unsafe, "past its end")]
    [TestCase("exit", VerifierVerdict.Unsafe, "r0 holds no result")]
    [TestCase("mov %r0, %r3; exit", VerifierVerdict.Unsafe, "r3 is read but was not written")]
    [TestCase("mov %r0, %r1; exit", VerifierVerdict.Unsafe, "the result is an address")]
    [TestCase("mov %r10, 0; mov %r0, 0; exit", VerifierVerdict.Unsafe, "r10")]
    [TestCase("stdw [%r10-4], 1; mov %r0, 0; exit", VerifierVerdict.Unsafe, "outside the stack")]
    [TestCase("stdw [%r10-520], 1; mov %r0, 0; exit", VerifierVerdict.Unsafe, "outside the stack")]
    [TestCase("ldxdw %r0, [%r10-8]; exit", VerifierVerdict.Unsafe, "not all written")]
    [TestCase("stw [%r10-8], 1; ldxdw %r0, [%r10-8]; exit", VerifierVerdict.Unsafe, "not all written")]
    [TestCase("stxdw [%r10-8], %r1; ldxw %r0, [%r10-8]; exit", VerifierVerdict.Unsafe, "part of an address")]
    [TestCase("stxdw [%r10-8], %r1; stb [%r10-8], 0; ldxb %r0, [%r10-7]; exit", VerifierVerdict.Unsafe, "not all written")]
    [TestCase("stxdw [%r10-12], %r1; mov %r0, 0; exit", VerifierVerdict.CannotProve, "spilled")]
    [TestCase("jeq %r2, 1, +1; mov %r3, 1; mov %r0, %r3; exit", VerifierVerdict.Unsafe, "r3 is read but was not written")]
    [TestCase("mov %r3, 1; jeq %r2, 1, +1; mov %r3, %r1; mov %r0, %r3; exit", VerifierVerdict.CannotProve, "different kinds")]
    [TestCase("mul %r1, 2; mov %r0, 0; exit", VerifierVerdict.Unsafe, "arithmetic on an address")]
    [TestCase("add32 %r1, 2; mov %r0, 0; exit", VerifierVerdict.Unsafe, "32-bit arithmetic")]
    [TestCase("mov %r0, 0; jgt %r1, 5, +0; exit", VerifierVerdict.Unsafe, "where memory lies")]
    [TestCase("mov %r3, %r10; sub %r3, %r1; mov %r0, %r3; exit", VerifierVerdict.Unsafe, "where memory lies")]
    [TestCase("mov %r0, 0; add %r1, %r2; add %r1, 1; exit", VerifierVerdict.Unsafe, "end of packet")]
    [TestCase("mov %r0, 0; jlt %r2, 34, +3; ldxdw %r3, [%r1+0]; add %r1, %r3; ldxb %r0, [%r1+0]; exit", VerifierVerdict.CannotProve, "no small bound")]
    [TestCase("mov %r0, 0; jlt %r2, 34, +3; ldxb %r3, [%r1+0]; add %r1, %r3; ldxb %r0, [%r1+0]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase(Offset + "mov %r4, %r3; add %r4, 3; jgt %r4, %r2, +2; add %r1, %r3; ldxw %r0, [%r1+0]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase(Offset + "mov %r4, %r3; add %r4, 4; jlt %r4, %r2, +2; add %r1, %r3; ldxw %r0, [%r1+0]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase(Offset + "mov %r4, %r3; add %r4, 4; jgt %r4, %r2, +3; add %r3, 2; add %r1, %r3; ldxw %r0, [%r1+0]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase(Offset + "mov %r4, %r3; add %r4, 4; jgt %r4, %r2, +3; mul %r3, 2; add %r1, %r3; ldxw %r0, [%r1+0]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase(Offset + "mov %r4, %r3; or %r4, 4; jgt %r4, %r2, +2; add %r1, %r3; ldxw %r0, [%r1+0]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase(Offset + "mov %r4, %r3; add %r2, 4; add %r4, 4; jgt %r4, %r2, +2; add %r1, %r3; ldxw %r0, [%r1+0]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase(Offset + "mov %r4, %r3; add32 %r4, -4; jgt %r4, %r2, +2; add %r1, %r3; ldxb %r0, [%r1-8]; exit", VerifierVerdict.Unsafe, "in front of the packet")]
    [TestCase(TwoOffsets + "ldxb %r0, [%r1+0]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase(Offset + "mov %r4, %r3; add %r4, 8; jgt %r4, %r2, +5; mov %r4, %r3; jset %r3, 4, +1; add %r4, 8; add %r1, %r4; ldxb %r0, [%r1+7]; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase("mov %r0, 0; jge %r2, 20, +1; exit; ldxw %r3, [%r1+0]; jsgt32 %r3, 16, +2; add %r1, %r3; ldxb %r0, [%r1+0]; exit", VerifierVerdict.CannotProve, "no small bound")]
    [TestCase("mov %r0, 0; jge %r2, 20, +1; exit; ldxdw %r3, [%r1+0]; jslt32 %r3, 0, +3; jsgt32 %r3, 16, +2; add %r1, %r3; ldxb %r0, [%r1+0]; exit", VerifierVerdict.CannotProve, "no small bound")]
    [TestCase("mov %r0, 0; jge %r2, 20, +1; exit; ldxw %r3, [%r1+0]; jslt %r3, 0, +3; jsgt32 %r3, 16, +2; add %r1, %r3; ldxb %r0, [%r1+0]; exit", VerifierVerdict.CannotProve, "no small bound")]
    [TestCase("ldxw %r0, [%r3+0]; exit", VerifierVerdict.Unsafe, "r3")]
    [TestCase("mov %r3, 4096; ldxw %r0, [%r3+0]; exit", VerifierVerdict.Unsafe, "at a number")]
    [TestCase("mov %r1, 1; call 5; mov %r0, %r1; exit", VerifierVerdict.Unsafe, "r1 is read")]
    [TestCase("call 99; exit", VerifierVerdict.NotSupported, "helper 99")]
    [TestCase("mov %r1, 1; call 1; mov %r0, 0; exit", VerifierVerdict.Unsafe, "must be a map")]
    [TestCase("lock add [%r10-8], %r2; mov %r0, 0; exit", VerifierVerdict.Unsafe, "not all written")]
    [TestCase("stdw [%r10-16], 0; lock add [%r10-12], %r2; mov %r0, 0; exit", VerifierVerdict.CannotProve, "multiple of 8")]
    [TestCase("stxdw [%r10-8], %r1; lock add [%r10-8], %r2; mov %r0, 0; exit", VerifierVerdict.Unsafe, "part of an address")]
    [TestCase("mov %r0, 0; jlt %r2, 34, +1; lock add32 [%r1+0], %r2; exit", VerifierVerdict.Unsafe, "writes to the packet")]
    public void Verify_UnsafeProgram_IsRefusedWithTheReason(string source, VerifierVerdict verdict, string reason) => Refuse(source, verdict, reason);

    private const string Lookup = "stw [%r10-4], 1; mov %r2, %r10; add %r2, -4; lddw %r1, MAP0; call 1; ";

    [TestCase(Lookup + "jeq %r0, 0, +1; ldxdw %r0, [%r0+8]; mov %r0, 0; exit")]
    [TestCase(Lookup + "mov %r6, %r0; jne %r6, 0, +2; mov %r0, 0; exit; ldxdw %r0, [%r0+0]; exit")]
    [TestCase(Lookup + "stxdw [%r10-16], %r0; jeq %r0, 0, +2; ldxdw %r3, [%r10-16]; stdw [%r3+0], 1; mov %r0, 0; exit")]
    [TestCase(Lookup + "jeq %r0, 0, +2; mov %r3, 1; lock add [%r0+0], %r3; mov %r0, 0; exit")]
    [TestCase(Lookup + "jeq %r0, 0, +4; ldxb %r3, [%r0+0]; and %r3, 7; add %r0, %r3; ldxb %r0, [%r0+8]; mov %r0, 0; exit", Description = "variable offset")]
    public void Verify_MapAccess_IsAccepted(string source) => Accept(source);

    [TestCase(Lookup + "ldxdw %r0, [%r0+0]; exit", VerifierVerdict.Unsafe, "may be 0")]
    [TestCase(Lookup + "jne %r0, 0, +1; ldxdw %r0, [%r0+0]; mov %r0, 0; exit", VerifierVerdict.Unsafe, "at a number")]
    [TestCase(Lookup + "jeq %r0, 0, +1; ldxdw %r0, [%r0+12]; mov %r0, 0; exit", VerifierVerdict.Unsafe, "which has 16 bytes")]
    [TestCase(Lookup + "jeq %r0, 0, +1; stxdw [%r0+0], %r10; mov %r0, 0; exit", VerifierVerdict.Unsafe, "stored in a map")]
    [TestCase(Lookup + "jeq %r0, 0, +3; ldxb %r3, [%r0+0]; add %r0, %r3; ldxb %r0, [%r0+0]; mov %r0, 0; exit", VerifierVerdict.Unsafe, "which has 16 bytes")]
    [TestCase(Lookup + "jeq %r0, 0, +1; ldxb %r3, [%r0-1]; mov %r0, 0; exit", VerifierVerdict.Unsafe, "which has 16 bytes")]
    [TestCase("mov %r2, %r10; add %r2, -4; lddw %r1, MAP0; call 1; mov %r0, 0; exit", VerifierVerdict.Unsafe, "not all written")]
    [TestCase("mov %r2, %r10; lddw %r1, MAP0; call 1; mov %r0, 0; exit", VerifierVerdict.Unsafe, "outside the stack")]
    [TestCase("mov %r2, 5; lddw %r1, MAP0; call 1; mov %r0, 0; exit", VerifierVerdict.Unsafe, "must point to the key")]
    [TestCase("stxdw [%r10-8], %r10; mov %r2, %r10; add %r2, -8; lddw %r1, MAP0; call 1; mov %r0, 0; exit", VerifierVerdict.Unsafe, "part of an address")]
    [TestCase("mov %r2, %r1; lddw %r1, MAP0; call 1; mov %r0, 0; exit", VerifierVerdict.Unsafe, "of the packet")]
    [TestCase("lddw %r1, MAP7; mov %r0, 0; exit", VerifierVerdict.Unsafe, "does not exist")]
    [TestCase("lddw %r1, MAP0; ldxw %r0, [%r1+0]; exit", VerifierVerdict.Unsafe, "map 0")]
    [TestCase("lddw %r0, MAP0; exit", VerifierVerdict.Unsafe, "the result is an address")]
    public void Verify_WrongMapAccess_IsRefused(string source, VerifierVerdict verdict, string reason) => Refuse(source, verdict, reason);

    [TestCase("ldxw %r2, [%r1+0]; ldxw %r3, [%r1+4]; mov %r0, 0; mov %r4, %r2; add %r4, 14; jgt %r4, %r3, +1; ldxb %r0, [%r2+13]; exit")]
    [TestCase("ldxw %r2, [%r1+0]; ldxw %r3, [%r1+4]; mov %r0, 0; mov %r4, %r3; sub %r4, %r2; jlt %r4, 14, +1; ldxb %r0, [%r2+13]; exit")]
    [TestCase("ldxw %r0, [%r1+12]; exit")]
    public void Verify_XdpContext_IsRewritten(string source) => Accept(source, EntryConvention.Xdp);

    [TestCase("ldxdw %r2, [%r1+0]; mov %r0, 0; exit", EntryConvention.Xdp, VerifierVerdict.NotSupported, "8 bytes of the context")]
    [TestCase("ldxw %r0, [%r1+20]; exit", EntryConvention.Xdp, VerifierVerdict.NotSupported, "offset 20")]
    [TestCase("stw [%r1+0], 1; mov %r0, 0; exit", EntryConvention.Xdp, VerifierVerdict.Unsafe, "context")]
    [TestCase("add %r1, 32767; add %r1, 9; ldxw %r0, [%r1-32768]; exit", EntryConvention.Xdp, VerifierVerdict.NotSupported, "away from it")]
    [TestCase("ldxw %r0, [%r1+76]; exit", EntryConvention.Socket, VerifierVerdict.NotSupported, "offset 76")]
    public void Verify_WrongContextAccess_IsRefused(string source, EntryConvention convention, VerifierVerdict verdict, string reason) =>
        Refuse(source, verdict, reason, convention);

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

    private static void Refuse(string source, VerifierVerdict verdict, string reason, EntryConvention convention = EntryConvention.Oko)
    {
        var report = FluentActions.Invoking(() => Accept(source, convention)).Should().Throw<VerificationException>().Which.Report;
        report.Message.Should().Contain(reason);
        report.Verdict.Should().Be(verdict, report.Message);
    }

    private static VerifiedProgram Accept(string source, EntryConvention convention = EntryConvention.Oko) =>
        ProgramVerifier.Verify(new VerifierInput { Name = "test", Convention = convention, Instructions = Programs.Assemble(source), Maps = Maps });
}
