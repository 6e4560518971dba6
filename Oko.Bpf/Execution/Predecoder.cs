using Oko.Bpf.Helpers;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Execution;

/// <summary>Instructions to <see cref="Operation"/>s, once per program. Stateless.</summary>
/// <remarks>Nothing is refused here: what does not exist becomes <see cref="OperationKind.Invalid"/> and ends the run when
/// it is reached, since the interpreter is also used on programs that were never verified.</remarks>
internal static class Predecoder
{
    private const ushort ArgumentRegisters = 0b11_1110;

    /// <summary>One operation per slot and an invalid one behind the last, where wild jumps lead.</summary>
    public static Operation[] Predecode(VerifiedProgram program, IReadOnlyList<BpfMap> maps)
    {
        Instruction[] instructions = program.Instructions;
        var operations = new Operation[instructions.Length + 1];
        for (int slot = 0; slot < instructions.Length; slot += instructions[slot].Slots)
        {
            operations[slot] = Predecode(program, maps, slot);
        }

        return operations;
    }

    private static Operation Predecode(VerifiedProgram program, IReadOnlyList<BpfMap> maps, int slot)
    {
        Instruction instruction = program.Instructions[slot];
        var operation = new Operation { Dst = instruction.Dst, Src = instruction.Src, Slots = 1, Immediate = instruction.Immediate };
        if (instruction.Dst >= Register.Count || instruction.Src >= Register.Count)
        {
            return operation;
        }

        switch (instruction.Class)
        {
            case InstructionClass.Alu or InstructionClass.Alu64:
                Arithmetic(instruction, ref operation);
                break;
            case InstructionClass.Jmp or InstructionClass.Jmp32:
                Jump(program, instruction, slot, ref operation);
                break;
            case InstructionClass.Ld:
                SpecialLoad(program, maps, slot, ref operation);
                break;
            default:
                Memory(instruction, ref operation);
                break;
        }

        return operation;
    }

    private static void Arithmetic(Instruction instruction, ref Operation operation)
    {
        bool wide = instruction.Class == InstructionClass.Alu64;
        bool signed = instruction.Offset == 1;
        operation.Src = instruction.UsesRegister ? instruction.Src : Operation.ImmediateRegister;
        (OperationKind kind64, OperationKind kind32) = instruction.AluOperation switch
        {
            AluOperation.Add => (OperationKind.Add64, OperationKind.Add32),
            AluOperation.Sub => (OperationKind.Sub64, OperationKind.Sub32),
            AluOperation.Mul => (OperationKind.Mul64, OperationKind.Mul32),
            AluOperation.Div when signed => (OperationKind.SDiv64, OperationKind.SDiv32),
            AluOperation.Div => (OperationKind.Div64, OperationKind.Div32),
            AluOperation.Mod when signed => (OperationKind.SMod64, OperationKind.SMod32),
            AluOperation.Mod => (OperationKind.Mod64, OperationKind.Mod32),
            AluOperation.Or => (OperationKind.Or64, OperationKind.Or32),
            AluOperation.And => (OperationKind.And64, OperationKind.And32),
            AluOperation.Xor => (OperationKind.Xor64, OperationKind.Xor32),
            AluOperation.Lsh => (OperationKind.Lsh64, OperationKind.Lsh32),
            AluOperation.Rsh => (OperationKind.Rsh64, OperationKind.Rsh32),
            AluOperation.Arsh => (OperationKind.Arsh64, OperationKind.Arsh32),
            AluOperation.Neg => (OperationKind.Neg64, OperationKind.Neg32),
            AluOperation.Mov => instruction.Offset switch
            {
                0 => (OperationKind.Mov64, OperationKind.Mov32),
                8 => (OperationKind.SignExtend8To64, OperationKind.SignExtend8To32),
                16 => (OperationKind.SignExtend16To64, OperationKind.SignExtend16To32),
                32 => (OperationKind.SignExtend32To64, OperationKind.Invalid),
                _ => (OperationKind.Invalid, OperationKind.Invalid),
            },
            AluOperation.End => ByteOrder(instruction),
            _ => (OperationKind.Invalid, OperationKind.Invalid),
        };
        operation.Kind = wide ? kind64 : kind32;
        bool readsSource = instruction.UsesRegister && instruction.AluOperation is not (AluOperation.Neg or AluOperation.End);
        bool readsDestination = instruction.AluOperation != AluOperation.Mov;
        operation.Reads = (ushort)((readsSource ? Bit(instruction.Src) : 0) | (readsDestination ? Bit(instruction.Dst) : 0));
        operation.Writes = Bit(instruction.Dst);
    }

    // The host is little-endian: "le" only cuts, "be" and "bswap" swap.
    private static (OperationKind Kind64, OperationKind Kind32) ByteOrder(Instruction instruction)
    {
        OperationKind swap = instruction.Immediate switch
        {
            16 => OperationKind.Swap16,
            32 => OperationKind.Swap32,
            64 => OperationKind.Swap64,
            _ => OperationKind.Invalid,
        };
        OperationKind cut = instruction.Immediate switch
        {
            16 => OperationKind.ZeroExtend16,
            32 => OperationKind.ZeroExtend32,
            64 => OperationKind.Nothing,
            _ => OperationKind.Invalid,
        };
        return (swap, instruction.UsesRegister ? swap : cut);
    }

    private static void Jump(VerifiedProgram program, Instruction instruction, int slot, ref Operation operation)
    {
        int end = program.Instructions.Length;
        switch (instruction.Opcode)
        {
            case Opcode.Exit:
                operation.Kind = OperationKind.Exit;
                operation.Reads = Bit(Register.Result);
                return;
            case Opcode.JumpAlways or Opcode.JumpAlways32:
                operation.Kind = OperationKind.Jump;
                operation.Offset = Target(instruction.JumpTarget(slot), end);
                return;
            case Opcode.CallRegister:
                operation.Kind = OperationKind.CallRegister;
                operation.Reads = Bit(instruction.Dst);
                operation.Writes = Bit(Register.Result);
                operation.Destroys = ArgumentRegisters;
                return;
            case Opcode.Call when instruction.Src == CallKind.Local:
                operation.Kind = OperationKind.CallLocal;
                operation.Offset = Target(instruction.CallTarget(slot), end);
                return;
            case Opcode.Call when instruction.Src == CallKind.Helper:
                HelperCall(program, instruction, slot, ref operation);
                return;
        }

        operation.Src = instruction.UsesRegister ? instruction.Src : Operation.ImmediateRegister;
        operation.Offset = Target(instruction.JumpTarget(slot), end);
        operation.Reads = (ushort)(Bit(instruction.Dst) | (instruction.UsesRegister ? Bit(instruction.Src) : 0));
        (OperationKind kind64, OperationKind kind32) = instruction.JumpOperation switch
        {
            JumpOperation.Equal => (OperationKind.Equal64, OperationKind.Equal32),
            JumpOperation.NotEqual => (OperationKind.NotEqual64, OperationKind.NotEqual32),
            JumpOperation.Greater => (OperationKind.Greater64, OperationKind.Greater32),
            JumpOperation.GreaterOrEqual => (OperationKind.GreaterOrEqual64, OperationKind.GreaterOrEqual32),
            JumpOperation.Less => (OperationKind.Less64, OperationKind.Less32),
            JumpOperation.LessOrEqual => (OperationKind.LessOrEqual64, OperationKind.LessOrEqual32),
            JumpOperation.BitsSet => (OperationKind.BitsSet64, OperationKind.BitsSet32),
            JumpOperation.SignedGreater => (OperationKind.SignedGreater64, OperationKind.SignedGreater32),
            JumpOperation.SignedGreaterOrEqual => (OperationKind.SignedGreaterOrEqual64, OperationKind.SignedGreaterOrEqual32),
            JumpOperation.SignedLess => (OperationKind.SignedLess64, OperationKind.SignedLess32),
            JumpOperation.SignedLessOrEqual => (OperationKind.SignedLessOrEqual64, OperationKind.SignedLessOrEqual32),
            _ => (OperationKind.Invalid, OperationKind.Invalid),
        };
        operation.Kind = instruction.Class == InstructionClass.Jmp ? kind64 : kind32;
    }

    private static void HelperCall(VerifiedProgram program, Instruction instruction, int slot, ref Operation operation)
    {
        HelperPrototype? helper = HelperTable.For(program.OkoHelpers).Find(instruction.Immediate);
        operation.Helper = helper?.Id ?? HelperId.None;
        operation.Kind = helper?.Id switch
        {
            HelperId.MapLookup => OperationKind.MapLookup,
            HelperId.MapUpdate => program.OkoHelpers ? OperationKind.MapUpdateAny : OperationKind.MapUpdate,
            HelperId.MapDelete => OperationKind.MapDelete,
            HelperId.KtimeGetNs => OperationKind.KtimeGetNs,
            HelperId.GetSmpProcessorId => OperationKind.Worker,
            HelperId.Loop => OperationKind.Loop,
            HelperId.ForEachMapElem => OperationKind.ForEach,
            null => OperationKind.Invalid,
            _ => OperationKind.Helper,
        };
        int arguments = helper?.Arguments.Length ?? 0;
        operation.Reads = (ushort)(((1 << arguments) - 1) << Register.FirstArgument);
        if (operation.Kind is OperationKind.Loop or OperationKind.ForEach)
        {
            // The callback's return, or the call itself if there is no round, says what holds afterwards.
            operation.Offset = slot < program.CallbackAtCall.Length ? Target(program.CallbackAtCall[slot], program.Instructions.Length) : program.Instructions.Length;
            return;
        }

        operation.Writes = Bit(Register.Result);
        operation.Destroys = ArgumentRegisters;
    }

    private static void SpecialLoad(
        VerifiedProgram program, IReadOnlyList<BpfMap> maps, int slot, ref Operation operation)
    {
        Instruction instruction = program.Instructions[slot];
        if (instruction.IsWide && slot + 1 < program.Instructions.Length)
        {
            operation.Slots = 2;
            operation.Src = Operation.ImmediateRegister;
            operation.Kind = OperationKind.Mov64;
            operation.Immediate = (long)WideImmediate.Resolve(program.Instructions, slot, maps);
            operation.Writes = Bit(instruction.Dst);
            return;
        }

        bool indirect = instruction.Mode == MemoryMode.PacketIndirect;
        if (!indirect && instruction.Mode != MemoryMode.PacketAbsolute)
        {
            return;
        }

        // An absolute load is an indirect one by a register that holds the immediate, plus nothing.
        operation.Src = indirect ? instruction.Src : Operation.ImmediateRegister;
        operation.Offset = indirect ? instruction.Immediate : 0;
        operation.Kind = instruction.Size switch
        {
            MemorySize.Byte => OperationKind.PacketLoad8,
            MemorySize.HalfWord => OperationKind.PacketLoad16,
            MemorySize.Word => OperationKind.PacketLoad32,
            _ => OperationKind.Invalid,
        };
        operation.Reads = indirect ? Bit(instruction.Src) : (ushort)0;
        operation.Writes = Bit(Register.Result);
        operation.Destroys = ArgumentRegisters;
    }

    private static void Memory(Instruction instruction, ref Operation operation)
    {
        operation.Offset = instruction.Offset;
        if (instruction.Class == InstructionClass.Ldx)
        {
            operation.Kind = (instruction.Mode, instruction.Size) switch
            {
                (MemoryMode.Memory, MemorySize.Byte) => OperationKind.Load8,
                (MemoryMode.Memory, MemorySize.HalfWord) => OperationKind.Load16,
                (MemoryMode.Memory, MemorySize.Word) => OperationKind.Load32,
                (MemoryMode.Memory, MemorySize.DoubleWord) => OperationKind.Load64,
                (MemoryMode.MemorySignExtended, MemorySize.Byte) => OperationKind.LoadSigned8,
                (MemoryMode.MemorySignExtended, MemorySize.HalfWord) => OperationKind.LoadSigned16,
                (MemoryMode.MemorySignExtended, MemorySize.Word) => OperationKind.LoadSigned32,
                _ => OperationKind.Invalid,
            };
            operation.Reads = Bit(instruction.Src);
            operation.Writes = Bit(instruction.Dst);
            return;
        }

        bool immediate = instruction.Class == InstructionClass.St;
        operation.Src = immediate ? Operation.ImmediateRegister : instruction.Src;
        operation.Reads = (ushort)(Bit(instruction.Dst) | (immediate ? 0 : Bit(instruction.Src)));
        if (instruction.Mode == MemoryMode.Memory)
        {
            operation.Kind = instruction.Size switch
            {
                MemorySize.Byte => OperationKind.Store8,
                MemorySize.HalfWord => OperationKind.Store16,
                MemorySize.Word => OperationKind.Store32,
                _ => OperationKind.Store64,
            };
        }
        else if (instruction.IsAtomic && instruction.Size is MemorySize.Word or MemorySize.DoubleWord &&
            AtomicKind.IsValid(instruction.Immediate))
        {
            operation.Kind = instruction.Size == MemorySize.Word ? OperationKind.Atomic32 : OperationKind.Atomic64;
            operation.Variant = (ushort)instruction.Immediate;
            bool compare = instruction.Immediate == AtomicOperation.CompareExchange;
            bool fetch = (instruction.Immediate & AtomicOperation.Fetch) != 0;
            operation.Reads |= compare ? Bit(Register.Result) : (ushort)0;
            operation.Writes = compare ? Bit(Register.Result) : fetch ? Bit(instruction.Src) : (ushort)0;
        }
    }

    private static int Target(long slot, int end) => slot >= 0 && slot < end ? (int)slot : end;

    private static ushort Bit(byte register) => (ushort)(1 << register);
}
