using Oko.Bpf.Elf;
using Oko.Bpf.Isa;

namespace Oko.Bpf.Btf;

/// <summary><c>enum bpf_core_relo_kind</c>.</summary>
internal enum CoreRelocationKind : uint
{
    /// <summary>Byte offset of a member.</summary>
    FieldOffset = 0,

    /// <summary>Bytes of a member.</summary>
    FieldSize = 1,

    /// <summary>1 if the member exists.</summary>
    FieldExists = 2,

    /// <summary>1 if the member is signed.</summary>
    FieldSigned = 3,

    /// <summary>Left shift that brings a member loaded as 8 bytes to the top.</summary>
    FieldLeftShift = 4,

    /// <summary>Right shift that then brings it to the bottom.</summary>
    FieldRightShift = 5,

    /// <summary>Id of a type in the object.</summary>
    LocalTypeId = 6,

    /// <summary>Id of a type in the kernel.</summary>
    TargetTypeId = 7,

    /// <summary>1 if the type exists.</summary>
    TypeExists = 8,

    /// <summary>Bytes of a type.</summary>
    TypeSize = 9,

    /// <summary>1 if a constant of an enum exists.</summary>
    ConstantExists = 10,

    /// <summary>Value of a constant of an enum.</summary>
    ConstantValue = 11,

    /// <summary>1 if the type has the members that the object knows.</summary>
    TypeMatches = 12,
}

/// <summary>An instruction whose number depends on the layout of a type.</summary>
/// <param name="Owner">The relocations it belongs to.</param>
/// <param name="Kind">What number.</param>
/// <param name="Type">Type id.</param>
/// <param name="Path">Access path: "0:" and the index of each member or element on the way.</param>
internal sealed record CoreRelocation(CoreRelocations Owner, CoreRelocationKind Kind, uint Type, string Path)
{
    /// <summary>Writes the number into its instruction.</summary>
    /// <param name="slots">The program.</param>
    /// <param name="slot">The instruction.</param>
    /// <param name="program">Name of the program, for messages.</param>
    /// <exception cref="ElfFormatException">It depends on a type that a filter does not see.</exception>
    internal void Apply(IList<Instruction> slots, int slot, string program)
    {
        if (Owner.Resolve(this, program) is not { } value)
        {
            return;
        }

        var instruction = slots[slot];
        if (instruction.IsWide && slot + 1 < slots.Count)
        {
            slots[slot] = instruction with { Immediate = (int)value };
            slots[slot + 1] = slots[slot + 1] with { Immediate = 0 };
        }
        else if (instruction.IsArithmetic && !instruction.UsesRegister)
        {
            slots[slot] = instruction with { Immediate = (int)value };
        }
        else if (instruction.Class is InstructionClass.Ldx or InstructionClass.St or InstructionClass.Stx)
        {
            // Contexts are far smaller than 32 KiB.
            slots[slot] = instruction with { Offset = (short)value };
        }
        else
        {
            throw new ElfFormatException($"program {program} has a CO-RE relocation at {instruction}, which holds no such number; compile again");
        }
    }
}
