using Oko.Bpf.Execution;
using Oko.Bpf.Isa;

namespace Oko.Bpf.Verifier;

/// <summary>Arithmetic on numbers and addresses.</summary>
public sealed partial class ProgramVerifier
{
    // Addresses stay far from the ends of the address space, so that their sums never wrap.
    private const long LargestOffset = 1 << 20;
    private const ulong LargestVariablePart = 1 << 17;

    private void Arithmetic(Instruction instruction)
    {
        var is64 = instruction.Class == InstructionClass.Alu64;
        var operation = instruction.AluOperation;
        if (operation == AluOperation.Mov)
        {
            Move(instruction, is64);
            return;
        }

        var left = Use(instruction.Dst);
        if (operation is AluOperation.Neg or AluOperation.End)
        {
            var number = UseNumber(instruction.Dst, "this operation");
            Set(instruction.Dst, RegisterState.Number(operation == AluOperation.Neg
                ? (is64 ? Scalar.Sub(Scalar.Constant(0), number) : Scalar.Sub(Scalar.Constant(0), number.Low32()).Low32())
                : Swap(instruction, number)));
            return;
        }

        var right = instruction.UsesRegister ? Use(instruction.Src) : RegisterState.Number(Scalar.Constant((ulong)(long)instruction.Immediate));
        if (left.IsPointer || right.IsPointer)
        {
            // Named first, so that a later comparison of the number tells about the address.
            if (left.Kind == RegisterKind.Scalar)
            {
                left = Named(instruction.Dst);
            }
            else if (right.Kind == RegisterKind.Scalar && instruction.UsesRegister)
            {
                right = Named(instruction.Src);
            }

            Set(instruction.Dst, AddressArithmetic(operation, is64, left, right));
            return;
        }

        if (is64 && Shortened(operation, left, right) is { } tail)
        {
            Set(instruction.Dst, tail);
            return;
        }

        // Compilers write "n | 1" for "n + 1" when the bit is known to be 0.
        var adds = operation == AluOperation.Add
            || (operation == AluOperation.Or && (left.Value.MayBeSet & right.Value.MayBeSet) == 0);
        if (adds && (Shifted(left, right.Value, is64) ?? Shifted(right, left.Value, is64)) is { } shifted)
        {
            Set(instruction.Dst, shifted);
            return;
        }

        // The compiler clears a register by xor or sub with itself.
        if (operation is AluOperation.Xor or AluOperation.Sub && instruction.UsesRegister && instruction.Src == instruction.Dst)
        {
            Set(instruction.Dst, RegisterState.Number(0));
            return;
        }

        var a = is64 ? left.Value : left.Value.Low32();
        var b = is64 ? right.Value : right.Value.Low32();
        var computed = Compute(instruction, a, b, is64);
        Set(instruction.Dst, RegisterState.Number(is64 ? computed : computed.Low32()));
    }

    private void Move(Instruction instruction, bool is64)
    {
        if (!instruction.UsesRegister)
        {
            var value = is64 ? (ulong)(long)instruction.Immediate : (uint)instruction.Immediate;
            Set(instruction.Dst, RegisterState.Number(Scalar.Constant(value)));
            return;
        }

        var source = Use(instruction.Src);
        if (instruction.Offset != 0)
        {
            var extended = UseNumber(instruction.Src, "a sign extension").SignExtend(instruction.Offset);
            Set(instruction.Dst, RegisterState.Number(is64 ? extended : extended.Low32()));
            return;
        }

        if (!is64)
        {
            var number = UseNumber(instruction.Src, "a 32-bit move");
            Set(instruction.Dst, number.Max <= uint.MaxValue ? Named(instruction.Src) : RegisterState.Number(number.Low32()));
            return;
        }

        Set(instruction.Dst, source.Kind == RegisterKind.Scalar ? Named(instruction.Src) : source);
    }

    /// <summary>A named number plus a constant, without overflow, keeps its name.</summary>
    private static RegisterState? Shifted(RegisterState number, Scalar distance, bool is64)
    {
        var limit = is64 ? ulong.MaxValue : uint.MaxValue;
        return number.Id != 0 && distance.IsConstant && distance.Min <= (ulong)LargestOffset && number.Value.Max <= limit - distance.Min
            && number.Offset + (long)distance.Min <= LargestOffset
            ? number with
            {
                Value = Scalar.Add(number.Value, distance), Offset = number.Offset + (long)distance.Min, TailOffset = number.TailOffset - (long)distance.Min,
            }
            : null;
    }

    /// <summary>The packet's length, or what lies behind an address, less a constant: what lies behind another address.</summary>
    private static RegisterState? Shortened(AluOperation operation, RegisterState left, RegisterState right)
    {
        if (left.Tail < 0 || !right.Value.IsConstant || operation is not (AluOperation.Add or AluOperation.Sub))
        {
            return null;
        }

        var distance = operation == AluOperation.Sub ? (long)right.Value.Min : unchecked(-(long)right.Value.Min);
        return distance is > 0 and <= LargestOffset && left.Value.Min >= (ulong)distance
            ? RegisterState.Number(Scalar.Sub(left.Value, Scalar.Constant((ulong)distance))) with { Tail = left.Tail, TailOffset = left.TailOffset + distance }
            : null;
    }

    /// <summary>A number that is copied gets an id, so that a comparison of one copy tells about the other.</summary>
    private RegisterState Named(int register)
    {
        if (_state[register].Id == 0 && register != 10)
        {
            _state[register] = _state[register] with { Id = FreshId() };
        }

        return _state[register];
    }

    private static Scalar Swap(Instruction instruction, Scalar number)
    {
        // "To little-endian" only cuts on a little-endian machine; class ALU64 swaps always.
        var bytes = instruction.Immediate / 8;
        var swaps = instruction.Class == InstructionClass.Alu64 || instruction.UsesRegister;
        if (number.IsConstant)
        {
            var value = number.Min;
            var swapped = bytes switch
            {
                2 => swaps ? System.Buffers.Binary.BinaryPrimitives.ReverseEndianness((ushort)value) : (ushort)value,
                4 => swaps ? System.Buffers.Binary.BinaryPrimitives.ReverseEndianness((uint)value) : (uint)value,
                _ => swaps ? System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(value) : value,
            };
            return Scalar.Constant(swapped);
        }

        return swaps ? Scalar.OfSize(bytes) : number.Cut(8 * bytes);
    }

    private static Scalar Compute(Instruction instruction, Scalar a, Scalar b, bool is64)
    {
        var width = is64 ? 64 : 32;
        switch (instruction.AluOperation)
        {
            case AluOperation.Add:
                return Scalar.Add(a, b);
            case AluOperation.Sub:
                return Scalar.Sub(a, b);
            case AluOperation.Mul:
                return Scalar.Mul(a, b);
            case AluOperation.And:
                return Scalar.And(a, b);
            case AluOperation.Or:
                return Scalar.Or(a, b);
            case AluOperation.Xor:
                return Scalar.Xor(a, b);
            case AluOperation.Div when instruction.Offset == 0 || AreNotNegative(a, b, width):
                return Scalar.Div(a, b);
            case AluOperation.Mod when instruction.Offset == 0 || AreNotNegative(a, b, width):
                return Scalar.Mod(a, b);
            case AluOperation.Lsh when b.IsConstant && b.Min < (ulong)width:
                return Scalar.ShiftLeft(a, (int)b.Min);
            case AluOperation.Lsh when b.Max < (ulong)width && a.Max >> (63 - (int)b.Max) == 0:
                return Scalar.Range(a.Min << (int)b.Min, a.Max << (int)b.Max);
            case AluOperation.Rsh when b.IsConstant && b.Min < (ulong)width:
                return Scalar.ShiftRight(a, (int)b.Min);
            case AluOperation.Rsh:
                return Scalar.Range(0, a.Max);
            case AluOperation.Arsh when b.IsConstant && b.Min < (ulong)width:
                return Scalar.ShiftRightSigned(is64 ? a : a.SignExtend(32), (int)b.Min);
            default:
                return Scalar.Any;
        }
    }

    private static bool AreNotNegative(Scalar a, Scalar b, int width) => Math.Max(a.Max, b.Max) < 1UL << (width - 1);

    private RegisterState AddressArithmetic(AluOperation operation, bool is64, RegisterState left, RegisterState right)
    {
        if (!is64)
        {
            throw Refuse(VerifierVerdict.Unsafe, "32-bit arithmetic on an address", "addresses have 64 bits");
        }

        if (operation == AluOperation.Sub && left.IsPointer && right.IsPointer)
        {
            return Difference(left, right);
        }

        if (operation is not (AluOperation.Add or AluOperation.Sub) || (operation == AluOperation.Sub && right.IsPointer) || (left.IsPointer && right.IsPointer))
        {
            throw Refuse(VerifierVerdict.Unsafe, $"no such arithmetic on an address ({(left.IsPointer ? left : right)})", "add and subtract numbers only");
        }

        var (pointer, number) = left.IsPointer ? (left, right) : (right, left);
        if (pointer.Kind is RegisterKind.Map or RegisterKind.PacketEnd or RegisterKind.Function || pointer.MayBeNull)
        {
            throw Refuse(VerifierVerdict.Unsafe, $"arithmetic on {pointer}", pointer.MayBeNull ? "compare the lookup's result with 0 first" : "use it as it is");
        }

        return Move(pointer, number, operation == AluOperation.Sub);
    }

    /// <summary>One address less another.</summary>
    private RegisterState Difference(RegisterState left, RegisterState right)
    {
        static bool InPacket(RegisterState value) => value.Kind is RegisterKind.Packet or RegisterKind.PacketEnd;
        if (!InPacket(left) || !InPacket(right))
        {
            throw Refuse(VerifierVerdict.Unsafe, $"the difference of {left} and {right} would tell where memory lies", "subtract addresses of the packet only");
        }

        if (left.Kind == RegisterKind.PacketEnd && right.Kind == RegisterKind.Packet
            && _state.Proven(right.Id) is >= 0 and var proven && proven >= right.Offset && right.Offset + (long)right.Value.Min >= 0)
        {
            // The address is neither in front of the packet nor behind its end: what lies between is what is left of the packet.
            return new RegisterState(RegisterKind.Scalar, Scalar.Range(0, FilterContext.MaxPacketBytes), Id: FreshId(), Tail: right.Id, TailOffset: right.Offset);
        }

        return RegisterState.Number(left.Kind == RegisterKind.Packet && right.Kind == RegisterKind.Packet && left.Id == right.Id
            ? Scalar.Constant((ulong)(left.Offset - right.Offset)) : Scalar.Any);
    }

    private RegisterState Move(RegisterState pointer, RegisterState number, bool subtract)
    {
        if (number.Value.IsConstant)
        {
            var distance = (long)number.Value.Min;
            if (distance is < -LargestOffset or > LargestOffset)
            {
                throw Refuse(VerifierVerdict.CannotProve, $"an address is moved by {distance}", $"stay within {LargestOffset} bytes");
            }

            var offset = pointer.Offset + (subtract ? -distance : distance);
            return offset is >= -LargestOffset and <= LargestOffset ? pointer with { Offset = offset }
                : throw Refuse(VerifierVerdict.CannotProve, $"an address has offset {offset}", $"stay within {LargestOffset} bytes");
        }

        if (pointer is { Kind: RegisterKind.Packet, Offset: 0, Id: 0, Value.Max: 0 } && number.IsLength && !subtract)
        {
            return new RegisterState(RegisterKind.PacketEnd, default);
        }

        if (pointer.Kind == RegisterKind.Context)
        {
            throw Refuse(VerifierVerdict.CannotProve, $"a variable offset into {pointer}", "use constant offsets there");
        }

        // The variable part is never negative: the least that is added goes to the constant part.
        var added = subtract ? Scalar.Sub(Scalar.Constant(0), number.Value) : number.Value;
        var least = Math.Min(added.SignedMin, 0);
        var part = least == 0 ? added : Scalar.Add(added, Scalar.Constant((ulong)-least));
        if (least < -LargestOffset || pointer.Offset + least < -LargestOffset || part.Max > LargestVariablePart || pointer.Value.Max + part.Max > LargestVariablePart)
        {
            throw Refuse(VerifierVerdict.CannotProve, $"the offset ({number.Value}) has no small bound", $"bound it first: if (n > limit) return 0; at most {LargestVariablePart}");
        }

        var sum = Scalar.Add(pointer.Value, part);
        if (pointer.Kind != RegisterKind.Packet)
        {
            return pointer with { Value = sum, Offset = pointer.Offset + least };
        }

        if (pointer is { Id: 0, Value.Max: 0 } && number.Id != 0 && least == 0 && !subtract)
        {
            // The variable part is what the number's name stands for: all addresses made from it share what is proven.
            return pointer with
            {
                Value = Scalar.Sub(number.Value, Scalar.Constant((ulong)number.Offset)), Id = number.Id, Offset = pointer.Offset + number.Offset,
            };
        }

        // A variable part of its own; a comparison with the packet's end will say how much lies behind it.
        return pointer with { Value = sum, Offset = pointer.Offset + least, Id = FreshId() };
    }
}
