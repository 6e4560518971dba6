using System.Text.RegularExpressions;
using Oko.Bpf.Isa;
using Oko.Bpf.Text;

namespace Oko.Bpf.Tests.Verifier;

/// <summary>Programs as one line of text; MAPn stands for a map in a wide load.</summary>
internal static class Programs
{
    internal static Instruction[] Assemble(string source)
    {
        var program = Assembler.Assemble(Regex.Replace(source, @"MAP(\d)", "0x77770000$1").Replace("; ", "\n", StringComparison.Ordinal));
        for (var slot = 0; slot < program.Length; slot++)
        {
            if (program[slot].IsWide && program[slot + 1].Immediate == 0x7 && (uint)program[slot].Immediate >> 16 == 0x7770)
            {
                program[slot] = program[slot] with { Src = WideImmediateKind.Map, Immediate = program[slot].Immediate & 0xF };
                program[slot + 1] = program[slot + 1] with { Immediate = 0 };
            }
        }

        return program;
    }
}
