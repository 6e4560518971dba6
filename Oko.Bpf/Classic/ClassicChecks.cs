namespace Oko.Bpf.Classic;

/// <summary>What makes a classic program valid, as in Linux' <c>bpf_check_classic</c> and libpcap's <c>bpf_validate</c>. Stateless.</summary>
internal static class ClassicChecks
{
    /// <summary>First offset of Linux' extensions (<c>SKF_AD_OFF</c>).</summary>
    internal const uint Extensions = 0xfffff000;

    /// <summary><c>SKF_AD_PROTOCOL</c>.</summary>
    internal const uint Protocol = 0;

    /// <summary><c>SKF_AD_IFINDEX</c>.</summary>
    internal const uint Interface = 8;

    /// <summary><c>SKF_AD_QUEUE</c>.</summary>
    internal const uint Queue = 24;

    /// <summary><c>SKF_AD_ALU_XOR_X</c>.</summary>
    internal const uint XorX = 40;

    /// <summary><c>SKF_AD_VLAN_TAG</c>.</summary>
    internal const uint VlanTag = 44;

    /// <summary><c>SKF_AD_VLAN_TAG_PRESENT</c>.</summary>
    internal const uint VlanTagPresent = 48;

    private const uint NetworkHeader = 0xfff00000, LinkHeader = 0xffe00000;
    private const int MemoryWords = 16;

    private static readonly Dictionary<uint, string> Unsupported = new()
    {
        [4] = "pkttype", [12] = "nlattr", [16] = "nlattr_nest", [20] = "mark", [28] = "hatype", [32] = "rxhash", [36] = "cpu", [52] = "payload_offset",
        [56] = "random", [60] = "vlan_tpid",
    };

    /// <summary>Checks a program.</summary>
    /// <exception cref="ClassicFormatException">It is not valid.</exception>
    internal static void Check(ReadOnlySpan<ClassicInstruction> program)
    {
        if (program.Length is 0 or > ClassicTranslator.MaxInstructions)
        {
            throw new ClassicFormatException($"the classic program has {program.Length} instructions; 1 to {ClassicTranslator.MaxInstructions} are allowed");
        }

        for (var index = 0; index < program.Length; index++)
        {
            if (Fault(program[index], program.Length - index - 1) is { } fault)
            {
                throw new ClassicFormatException($"instruction {index} of the classic program (code 0x{program[index].Code:x}, k 0x{program[index].K:x}): {fault}");
            }
        }

        if ((program[^1].Code & 7) != ClassicCode.Ret)
        {
            throw new ClassicFormatException("the classic program does not end with a return");
        }
    }

    /// <summary>What is wrong with an instruction that <paramref name="behind"/> others follow, or null.</summary>
    private static string? Fault(ClassicInstruction instruction, int behind)
    {
        var mode = instruction.Code & 0xe0;
        var operation = instruction.Code & 0xf0;
        switch (instruction.Code)
        {
            case ClassicCode.Ld | ClassicCode.Mem or ClassicCode.Ldx | ClassicCode.Mem or ClassicCode.St or ClassicCode.Stx:
                return instruction.K < MemoryWords ? null : $"there are {MemoryWords} words of memory";
            case ClassicCode.Ld | ClassicCode.Imm or ClassicCode.Ld | ClassicCode.Len or ClassicCode.Ldx | ClassicCode.Imm or ClassicCode.Ldx | ClassicCode.Len
                or ClassicCode.Ret or ClassicCode.Ret | ClassicCode.A or ClassicCode.Misc | ClassicCode.Tax or ClassicCode.Misc | ClassicCode.Txa
                or ClassicCode.Alu | ClassicCode.Neg or ClassicCode.Ldx | ClassicCode.Byte | ClassicCode.Msh:
                return null;
            case ClassicCode.Jmp | ClassicCode.Ja:
                return instruction.K < behind ? null
                    : (int)instruction.K < 0 ? "it jumps back; loops, as libpcap makes for protochain, are not supported" : "it jumps out of the program";
        }

        return (instruction.Code & 7) switch
        {
            ClassicCode.Ld when mode is ClassicCode.Abs or ClassicCode.Ind && instruction.Code <= 0xff && (instruction.Code & 0x18) != 0x18 =>
                mode == ClassicCode.Abs ? ExtensionFault(instruction.K) : null,
            ClassicCode.Alu when operation is not ClassicCode.Neg and <= ClassicCode.Xor && instruction.Code <= 0xff =>
                operation is ClassicCode.Div or ClassicCode.Mod && (instruction.Code & ClassicCode.X) == 0 && instruction.K == 0 ? "it divides by 0" : null,
            ClassicCode.Jmp when operation is >= ClassicCode.Jeq and <= ClassicCode.Jset && instruction.Code <= 0xff =>
                Math.Max(instruction.JumpTrue, instruction.JumpFalse) < behind ? null : "it jumps out of the program",
            _ => "there is no such instruction",
        };
    }

    private static string? ExtensionFault(uint offset)
    {
        var number = offset - Extensions;
        return offset switch
        {
            < LinkHeader => null,
            < NetworkHeader => "loads relative to the link header (SKF_LL_OFF) are not supported; the packet begins with it",
            < Extensions => "loads relative to the network header (SKF_NET_OFF) are not supported",
            _ when number is Protocol or Interface or Queue or XorX or VlanTag or VlanTagPresent => null,
            _ => $"the extension {Unsupported.GetValueOrDefault(number, $"{number}")} is not supported; known are protocol, ifindex, queue, xor with X, VLAN tag and VLAN tag present",
        };
    }
}
