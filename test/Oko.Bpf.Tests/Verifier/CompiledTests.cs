using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Tests.Execution;
using Oko.Bpf.Verifier;

namespace Oko.Bpf.Tests.Verifier;

/// <summary>What the verifier hands over must be what the compiler can translate, whatever it left out as unreachable.</summary>
public sealed class CompiledTests
{
    [TestCase("mov %r0, 1; jeq %r0, 1, +1; mov %r0, 0; exit", true, Description = "always taken")]
    [TestCase("mov %r0, 1; jne %r0, 1, +1; exit; mov %r0, 0; exit", true, Description = "never taken, the target unreachable")]
    [TestCase("mov %r0, 1; jeq %r0, 1, +2; mov %r0, 0; exit; exit", true)]
    [TestCase("mov %r0, 0; ja +2; mov %r0, 7; exit; add %r0, 1; exit", true)]
    [TestCase("mov %r0, 1; jgt %r2, 65535, +1; exit; mov %r0, 0; exit", true, Description = "no packet is that long")]
    [TestCase("mov %r0, 1; mov %r3, 5; jge %r3, 5, +1; ldxw %r0, [%r3+0]; exit", true, Description = "the wrong access is never reached")]
    public unsafe void Create_DecidedBranches_CompilesAndAgrees(string source, bool expected)
    {
        var program = ProgramVerifier.Verify(new VerifierInput { Name = "test", Convention = EntryConvention.Oko, Instructions = Programs.Assemble(source) });
        using var filter = LoadedFilter.Create(program);
        using var packet = new TestPacket(new byte[60]);
        var context = packet.Context;
        filter.Matches(&context).Should().Be(expected);
        new Interpreter(program, []).RunChecked(&context, out var violation).Result.Should().Be(expected ? 1UL : 0UL);
        violation.Should().BeNull();
    }
}
