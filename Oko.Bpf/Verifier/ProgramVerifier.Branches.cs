using Oko.Bpf.Isa;

namespace Oko.Bpf.Verifier;

/// <summary>Jumps, what they teach, and exit.</summary>
public sealed partial class ProgramVerifier
{
    private void Jump(Instruction instruction)
    {
        if (instruction.IsExit)
        {
            Return();
            return;
        }

        if (instruction.IsCall)
        {
            if (Call(instruction) is { } after)
            {
                _fallen[_slot] = true;
                Flow(_slot, _slot + 1, after);
            }

            return;
        }

        if (instruction.IsUnconditionalJump)
        {
            Flow(_slot, (int)instruction.JumpTarget(_slot), _state);
            return;
        }

        var left = Use(instruction.Dst);
        var right = instruction.UsesRegister ? Use(instruction.Src)
            : RegisterState.Number(instruction.Class == InstructionClass.Jmp ? (ulong)(long)instruction.Immediate : (uint)instruction.Immediate);
        CheckComparison(instruction, left, right);
        var (slot, taken) = (_slot, _state.Copy());
        if (Refine(taken, instruction, left, right, isTaken: true))
        {
            _taken[slot] = true;
            Flow(slot, (int)instruction.JumpTarget(slot), taken);
        }

        if (Refine(_state, instruction, left, right, isTaken: false))
        {
            _fallen[slot] = true;
            Flow(slot, slot + 1, _state);
        }
    }

    private void Return()
    {
        var result = _state[0];
        if (_state.Depth == 0)
        {
            if (!result.IsReadable)
            {
                throw Refuse(VerifierVerdict.Unsafe, "r0 holds no result on every path", "return 1 for match, 0 for no match");
            }

            if (result.IsPointer)
            {
                throw Refuse(VerifierVerdict.Unsafe, $"the result is an address ({result})", "return a number: 1 = match, 0 = no match");
            }

            if (_state.Records.Count > 0)
            {
                throw Refuse(VerifierVerdict.Unsafe, $"the record reserved at {_state.Records.First().Value} is neither submitted nor discarded", "bpf_ringbuf_submit or bpf_ringbuf_discard it on every path");
            }

            return;
        }

        if (result.Kind == RegisterKind.Stack)
        {
            throw Refuse(VerifierVerdict.Unsafe, "a function returns the address of a stack variable", "return a number, or let the caller pass the address");
        }

        _returned = _returned is { } other ? Join(other, _state) : _state;
    }

    private void CheckComparison(Instruction instruction, RegisterState left, RegisterState right)
    {
        if (!left.IsPointer && !right.IsPointer)
        {
            return;
        }

        static bool InPacket(RegisterState value) => value.Kind is RegisterKind.Packet or RegisterKind.PacketEnd;
        var withNull = instruction.JumpOperation is JumpOperation.Equal or JumpOperation.NotEqual
            && (left.MayBeNull || left.Kind is RegisterKind.MapValue or RegisterKind.Record) && right is { Kind: RegisterKind.Scalar, Value: { Min: 0, Max: 0 } };
        if (instruction.Class == InstructionClass.Jmp32 || !(withNull || (InPacket(left) && InPacket(right))))
        {
            throw Refuse(VerifierVerdict.Unsafe, $"a comparison of {left} with {right} would tell where memory lies", "compare packet addresses with data_end, and lookup results with 0");
        }
    }

    /// <summary>Adds to a state what one side of a comparison says; false if no value goes there.</summary>
    private bool Refine(AbstractState state, Instruction instruction, RegisterState left, RegisterState right, bool isTaken)
    {
        var operation = isTaken ? instruction.JumpOperation : Comparison.Opposite(instruction.JumpOperation);
        if (left.MayBeNull)
        {
            var isNull = operation == JumpOperation.Equal;
            var found = left.Kind == RegisterKind.MapValueOrNull ? RegisterKind.MapValue : RegisterKind.Record;
            if (isNull && found == RegisterKind.Record)
            {
                state.Release(left.Id);
            }

            state.Replace(
                value => value.Kind == left.Kind && value.Id == left.Id,
                value => isNull ? RegisterState.Number(0) : value with { Kind = found, Id = found == RegisterKind.Record ? value.Id : 0 });
            return true;
        }

        if (left.Kind is RegisterKind.MapValue or RegisterKind.Record)
        {
            return operation != JumpOperation.Equal;       // it is not 0
        }

        if (left.Kind == RegisterKind.Packet && right.Kind == RegisterKind.PacketEnd)
        {
            ProveBefore(state, left, operation);
            return true;
        }

        if (left.Kind == RegisterKind.PacketEnd && right.Kind == RegisterKind.Packet)
        {
            ProveBefore(state, right, Comparison.Mirrored(operation));
            return true;
        }

        return left.IsPointer || right.IsPointer || RefineNumbers(state, instruction, left, right, operation);
    }

    /// <summary>An address compares in this way with the packet's end, or a number with its length.</summary>
    private static void ProveBefore(AbstractState state, RegisterState pointer, JumpOperation operation)
    {
        if (pointer is { Kind: RegisterKind.Scalar, Id: 0 })
        {
            return;                             // a number without a name; id 0 is the packet's start
        }

        switch (operation)
        {
            case JumpOperation.Less:
                state.Prove(pointer.Id, pointer.Offset + 1);
                break;
            case JumpOperation.LessOrEqual or JumpOperation.Equal:
                state.Prove(pointer.Id, pointer.Offset);
                break;
        }
    }

    private static bool RefineNumbers(AbstractState state, Instruction instruction, RegisterState left, RegisterState right, JumpOperation operation)
    {
        var is64 = instruction.Class == InstructionClass.Jmp;
        var refined = is64 ? Comparison.Refine(operation, left.Value, right.Value, is64: true)
            : Comparison.Refine(operation, left.Value.Low32(), right.Value.Low32(), is64: false);
        if (refined is not var (a, b))
        {
            return false;
        }

        // A comparison of the low halves says something about the whole only where there is no high half, or where it repeats
        // the sign.
        var knowsLeft = is64 || left.Value.Max <= uint.MaxValue;
        var knowsRight = is64 || right.Value.Max <= uint.MaxValue;
        if (knowsLeft && knowsRight)
        {
            // "n + 20 <= length": behind the packet's start + n there are 20 bytes. A negative number is less than the length, too.
            var sign = is64 ? ulong.MaxValue >> 1 : int.MaxValue;
            var isSigned = operation != Comparison.Unsigned(operation);
            if (right.IsLength && (!isSigned || a.Max <= sign))
            {
                ProveBefore(state, left, Comparison.Unsigned(operation));
            }
            else if (left.IsLength && (!isSigned || b.Max <= sign))
            {
                ProveBefore(state, right, Comparison.Mirrored(Comparison.Unsigned(operation)));
            }
        }

        if (knowsLeft || IsSignExtended(left.Value))
        {
            Apply(state, instruction.Dst, left, knowsLeft ? a : Widened(left.Value, a));
        }

        if (instruction.UsesRegister && (knowsRight || IsSignExtended(right.Value)))
        {
            Apply(state, instruction.Src, right, knowsRight ? b : Widened(right.Value, b));
        }

        return true;
    }

    /// <summary>The high half only repeats the sign of the low one, so that the low half says it all.</summary>
    private static bool IsSignExtended(Scalar value) => value.SignedMin >= int.MinValue && value.SignedMax <= int.MaxValue;

    /// <summary>What a sign-extended number is, when its low half is known better.</summary>
    private static Scalar Widened(Scalar value, Scalar low)
    {
        var whole = low.SignExtend(32);
        return value.WithinSigned(whole.SignedMin, whole.SignedMax) ?? value;
    }

    private static void Apply(AbstractState state, int register, RegisterState before, Scalar after)
    {
        if (before.Tail >= 0)
        {
            state.Prove(before.Tail, before.TailOffset + (long)after.Min);
        }

        if (after == before.Value)
        {
            return;
        }

        state[register] = state[register] with { Value = after };
        if (before.Id == 0)
        {
            return;
        }

        // Copies, copies that something was added to, and addresses made of one of them.
        state.Replace(
            value => value.Kind is RegisterKind.Scalar or RegisterKind.Packet && value.Id == before.Id,
            value =>
            {
                var distance = (value.Kind == RegisterKind.Scalar ? value.Offset : 0) - before.Offset;
                return value with { Value = Scalar.Meet(value.Value, Scalar.Add(after, Scalar.Constant((ulong)distance))) ?? value.Value };
            });
    }
}
