using Oko.Bpf.Helpers;
using Oko.Bpf.Isa;

namespace Oko.Bpf.Verifier;

/// <summary>Jumps, what they teach, calls and exit.</summary>
public sealed partial class ProgramVerifier
{
    private void Jump(Instruction instruction)
    {
        if (instruction.IsExit)
        {
            if (UseResult().IsPointer)
            {
                throw Refuse(VerifierVerdict.Unsafe, $"the result is an address ({_state[0]})", "return a number: 1 = match, 0 = no match");
            }

            return;
        }

        if (instruction.IsCall)
        {
            Call(instruction);
            Flow(_slot + 1, _state);
            return;
        }

        if (instruction.IsUnconditionalJump)
        {
            Flow((int)instruction.JumpTarget(_slot), _state);
            return;
        }

        var left = Use(instruction.Dst);
        var right = instruction.UsesRegister ? Use(instruction.Src)
            : RegisterState.Number(Scalar.Constant(instruction.Class == InstructionClass.Jmp ? (ulong)(long)instruction.Immediate : (uint)instruction.Immediate));
        CheckComparison(instruction, left, right);
        var (taken, fallen) = (_state.Copy(), _state.Copy());
        var canTake = Refine(taken, instruction, left, right, isTaken: true);
        var canFall = Refine(fallen, instruction, left, right, isTaken: false);
        if (canTake)
        {
            Flow((int)instruction.JumpTarget(_slot), taken);
        }

        if (canFall)
        {
            Flow(_slot + 1, fallen);
        }

        if (!(canTake && canFall))
        {
            // Decided: the side that is never taken may be unreachable, and no instruction may lead there any more. If neither
            // can be, nothing gets here, and anything that leads nowhere will do.
            _program[_slot] = canTake ? new Instruction(Opcode.JumpAlways, 0, 0, instruction.Offset, 0)
                : new Instruction(canFall ? Opcode.JumpAlways : Opcode.Exit, 0, 0, 0, 0);
        }
    }

    private RegisterState UseResult() => _state[0].IsReadable ? _state[0]
        : throw Refuse(VerifierVerdict.Unsafe, "r0 holds no result on every path", "return 1 for match, 0 for no match");

    private void CheckComparison(Instruction instruction, RegisterState left, RegisterState right)
    {
        if (!left.IsPointer && !right.IsPointer)
        {
            return;
        }

        static bool InPacket(RegisterState value) => value.Kind is RegisterKind.Packet or RegisterKind.PacketEnd;
        var withNull = instruction.JumpOperation is JumpOperation.Equal or JumpOperation.NotEqual
            && left.Kind is RegisterKind.MapValueOrNull or RegisterKind.MapValue && right is { Kind: RegisterKind.Scalar, Value: { Min: 0, Max: 0 } };
        if (instruction.Class == InstructionClass.Jmp32 || !(withNull || (InPacket(left) && InPacket(right))))
        {
            throw Refuse(VerifierVerdict.Unsafe, $"a comparison of {left} with {right} would tell where memory lies", "compare packet addresses with data_end, and lookup results with 0");
        }
    }

    /// <summary>Adds to a state what one side of a comparison says; false if no value goes there.</summary>
    private bool Refine(AbstractState state, Instruction instruction, RegisterState left, RegisterState right, bool isTaken)
    {
        var operation = isTaken ? instruction.JumpOperation : Opposite(instruction.JumpOperation);
        if (left.Kind == RegisterKind.MapValueOrNull)
        {
            var isNull = operation == JumpOperation.Equal;
            state.Replace(
                value => value.Kind == RegisterKind.MapValueOrNull && value.Id == left.Id,
                value => isNull ? RegisterState.Number(Scalar.Constant(0)) : value with { Kind = RegisterKind.MapValue, Id = 0 });
            return true;
        }

        if (left.Kind == RegisterKind.MapValue)
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
            ProveBefore(state, right, Mirrored(operation));
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
        var limit = instruction.Class == InstructionClass.Jmp ? ulong.MaxValue : uint.MaxValue;
        if (left.Value.Max > limit || right.Value.Max > limit)
        {
            return true;                        // a 32-bit comparison of 64-bit numbers: nothing is learnt
        }

        var a = left.Value;
        var b = right.Value;
        if (operation != Unsigned(operation))
        {
            // A signed comparison of numbers without the sign bit is an unsigned one; what is not less than such a number is one too.
            var sign = (limit >> 1) + 1;
            if (operation == JumpOperation.SignedGreater && !instruction.UsesRegister && b.Min == limit)
            {
                (operation, b) = (JumpOperation.SignedGreaterOrEqual, Scalar.Constant(0));      // x > -1
            }

            var rises = operation is JumpOperation.SignedGreater or JumpOperation.SignedGreaterOrEqual;
            var (low, high) = rises ? (b, a) : (a, b);
            if (low.Max >= sign)
            {
                return true;
            }

            if (Scalar.Meet(high, 0, sign - 1) is not { } positive)
            {
                return false;
            }

            (a, b) = rises ? (positive, b) : (a, positive);
        }

        Scalar? newA = a, newB = b;
        switch (operation)
        {
            case JumpOperation.Equal:
                newA = newB = Scalar.Make(Math.Max(a.Min, b.Min), Math.Min(a.Max, b.Max), (a.Bits & ~a.Unknown) | (b.Bits & ~b.Unknown), a.Unknown & b.Unknown);
                if (((a.Bits ^ b.Bits) & ~a.Unknown & ~b.Unknown) != 0)
                {
                    return false;
                }

                break;
            case JumpOperation.NotEqual:
                newA = Without(a, b);
                newB = Without(b, a);
                break;
            case JumpOperation.Greater or JumpOperation.SignedGreater:
                (newA, newB) = a.Max == 0 || b.Min == ulong.MaxValue ? (null, null)
                    : (Scalar.Meet(a, b.Min + 1, ulong.MaxValue), Scalar.Meet(b, 0, a.Max - 1));
                break;
            case JumpOperation.GreaterOrEqual or JumpOperation.SignedGreaterOrEqual:
                (newA, newB) = (Scalar.Meet(a, b.Min, ulong.MaxValue), Scalar.Meet(b, 0, a.Max));
                break;
            case JumpOperation.Less or JumpOperation.SignedLess:
                (newA, newB) = b.Max == 0 || a.Min == ulong.MaxValue ? (null, null)
                    : (Scalar.Meet(a, 0, b.Max - 1), Scalar.Meet(b, a.Min + 1, ulong.MaxValue));
                break;
            case JumpOperation.LessOrEqual or JumpOperation.SignedLessOrEqual:
                (newA, newB) = (Scalar.Meet(a, 0, b.Max), Scalar.Meet(b, a.Min, ulong.MaxValue));
                break;
            case JumpOperation.BitsSet:
                // Some common bit is set, or (the opposite, written as Call below) none is.
                newA = b.IsConstant && (b.Min & (a.Bits | a.Unknown)) == 0 ? null : a;
                break;
            case BitsClear:
                newA = b.IsConstant ? ((a.Bits & b.Min) != 0 ? null : Scalar.Make(a.Min, a.Max, a.Bits, a.Unknown & ~b.Min)) : a;
                break;
        }

        if (newA is not { } x || newB is not { } y)
        {
            return false;
        }

        // "n + 20 <= length": behind the packet's start + n there are 20 bytes.
        if (right.IsLength)
        {
            ProveBefore(state, left, Unsigned(operation));
        }
        else if (left.IsLength)
        {
            ProveBefore(state, right, Mirrored(Unsigned(operation)));
        }

        Apply(state, instruction.Dst, left, x);
        if (instruction.UsesRegister)
        {
            Apply(state, instruction.Src, right, y);
        }

        return true;
    }

    private static void Apply(AbstractState state, int register, RegisterState before, Scalar after)
    {
        state[register] = state[register] with { Value = after };
        if (before.Id != 0)
        {
            state.Replace(
                value => value.Kind == RegisterKind.Scalar && value.Id == before.Id && value.Offset == before.Offset, value => value with { Value = after });
        }

        if (before.IsLength)
        {
            state.Prove(0, (long)after.Min);
        }
    }

    private static Scalar? Without(Scalar value, Scalar other)
    {
        if (!other.IsConstant)
        {
            return value;
        }

        if (value.IsConstant)
        {
            return value.Min == other.Min ? null : value;
        }

        return other.Min == value.Min ? Scalar.Meet(value, value.Min + 1, value.Max)
            : other.Min == value.Max ? Scalar.Meet(value, value.Min, value.Max - 1) : value;
    }

    // No jump tests for "no common bit"; the side of JSET that falls through does.
    private const JumpOperation BitsClear = (JumpOperation)0xF0;

    private static JumpOperation Opposite(JumpOperation operation) => operation switch
    {
        JumpOperation.Equal => JumpOperation.NotEqual,
        JumpOperation.NotEqual => JumpOperation.Equal,
        JumpOperation.Greater => JumpOperation.LessOrEqual,
        JumpOperation.GreaterOrEqual => JumpOperation.Less,
        JumpOperation.Less => JumpOperation.GreaterOrEqual,
        JumpOperation.LessOrEqual => JumpOperation.Greater,
        JumpOperation.SignedGreater => JumpOperation.SignedLessOrEqual,
        JumpOperation.SignedGreaterOrEqual => JumpOperation.SignedLess,
        JumpOperation.SignedLess => JumpOperation.SignedGreaterOrEqual,
        JumpOperation.SignedLessOrEqual => JumpOperation.SignedGreater,
        _ => BitsClear,
    };

    private static JumpOperation Unsigned(JumpOperation operation) => operation switch
    {
        JumpOperation.SignedGreater => JumpOperation.Greater,
        JumpOperation.SignedGreaterOrEqual => JumpOperation.GreaterOrEqual,
        JumpOperation.SignedLess => JumpOperation.Less,
        JumpOperation.SignedLessOrEqual => JumpOperation.LessOrEqual,
        _ => operation,
    };

    /// <summary>The comparison with its operands exchanged.</summary>
    private static JumpOperation Mirrored(JumpOperation operation) => operation switch
    {
        JumpOperation.Greater => JumpOperation.Less,
        JumpOperation.GreaterOrEqual => JumpOperation.LessOrEqual,
        JumpOperation.Less => JumpOperation.Greater,
        JumpOperation.LessOrEqual => JumpOperation.GreaterOrEqual,
        _ => operation,
    };

    private void Call(Instruction instruction)
    {
        if (!instruction.IsHelperCall)
        {
            throw Refuse(VerifierVerdict.NotSupported, "calls of functions in the program are not supported", "inline them: static __always_inline");
        }

        var helper = _helpers.Find(instruction.Immediate)
            ?? throw Refuse(VerifierVerdict.NotSupported, $"helper {instruction.Immediate} is not offered", "offered are " + string.Join(", ", _helpers.Prototypes.Select(prototype => $"{prototype.Name} ({prototype.Number})")));
        if (helper.Id is not (HelperId.MapLookup or HelperId.MapUpdate or HelperId.MapDelete or HelperId.KtimeGetNs))
        {
            throw Refuse(VerifierVerdict.NotSupported, $"helper {helper.Name} is not offered in this version", "leave it out");
        }

        var map = -1;
        for (var index = 0; index < helper.Arguments.Length; index++)
        {
            var register = index + 1;
            switch (helper.Arguments[index])
            {
                case HelperArgument.Map:
                    var value = Use(register);
                    map = value.Kind == RegisterKind.Map ? value.Map
                        : throw Refuse(VerifierVerdict.Unsafe, $"r{register} must be a map for {helper.Name}, it is {value}", "pass &map");
                    break;
                case HelperArgument.MapKey:
                    CheckReadable(helper, register, _input.Maps[map].KeySize, "key");
                    break;
                case HelperArgument.MapValue:
                    CheckReadable(helper, register, _input.Maps[map].ValueSize, "value");
                    break;
                default:
                    _ = UseNumber(register, helper.Name);
                    break;
            }
        }

        if (helper.Id is HelperId.MapUpdate or HelperId.MapDelete && (_input.Maps[map].Flags & ReadOnlyForPrograms) != 0)
        {
            throw Refuse(VerifierVerdict.Unsafe, $"map {_input.Maps[map].Name} is read-only for programs", "take BPF_F_RDONLY_PROG off");
        }

        _mapAtCall[_slot] = map;
        for (var register = 1; register <= 5; register++)
        {
            Set(register, RegisterState.Uninitialised);
        }

        Set(0, helper.Result == HelperResult.MapValueOrNull
            ? new RegisterState(RegisterKind.MapValueOrNull, default, Id: FreshId(), Map: map) : RegisterState.Number(Scalar.Any));
    }

    private void CheckReadable(HelperPrototype helper, int register, uint size, string what)
    {
        var pointer = Use(register);
        switch (pointer.Kind)
        {
            case RegisterKind.Stack:
                CheckReadableStack(StackOffset(pointer, 0, size), (int)size);
                break;
            case RegisterKind.Packet or RegisterKind.MapValue:
                CheckAccess(pointer, 0, size, "reads");
                break;
            default:
                throw Refuse(VerifierVerdict.Unsafe, $"r{register} must point to the {what} ({size} bytes) for {helper.Name}, it is {pointer}", $"pass the address of a variable that holds the {what}");
        }
    }
}
