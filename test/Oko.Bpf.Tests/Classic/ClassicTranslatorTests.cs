using Oko.Bpf.Classic;
using Oko.Bpf.Elf;
using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Tests.Execution;

namespace Oko.Bpf.Tests.Classic;

public sealed class ClassicTranslatorTests
{
    private const ushort LoadHalf = ClassicCode.Ld | ClassicCode.Half | ClassicCode.Abs;

    private static readonly ushort[] AluOperations =
    [
        ClassicCode.Add, ClassicCode.Sub, ClassicCode.Mul, ClassicCode.Div, ClassicCode.Or, ClassicCode.And, ClassicCode.Lsh, ClassicCode.Rsh,
        ClassicCode.Mod, ClassicCode.Xor,
    ];

    private static readonly ushort[] Comparisons = [ClassicCode.Jeq, ClassicCode.Jgt, ClassicCode.Jge, ClassicCode.Jset];

    private static readonly ushort[] Widths = [ClassicCode.Word, ClassicCode.Half, ClassicCode.Byte];

    private static readonly uint[] Numbers = [0, 1, 2, 3, 7, 13, 31, 32, 33, 64, 255, 0x0800, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

    [Test]
    public void Arithmetic_EveryOperationAndOperand_GivesWhatTheReferenceGives()
    {
        foreach (var (operation, left, right) in from operation in AluOperations from left in Numbers from right in Numbers select (operation, left, right))
        {
            Compare([Ld(left), Ldx(right), Make(ClassicCode.Alu | operation | ClassicCode.X), ReturnA], []);
            if (right != 0 || operation is not (ClassicCode.Div or ClassicCode.Mod))
            {
                Compare([Ld(left), Make(ClassicCode.Alu | operation, right), ReturnA], []);
            }
        }

        Compare([Ld(5), Make(ClassicCode.Alu | ClassicCode.Neg), ReturnA], []);
    }

    [Test]
    public void Jumps_EveryComparisonAndDirection_GivesWhatTheReferenceGives()
    {
        foreach (var (operation, left, right) in from operation in Comparisons from left in Numbers from right in Numbers select (operation, left, right))
        {
            foreach (var (yes, no) in new (byte, byte)[] { (0, 1), (1, 0), (1, 2), (1, 1), (0, 0) })
            {
                ClassicInstruction[] end = [Make(ClassicCode.Ret, 10), Make(ClassicCode.Ret, 20), Make(ClassicCode.Ret, 30)];
                Compare([Ld(left), Ldx(right), new((ushort)(ClassicCode.Jmp | operation | ClassicCode.X), yes, no, 0), .. end], []);
                Compare([Ld(left), new((ushort)(ClassicCode.Jmp | operation), yes, no, right), .. end], []);
            }
        }
    }

    [Test]
    public void Loads_EveryWidthAndPlace_GiveWhatTheReferenceGives()
    {
        var packet = Enumerable.Range(0, 60).Select(index => (byte)(index * 37)).ToArray();
        foreach (var (width, at) in from width in Widths from at in new uint[] { 0, 1, 14, 56, 57, 58, 59, 60, 0x7fffffff, 0x80000000, 0xffe00000 - 1 } select (width, at))
        {
            Compare([Make(ClassicCode.Ld | width | ClassicCode.Abs, at), ReturnA], packet);
            foreach (var x in new uint[] { 0, 3, 59, 0x80000000, 0xffffffff })
            {
                Compare([Ldx(x), Make(ClassicCode.Ld | width | ClassicCode.Ind, at), ReturnA], packet);
            }
        }

        Compare([Ld(77), Make(ClassicCode.Ldx | ClassicCode.Byte | ClassicCode.Msh, 14), Make(ClassicCode.Alu | ClassicCode.Add | ClassicCode.X), ReturnA], packet);
        Compare([Make(ClassicCode.Ldx | ClassicCode.Byte | ClassicCode.Msh, 60), Make(ClassicCode.Ret, 1)], packet);
        Compare([Make(ClassicCode.Ldx | ClassicCode.Byte | ClassicCode.Msh, 0xffffffff), Make(ClassicCode.Ret, 1)], packet);
        Compare([Make(ClassicCode.Ld | ClassicCode.Len), ReturnA], packet);
        Compare([Make(ClassicCode.Ldx | ClassicCode.Len), Make(ClassicCode.Misc | ClassicCode.Txa), ReturnA], packet);
    }

    [Test]
    public void Memory_WrittenOrNot_GivesWhatTheReferenceGives()
    {
        Compare([Ld(9), Make(ClassicCode.St, 15), Ld(0), Make(ClassicCode.Ldx | ClassicCode.Mem, 15), Make(ClassicCode.Misc | ClassicCode.Txa), ReturnA], []);
        Compare([Ldx(8), Make(ClassicCode.Stx, 0), Make(ClassicCode.Ld | ClassicCode.Mem, 0), ReturnA], []);
        Compare([Make(ClassicCode.Ld | ClassicCode.Mem, 3), Make(ClassicCode.Alu | ClassicCode.Add, 1), ReturnA], []);
    }

    [Test]
    public void Extensions_OfThePacketsOrigin_GiveWhatTheContextSays()
    {
        foreach (var number in new uint[] { 0, 8, 24, 44, 48 })
        {
            Compare([Make(ClassicCode.Ld | ClassicCode.Word | ClassicCode.Abs, 0xfffff000 + number), ReturnA], new byte[60]);
        }

        Compare([Ld(0xf0f), Ldx(0xff), Make(ClassicCode.Ld | ClassicCode.Word | ClassicCode.Abs, 0xfffff000 + 40), ReturnA], []);
    }

    [Test]
    public void RandomPrograms_OnRandomPackets_GiveWhatTheReferenceGives()
    {
        var random = new Random(20261125);
        for (var round = 0; round < 1500; round++)
        {
            var program = RandomProgram(random);
            using var filter = Load(program);
            for (var count = 0; count < 8; count++)
            {
                var packet = new byte[random.Next(0, 80)];
                random.NextBytes(packet);
                Ask(filter, packet).Should().Be(ClassicReference.Run(program, packet, 0x0800, 7, 3), "round {0}: {1}", round, string.Join(" ", program));
            }
        }
    }

    [Test]
    public void LongestProgram_OfJumpsOverAll_IsTranslated()
    {
        var program = Enumerable.Repeat(new ClassicInstruction(ClassicCode.Jmp | ClassicCode.Jset, 1, 2, 1), ClassicTranslator.MaxInstructions - 4)
            .Prepend(new ClassicInstruction(ClassicCode.Jmp | ClassicCode.Ja, 0, 0, ClassicTranslator.MaxInstructions - 4))
            .Concat(Enumerable.Repeat(Make(ClassicCode.Ret, 4), 3)).ToArray();
        program.Should().HaveCount(ClassicTranslator.MaxInstructions);
        Compare(program, []);
    }

    [TestCase(ClassicCode.Alu | ClassicCode.Div, 0u, "*instruction 0*divides by 0*")]
    [TestCase(ClassicCode.Alu | ClassicCode.Mod, 0u, "*divides by 0*")]
    [TestCase(ClassicCode.Ld | ClassicCode.Mem, 16u, "*16 words*")]
    [TestCase(ClassicCode.Stx, 16u, "*16 words*")]
    [TestCase(ClassicCode.Jmp | ClassicCode.Ja, 1u, "*jumps out*")]
    [TestCase(ClassicCode.Jmp | ClassicCode.Ja, 0xffffffffu, "*jumps back*")]
    [TestCase(ClassicCode.Ld | ClassicCode.Abs, 0xfffff024u, "*cpu is not supported*")]
    [TestCase(ClassicCode.Ld | ClassicCode.Abs, 0xfffff002u, "*extension 2 is not supported*")]
    [TestCase(ClassicCode.Ld | ClassicCode.Abs, 0xfff00000u, "*SKF_NET_OFF*")]
    [TestCase(ClassicCode.Ld | ClassicCode.Abs, 0xffe00000u, "*SKF_LL_OFF*")]
    [TestCase(0x38, 0u, "*no such instruction*")]
    [TestCase(0x100, 0u, "*no such instruction*")]
    [TestCase(ClassicCode.Alu | 0xb0, 0u, "*no such instruction*")]
    [TestCase(ClassicCode.Jmp | 0x50, 0u, "*no such instruction*")]
    public void Instruction_ThatIsNotValid_IsRefusedByName(int code, uint k, string message) =>
        FluentActions.Invoking(() => ClassicTranslator.Translate([Make(code, k), Make(ClassicCode.Ret, 1)]))
            .Should().Throw<ClassicFormatException>().WithMessage(message);

    [Test]
    public void Program_WithoutEndOrTooLong_IsRefused()
    {
        FluentActions.Invoking(() => ClassicTranslator.Translate([])).Should().Throw<ClassicFormatException>().WithMessage("*0 instructions*");
        FluentActions.Invoking(() => ClassicTranslator.Translate([Ld(1)])).Should().Throw<ClassicFormatException>().WithMessage("*does not end with a return*");
        FluentActions.Invoking(() => ClassicTranslator.Translate([new(LoadHalf, 0, 0, 12), new(ClassicCode.Jmp | ClassicCode.Jeq, 1, 0, 0x800), Make(ClassicCode.Ret)]))
            .Should().Throw<ClassicFormatException>().WithMessage("*jumps out*");
        FluentActions.Invoking(() => ClassicTranslator.Translate(new ClassicInstruction[4097])).Should().Throw<ClassicFormatException>().WithMessage("*4097*4096*");
    }

    [Test]
    public void AnyCode_WithAnyFields_IsTranslatedOrRefusedCleanly()
    {
        var random = new Random(7);
        for (var code = 0; code < 0x200; code++)
        {
            for (var round = 0; round < 20; round++)
            {
                var instruction = new ClassicInstruction((ushort)code, (byte)random.Next(3), (byte)random.Next(3), random.Next(2) == 0 ? (uint)random.Next(20) : (uint)random.NextInt64(1L << 32));
                ClassicInstruction[] program = [instruction, ReturnA, ReturnA];
                try
                {
                    ClassicTranslator.Translate(program);
                }
                catch (ClassicFormatException)
                {
                    continue;
                }

                Compare(program, new byte[8]);
            }
        }
    }

    /// <summary>A filter made from classic BPF, by way of an object.</summary>
    internal static LoadedFilter Load(ReadOnlySpan<ClassicInstruction> program)
    {
        var verified = FilterLoader.Load(ElfWriter.Write("socket", "classic", ClassicTranslator.Translate(program)));
        verified.Convention.Should().Be(EntryConvention.Socket);
        return LoadedFilter.Create(verified);
    }

    /// <summary>What a filter returns for a packet that came from port 7, queue 3.</summary>
    internal static unsafe uint Ask(LoadedFilter filter, byte[] packet)
    {
        using var bytes = new TestPacket(packet);
        var context = bytes.Context;
        (context.Protocol, context.InPort, context.RxQueue) = (0x0008, 7, 3);       // IPv4 in network byte order
        return (uint)filter.Run(&context);
    }

    private static ClassicInstruction ReturnA => Make(ClassicCode.Ret | ClassicCode.A);

    private static ClassicInstruction Ld(uint value) => Make(ClassicCode.Ld | ClassicCode.Imm, value);

    private static ClassicInstruction Ldx(uint value) => Make(ClassicCode.Ldx | ClassicCode.Imm, value);

    private static ClassicInstruction Make(int code, uint k = 0) => new((ushort)code, 0, 0, k);

    private static void Compare(ClassicInstruction[] program, byte[] packet)
    {
        using var filter = Load(program);
        Ask(filter, packet).Should().Be(ClassicReference.Run(program, packet, 0x0800, 7, 3), "{0}", string.Join(" ", program.Take(20)));
    }

    private static ClassicInstruction[] RandomProgram(Random random)
    {
        var program = new ClassicInstruction[random.Next(2, 40)];
        for (var index = 0; index < program.Length; index++)
        {
            var behind = program.Length - index - 1;
            program[index] = behind == 0 ? (random.Next(2) == 0 ? ReturnA : Make(ClassicCode.Ret, (uint)random.Next(3))) : random.Next(12) switch
            {
                0 => Ld(Numbers[random.Next(Numbers.Length)]),
                1 => Ldx(Numbers[random.Next(Numbers.Length)]),
                2 => Make(ClassicCode.Ld | Widths[random.Next(3)] | ClassicCode.Abs, (uint)random.Next(60)),
                3 => Make(ClassicCode.Ld | Widths[random.Next(3)] | ClassicCode.Ind, (uint)random.Next(20)),
                4 => Make(random.Next(2) == 0 ? ClassicCode.St : ClassicCode.Stx, (uint)random.Next(4)),
                5 => Make((random.Next(2) == 0 ? ClassicCode.Ld : ClassicCode.Ldx) | ClassicCode.Mem, (uint)random.Next(4)),
                6 => Make(ClassicCode.Ldx | ClassicCode.Byte | ClassicCode.Msh, (uint)random.Next(40)),
                7 => Make(ClassicCode.Misc | (random.Next(2) == 0 ? ClassicCode.Tax : ClassicCode.Txa)),
                8 => Make(ClassicCode.Ld | ClassicCode.Word | ClassicCode.Abs, 0xfffff000 + new uint[] { 0, 8, 24, 40, 44 }[random.Next(5)]),
                9 => Make(ClassicCode.Alu | AluOperations[random.Next(AluOperations.Length)] | ClassicCode.X),
                10 => Make(ClassicCode.Alu | AluOperations[random.Next(AluOperations.Length)], Numbers[random.Next(1, Numbers.Length)]),
                _ => new ClassicInstruction(
                    (ushort)(ClassicCode.Jmp | Comparisons[random.Next(4)] | (random.Next(2) == 0 ? ClassicCode.X : 0)),
                    (byte)random.Next(Math.Min(behind, 5)), (byte)random.Next(Math.Min(behind, 5)), Numbers[random.Next(Numbers.Length)]),
            };
        }

        return program;
    }
}
