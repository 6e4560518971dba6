using System.Collections.Immutable;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Tests.Conformance;

/// <summary>Stack facts without a verifier, for programs that use r10 in the address of loads and stores only: all of their stack is
/// reached at constant offsets. Null for other programs.</summary>
internal static class PlainStackFacts
{
    public static StackFacts? Of(VerifiedProgram program)
    {
        var offsets = new int[program.Instructions.Length];
        var pinned = program.FunctionStarts.ToDictionary(start => start, _ => new bool[Register.StackFrameBytes]);
        var atomics = new HashSet<int>();
        for (var slot = 0; slot < offsets.Length; slot++)
        {
            var instruction = program.Instructions[slot];
            if (!program.Reachable[slot])
            {
                continue;
            }

            var isLoad = instruction.Class == InstructionClass.Ldx;
            var isStore = instruction.Class is InstructionClass.St or InstructionClass.Stx;
            if ((isLoad && instruction.Src == 10) || (isStore && instruction.Dst == 10))
            {
                offsets[slot] = instruction.IsAtomic ? 0 : instruction.Offset;
                if (instruction.IsAtomic)
                {
                    atomics.Add(slot);
                    foreach (var bytes in pinned.Values)
                    {
                        Array.Fill(bytes, true, instruction.Offset + Register.StackFrameBytes, instruction.SizeBytes);
                    }
                }
            }

            var usesAsValue = instruction.Class switch
            {
                InstructionClass.Alu or InstructionClass.Alu64 => instruction.UsesRegister && instruction.Src == 10,
                InstructionClass.Stx => instruction.Src == 10,
                InstructionClass.Jmp or InstructionClass.Jmp32 => instruction.IsConditionalJump && (instruction.Dst == 10 || (instruction.UsesRegister && instruction.Src == 10)),
                _ => false,
            };
            if (usesAsValue)
            {
                return null;
            }
        }

        return new StackFacts { OffsetAt = offsets, RangesAtCall = ImmutableDictionary<int, ImmutableArray<StackRange>>.Empty, AtomicAt = atomics, Pinned = pinned };
    }
}
