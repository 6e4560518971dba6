using System.Collections.Immutable;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Verifier;

/// <summary>The form of a program: every slot is an instruction, jumps lead to instructions, functions are separate.</summary>
internal static class StructuralChecks
{
    /// <summary>Checks each slot for itself.</summary>
    /// <param name="program">The slots.</param>
    /// <param name="maps">The maps that wide loads can name.</param>
    /// <param name="refuse">Raises a refusal: slot, verdict, reason, advice.</param>
    internal static void CheckInstructions(Instruction[] program, ImmutableArray<MapSpec> maps, Func<int, VerifierVerdict, string, string, Exception> refuse)
    {
        for (var slot = 0; slot < program.Length; slot++)
        {
            var instruction = program[slot];
            if (instruction.Dst > 10 || instruction.Src > 10)
            {
                throw refuse(slot, VerifierVerdict.Unsafe, "there are registers r0 to r10 only", "compile again");
            }

            if (Fault(instruction) is { } fault)
            {
                throw refuse(slot, VerifierVerdict.Unsafe, fault, "compile with clang -target bpf");
            }

            if (instruction.IsWide)
            {
                if (slot + 1 >= program.Length || program[slot + 1] is not { Opcode: 0, Dst: 0, Src: 0, Offset: 0 })
                {
                    throw refuse(slot, VerifierVerdict.Unsafe, "a wide load lacks its second slot", "compile again");
                }

                // Dead code too: the engines resolve all maps.
                if (instruction.Src is WideImmediateKind.Map or WideImmediateKind.MapValue && (instruction.Immediate < 0 || instruction.Immediate >= maps.Length))
                {
                    throw refuse(slot, VerifierVerdict.Unsafe, $"map {instruction.Immediate} does not exist; the object has {maps.Length}", "define it in SEC(\".maps\")");
                }

                if (instruction.Src == WideImmediateKind.MapValue && maps[instruction.Immediate] is var map
                    && (map.Type != MapType.Array || (uint)program[slot + 1].Immediate >= map.ValueSize))
                {
                    throw refuse(slot, VerifierVerdict.Unsafe,
                        $"it takes the address of byte {(uint)program[slot + 1].Immediate} of the first value of map {map.Name}", $"only arrays have one; this map's values have {map.ValueSize} bytes");
                }

                slot++;
            }
        }
    }

    /// <summary>The slots that may follow a slot: none after exit.</summary>
    internal static (int Next, int Taken) Successors(Instruction[] program, int slot)
    {
        var instruction = program[slot];
        if (instruction.IsExit)
        {
            return (-1, -1);
        }

        if (instruction.IsUnconditionalJump)
        {
            return (-1, (int)Math.Clamp(instruction.JumpTarget(slot), int.MinValue, int.MaxValue));
        }

        return (slot + instruction.Slots, instruction.IsConditionalJump ? (int)instruction.JumpTarget(slot) : -1);
    }

    /// <summary>The first slots of all functions that can be called, rising; the first is 0. Checks that jumps lead to instructions, that
    /// functions do not share instructions, and that none calls itself.</summary>
    internal static int[] FindFunctions(Instruction[] program, Func<int, VerifierVerdict, string, string, Exception> refuse)
    {
        var isSecond = new bool[program.Length];
        for (var slot = 0; slot < program.Length; slot++)
        {
            if (program[slot].IsWide)
            {
                isSecond[++slot] = true;
            }
        }

        var owner = new int[program.Length];
        Array.Fill(owner, -1);
        var calls = new Dictionary<int, SortedDictionary<int, int>> { [0] = [] };       // function -> called function -> slot of a call
        var functions = new Queue<int>([0]);
        var pending = new Stack<(int Slot, int From)>();
        while (functions.TryDequeue(out var function))
        {
            pending.Push((function, function));
            while (pending.TryPop(out var next))
            {
                CheckTarget(next.Slot, next.From);
                if (owner[next.Slot] == function)
                {
                    continue;
                }

                if (owner[next.Slot] >= 0)
                {
                    throw refuse(next.From, VerifierVerdict.Unsafe, $"it leads into the function at {owner[next.Slot]}", "functions are left by exit");
                }

                owner[next.Slot] = function;
                Follow(next.Slot, function);
            }
        }

        RefuseRecursion(calls, refuse);
        return [.. calls.Keys.Order()];

        void Follow(int slot, int function)
        {
            var instruction = program[slot];
            if (CalledBy(instruction, slot) is { } called)
            {
                CheckTarget(called, slot);
                calls[function].TryAdd((int)called, slot);
                if (called == 0)
                {
                    throw refuse(slot, VerifierVerdict.Unsafe, "the program calls itself", "use a loop with a constant bound");
                }

                if (calls.TryAdd((int)called, []))
                {
                    functions.Enqueue((int)called);
                }
            }

            if (instruction.IsUnconditionalJump || instruction.IsConditionalJump)
            {
                CheckTarget(instruction.JumpTarget(slot), slot);
                pending.Push(((int)instruction.JumpTarget(slot), slot));
            }

            if (!instruction.IsExit && !instruction.IsUnconditionalJump)
            {
                pending.Push((slot + instruction.Slots, slot));
            }
        }

        void CheckTarget(long target, int from)
        {
            if (target < 0 || target >= program.Length)
            {
                var jumps = program[from].IsUnconditionalJump || (program[from].IsConditionalJump && target != from + 1);
                throw refuse(from, VerifierVerdict.Unsafe,
                    jumps || CalledBy(program[from], from) == target ? $"it {(jumps ? "jumps to" : "calls")} {target}, outside the program" : "the program runs past its end",
                    "every path must end in exit");
            }

            if (isSecond[target])
            {
                throw refuse(from, VerifierVerdict.Unsafe, $"it jumps into the second half of the wide load at {target - 1}", "compile again");
            }
        }
    }

    /// <summary>The function that a local call enters, or whose address a wide load gives.</summary>
    private static long? CalledBy(Instruction instruction, int slot) =>
        instruction.IsLocalCall || (instruction.IsWide && instruction.Src == WideImmediateKind.Function) ? instruction.CallTarget(slot) : null;

    private static void RefuseRecursion(
        Dictionary<int, SortedDictionary<int, int>> calls, Func<int, VerifierVerdict, string, string, Exception> refuse)
    {
        var done = new HashSet<int>();
        var path = new Stack<(int Function, int Index)>([(0, 0)]);
        var onPath = new HashSet<int> { 0 };
        while (path.TryPop(out var top))
        {
            if (top.Index == calls[top.Function].Count)
            {
                onPath.Remove(top.Function);
                done.Add(top.Function);
                continue;
            }

            path.Push((top.Function, top.Index + 1));
            var (called, slot) = calls[top.Function].ElementAt(top.Index);
            if (onPath.Contains(called))
            {
                throw refuse(slot, VerifierVerdict.CannotProve, $"the function at {called} calls itself, here or through others", "use a loop with a constant bound");
            }

            if (!done.Contains(called))
            {
                onPath.Add(called);
                path.Push((called, 0));
            }
        }
    }

    private static string? Fault(Instruction instruction)
    {
        switch (instruction.Class)
        {
            case InstructionClass.Alu or InstructionClass.Alu64:
                return ArithmeticFault(instruction);
            case InstructionClass.Jmp or InstructionClass.Jmp32:
                return JumpFault(instruction);
            case InstructionClass.Ld:
                return LoadFault(instruction);
            case InstructionClass.Ldx:
                return instruction.Immediate != 0 ? "its immediate must be 0"
                    : instruction.Mode == MemoryMode.Memory || (instruction.Mode == MemoryMode.MemorySignExtended && instruction.Size != MemorySize.DoubleWord)
                    ? null : "there is no such load";
            case InstructionClass.St:
                return instruction.Mode != MemoryMode.Memory || instruction.Src != 0 ? "there is no such store" : null;
            default:
                return instruction.IsAtomic
                    ? (instruction.SizeBytes < 4 || !IsAtomicOperation(instruction.Immediate) ? "there is no such atomic operation" : null)
                    : instruction.Mode != MemoryMode.Memory || instruction.Immediate != 0 ? "there is no such store" : null;
        }
    }

    private static string? ArithmeticFault(Instruction instruction)
    {
        var width = instruction.Class == InstructionClass.Alu64 ? 64 : 32;
        var hasImmediate = !instruction.UsesRegister;
        switch (instruction.AluOperation)
        {
            case AluOperation.End:
                return instruction.Immediate is not (16 or 32 or 64) || instruction.Src != 0 || instruction.Offset != 0 || (width == 64 && !hasImmediate)
                    ? "there is no such byte swap" : null;
            case AluOperation.Neg:
                return instruction.Src != 0 || instruction.Offset != 0 || instruction.Immediate != 0 || !hasImmediate ? "neg has no operand" : null;
            case AluOperation.Mov:
                var widths = width == 64 ? new short[] { 0, 8, 16, 32 } : [0, 8, 16];
                return !widths.Contains(instruction.Offset) || (hasImmediate && instruction.Offset != 0) ? "there is no such move" : OperandFault(instruction);
            case AluOperation.Div or AluOperation.Mod:
                return instruction.Offset is not (0 or 1) ? "there is no such division" : OperandFault(instruction);
            case AluOperation.Lsh or AluOperation.Rsh or AluOperation.Arsh when hasImmediate && (instruction.Immediate < 0 || instruction.Immediate >= width):
                return $"a shift by {instruction.Immediate} of {width} bits";
            default:
                return instruction.AluOperation > AluOperation.End || instruction.Offset != 0 ? "there is no such arithmetic" : OperandFault(instruction);
        }
    }

    private static string? OperandFault(Instruction instruction) =>
        instruction.UsesRegister ? (instruction.Immediate != 0 ? "its immediate must be 0" : null) : instruction.Src != 0 ? "its source register must be 0" : null;

    private static string? JumpFault(Instruction instruction)
    {
        if (instruction.IsConditionalJump)
        {
            return instruction.JumpOperation > JumpOperation.SignedLessOrEqual ? "there is no such jump" : OperandFault(instruction);
        }

        if (instruction.IsUnconditionalJump)
        {
            return instruction.Dst != 0 || instruction.Src != 0 || (instruction.Opcode == Opcode.JumpAlways ? instruction.Immediate != 0 : instruction.Offset != 0)
                ? "a jump has unused fields that are not 0" : null;
        }

        if (instruction.IsExit)
        {
            return instruction is not { Dst: 0, Src: 0, Offset: 0, Immediate: 0 } ? "exit has fields that are not 0" : null;
        }

        return instruction.IsCall && instruction is { Dst: 0, Offset: 0 } ? null : "there is no such call";
    }

    private static string? LoadFault(Instruction instruction)
    {
        if (instruction.IsWide)
        {
            return instruction.Offset != 0 || instruction.Src is not (WideImmediateKind.Number or WideImmediateKind.Map or WideImmediateKind.MapValue or WideImmediateKind.Function) ? "there is no such wide load" : null;
        }

        var legacy = instruction.Mode is MemoryMode.PacketAbsolute or MemoryMode.PacketIndirect && instruction.Size != MemorySize.DoubleWord;
        return !legacy || instruction.Dst != 0 || instruction.Offset != 0 || (instruction.Mode == MemoryMode.PacketAbsolute && instruction.Src != 0)
            ? "there is no such load" : null;
    }

    private static bool IsAtomicOperation(int operation) =>
        operation is AtomicOperation.Exchange or AtomicOperation.CompareExchange
            || (operation & ~AtomicOperation.Fetch) is AtomicOperation.Add or AtomicOperation.Or or AtomicOperation.And or AtomicOperation.Xor;
}
