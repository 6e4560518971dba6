using Oko.Bpf.Elf;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Text;

namespace Oko.Bpf.Tests.Elf;

public sealed class ElfWriterTests
{
    [TestCase("socket", "a", EntryConvention.Socket)]
    [TestCase("xdp", "a_longer_name", EntryConvention.Xdp)]
    [TestCase("oko/filter", "f", EntryConvention.Oko)]
    [TestCase("?xdp", "on_demand", EntryConvention.Xdp)]
    [TestCase("socket1", "of_the_samples", EntryConvention.Socket)]
    public void Object_Written_IsReadBackAsItWas(string section, string function, EntryConvention convention)
    {
        var program = Assembler.Assemble("mov %r0, -2\nlddw %r1, 0x1122334455667788\nstxdw [%r10-8], %r1\nexit");
        var spec = ObjectLoader.Load(ElfWriter.Write(section, function, program));
        spec.Maps.Should().BeEmpty();
        spec.Programs.Single().Should().BeEquivalentTo(new { Name = function, Section = section, Convention = convention, Instructions = program });
    }

    [Test]
    public void Symbols_ThatNameOneLongFunctionManyTimes_AreRefusedInNoTime()
    {
        var code = Enumerable.Repeat(new Instruction(Opcode.Mov64Immediate, 0, 0, 0, 1), 2000).Append(new Instruction(Opcode.Exit, 0, 0, 0, 0)).ToArray();
        FluentActions.Invoking(() => ObjectLoader.Load(WithSymbols(ElfWriter.Write("xdp", "f", code), 1000)))
            .Should().Throw<ElfFormatException>().WithMessage("*instructions together*");
        FluentActions.Invoking(() => ObjectLoader.Load(WithSymbols(ElfWriter.Write("xdp", "f", code), 1500)))
            .Should().Throw<ElfFormatException>().WithMessage("*1501 programs; at most 1024*");
        ObjectLoader.Load(WithSymbols(ElfWriter.Write("xdp", "f", code), 1000), "f").Programs.Should().ContainSingle();
    }

    /// <summary>The object with its one symbol repeated.</summary>
    private static byte[] WithSymbols(byte[] elf, int count)
    {
        var headers = (int)BitConverter.ToUInt64(elf, 40);
        var table = headers + (3 * 64);
        var symbols = elf.AsSpan((int)BitConverter.ToUInt64(elf, table + 24), 48).ToArray();
        var end = elf.Length;
        Array.Resize(ref elf, end + 48 + (24 * count));
        symbols.CopyTo(elf, end);
        for (var index = 0; index < count; index++)
        {
            symbols.AsSpan(24).CopyTo(elf.AsSpan(end + 48 + (24 * index)));
        }

        BitConverter.GetBytes((ulong)end).CopyTo(elf, table + 24);
        BitConverter.GetBytes((ulong)(48 + (24 * count))).CopyTo(elf, table + 32);
        return elf;
    }
}
