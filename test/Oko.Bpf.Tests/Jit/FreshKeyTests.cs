using Oko.Bpf.Execution;
using Oko.Bpf.Jit;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Tests.Execution;

namespace Oko.Bpf.Tests.Jit;

/// <summary>Lookups must find the key that lies in memory, also when the compiler takes it from what was just stored.</summary>
public sealed unsafe class FreshKeyTests
{
    // r1 is the packet, r6 = 0, r7 = r10 - 8; keys 1 to 9 have the values 10 to 90.
    [TestCase("mov %r3, 5; stxw [%r10-4], %r3", "-4", 50)]
    [TestCase("mov %r3, 5; stxw [%r10-4], %r3; mov %r3, 6", "-4", 50)]
    [TestCase("lddw %r3, 0xffffffff00000005; stxw [%r10-4], %r3", "-4", 50)]
    [TestCase("mov %r3, 5; stxw [%r10-4], %r3; stw [%r10-4], 6", "-4", 60)]
    [TestCase("mov %r3, 5; stxw [%r10-4], %r3; stxb [%r10-4], %r8", "-4", 70)]
    [TestCase("mov %r3, 5; stxw [%r10-4], %r3; stxw [%r7+4], %r8", "-4", 70)]
    [TestCase("mov %r3, 5; mov %r4, 6; stxw [%r10-4], %r3; stxw [%r10-8], %r4", "-4", 50)]
    [TestCase("mov %r3, 5; mov %r4, 6; stxw [%r10-4], %r3; stxw [%r10-8], %r4", "-8", 60)]
    [TestCase("lddw %r3, 0x600000005; stxdw [%r10-8], %r3", "-4", 60)]
    [TestCase("mov %r3, 5; stxw [%r10-4], %r3; mov %r4, 2; lock fetch add32 [%r10-4], %r4", "-4", 70)]
    [TestCase("mov %r3, 5; stxw [%r10-4], %r3; jeq %r6, 1, other; stw [%r10-4], 6; other: mov %r4, 0", "-4", 60)]
    [TestCase("stw [%r10-4], 6; jeq %r6, 0, other; mov %r3, 5; stxw [%r10-4], %r3; other: mov %r4, 0", "-4", 60)]
    [TestCase("stw [%r10-8], 8; mov %r5, %r10; add %r5, -4; mov %r3, 5; stxw [%r5+0], %r3; add %r5, %r6; add %r5, -4; stw [%r5+0], 9", "-8", 90)]
    public void Lookup_KeyStoredBefore_FindsWhatLiesInMemory(string store, string offset, int value)
    {
        Check(4, store, offset, value);
    }

    [TestCase("lddw %r3, 0x0000000000000005; stxdw [%r10-8], %r3", 50)]
    [TestCase("lddw %r3, 0x0000000000000005; stxdw [%r10-8], %r3; stw [%r10-8], 6", 60)]
    [TestCase("lddw %r3, 0x0000000000000005; stxdw [%r10-8], %r3; mov %r4, 1; lock fetch add [%r10-8], %r4", 60)]
    [TestCase("lddw %r3, 0x0000000000000005; stxdw [%r10-8], %r3; mov %r3, 7; stxw [%r10-8], %r3", 70)]
    public void Lookup_KeyOfEightBytesStoredBefore_FindsWhatLiesInMemory(string store, int value) =>
        Check(8, store, "-8", value);

    private static void Check(int keySize, string store, string offset, int value)
    {
        var spec = new MapSpec("keys", MapType.Hash, (uint)keySize, 8, 16, 0);
        string source = "mov %r6, 0; mov %r8, 7; mov %r7, %r10; add %r7, -8; stdw [%r10-8], 0; stdw [%r10-16], 0; "
            + $"{store}; ldmap %r1, 0; mov %r2, %r10; add %r2, {offset}; call 1; jeq %r0, 0, missing; ldxdw %r0, [%r0]; exit; missing: mov %r0, -1; exit";
        VerifiedProgram program = TestProgram.Assemble(source.Replace("; ", "\n").Replace(": ", ":\n"), EntryConvention.Oko, false, spec);
        using var map = BpfMap.Create(spec);
        for (byte key = 1; key < 10; key++)
        {
            map.Update([key, .. new byte[keySize - 1]], [(byte)(key * 10), .. new byte[7]], MapUpdateFlags.Any);
        }

        FilterContext context = default;
        new Interpreter(program, [map]).Run(&context).Result.Should().Be((ulong)value);
        IlCompiler.Compile(program, [map]).Method(&context).Should().Be((ulong)value);
    }
}
