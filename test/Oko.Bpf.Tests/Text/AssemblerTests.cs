using Oko.Bpf.Isa;
using Oko.Bpf.Tests.Conformance;
using Oko.Bpf.Text;

namespace Oko.Bpf.Tests.Text;

[TestFixture]
public sealed class AssemblerTests
{
    [TestCase("frob %r1", "line 1: 'frob %r1': unknown instruction 'frob'")]
    [TestCase("exit\nmov %r11, 1", "line 2: 'mov %r11, 1': '%r11' is not a register (%r0 to %r10)")]
    [TestCase("mov %r1, 0x100000000", "line 1: 'mov %r1, 0x100000000': 0x100000000 does not fit in 32 bits")]
    [TestCase("mov %r1", "line 1: 'mov %r1': 2 operands are needed, 1 are there")]
    [TestCase("ja nowhere", "line 1: 'ja nowhere': there is no label 'nowhere'")]
    [TestCase("ldxw %r1, %r2", "line 1: 'ldxw %r1, %r2': '%r2' is not an address ([%r1+2])")]
    [TestCase("a:\na:\nexit", "line 2: 'a:': the label stands twice")]
    public void Assemble_FaultyLine_SaysWhereAndWhy(string source, string message)
    {
        Action assemble = () => Assembler.Assemble(source);

        assemble.Should().Throw<FormatException>().WithMessage(message);
    }

    [TestCase("add %r1, 5", "r1 += 5")]
    [TestCase("add32 %r1, %r2", "w1 += w2")]
    [TestCase("sdiv %r1, %r2", "r1 s/= r2")]
    [TestCase("smod32 %r1, -3", "w1 s%= -3")]
    [TestCase("arsh %r1, 3", "r1 s>>= 3")]
    [TestCase("movsx832 %r1, %r2", "w1 = (s8)w2")]
    [TestCase("neg32 %r3", "w3 = -w3")]
    [TestCase("be16 %r3", "r3 = be16 r3")]
    [TestCase("le32 %r3", "r3 = le32 r3")]
    [TestCase("swap64 %r3", "r3 = bswap64 r3")]
    [TestCase("ldxb %r0, [%r1+12]", "r0 = *(u8 *)(r1 + 12)")]
    [TestCase("ldxsw %r0, [%r1-4]", "r0 = *(s32 *)(r1 - 4)")]
    [TestCase("stdw [%r10-8], 0x11", "*(u64 *)(r10 - 8) = 17")]
    [TestCase("stxh [%r10-8], %r1", "*(u16 *)(r10 - 8) = r1")]
    [TestCase("lock add [%r1+0], %r2", "lock *(u64 *)(r1 + 0) += r2")]
    [TestCase("lock fetch xor32 [%r1+4], %r2", "w2 = atomic_fetch_xor((u32 *)(r1 + 4), w2)")]
    [TestCase("lock cmpxchg [%r1+0], %r2", "r0 = cmpxchg64((u64 *)(r1 + 0), r0, r2)")]
    [TestCase("lock xchg32 [%r1+0], %r2", "w2 = xchg32((u32 *)(r1 + 0), w2)")]
    [TestCase("jsgt %r1, -2, +3", "if r1 s> -2 goto +3")]
    [TestCase("jset32 %r1, %r2, -3", "if w1 & w2 goto -3")]
    [TestCase("ja +0", "goto +0")]
    [TestCase("ja32 -70000", "gotol -70000")]
    [TestCase("call 5", "call 5")]
    [TestCase("call %r2", "callx r2")]
    [TestCase("call local +2", "call pc+2")]
    [TestCase("ldabsh 12", "r0 = *(u16 *)skb[12]")]
    [TestCase("ldindb %r6, 3", "r0 = *(u8 *)skb[r6 + 3]")]
    [TestCase("lddw %r0, 0x1122334455667788", "r0 = 0x1122334455667788 ll")]
    [TestCase("ldmap %r1, 2", "r1 = map[2] ll")]
    [TestCase("ldmapvalue %r1, 2, 8", "r1 = map[2].value + 8 ll")]
    [TestCase("ldfunc %r2, +3", "r2 = function pc+3 ll")]
    [TestCase("exit", "exit")]
    public void Disassemble_AssembledInstruction_ReadsAsTheKernelWritesIt(string source, string expected) =>
        Disassembler.Format(Assembler.Assemble(source), 0).Should().Be(expected);

    [Test]
    public void Callback_ByLabel_IsCountedFromTheSlotBehindTheFirst()
    {
        Instruction[] program = Assembler.Assemble("ldfunc %r2, each\nlddw %r0, 1\nexit\neach:\nmov %r0, 0\nexit");

        program[0].Should().Be(new Instruction(Opcode.LoadWideImmediate, 2, WideImmediateKind.Function, 0, 4));
        program[0].CallTarget(0).Should().Be(5);
    }

    [Test]
    public void Encode_DecodedProgram_IsUnchanged([ValueSource(typeof(ConformanceCase), nameof(ConformanceCase.Names))] string name)
    {
        Instruction[] program = ConformanceCase.Read(name).Program;

        InstructionDecoder.Decode(InstructionDecoder.Encode(program)).Should().Equal(program);
        Disassembler.Format(program).Should().NotContain("unknown");
    }

    [Test]
    public void Decode_PartialSlot_IsRefused()
    {
        Action decode = () => InstructionDecoder.Decode(new byte[12]);

        decode.Should().Throw<FormatException>().WithMessage("*12 bytes are not a multiple of 8*");
    }

    [Test]
    public void Disassemble_EveryOpcode_GivesSomeText()
    {
        for (int opcode = 0; opcode < 256; opcode++)
        {
            Disassembler.Format(new Instruction((byte)opcode, 1, 2, 3, 4)).Should().NotBeNullOrEmpty();
        }
    }
}
