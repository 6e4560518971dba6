using System.Reflection.Emit;
using Oko.Bpf.Execution;
using Oko.Bpf.Isa;

namespace Oko.Bpf.Jit;

// Classes ALU64 and ALU. Corner cases, all from RFC 9669, 4.1 and 4.2, and in the conformance suite: division and modulo by zero and
// MIN / -1 are defined (IL would trap), 32-bit results zero-extend, shift counts are masked, movsx to 32 bits zero-extends
// what it sign-extended, be and le are class ALU, bswap is class ALU64.
internal sealed partial class IlFunction
{
    private void EmitArithmetic64(Instruction instruction, int slot)
    {
        switch (instruction.AluOperation)
        {
            case AluOperation.Neg:
                LoadRegister(instruction.Dst);
                _il.Emit(OpCodes.Neg);
                break;
            case AluOperation.End:
                EmitByteSwap(instruction, slot);
                return;
            case AluOperation.Mov:
                LoadSource64(instruction);
                EmitSignExtension(instruction, slot);
                break;
            case AluOperation.Div or AluOperation.Mod:
                LoadRegister(instruction.Dst);
                LoadSource64(instruction);
                EmitDivision(instruction, wide: true, (ulong)(long)instruction.Immediate);
                break;
            case AluOperation.Lsh or AluOperation.Rsh or AluOperation.Arsh:
                LoadRegister(instruction.Dst);
                LoadSource32(instruction);
                EmitShift(instruction, countMask: 63);
                break;
            default:
                LoadRegister(instruction.Dst);
                LoadSource64(instruction);
                _il.Emit(SimpleOperation(instruction, slot));
                break;
        }

        StoreRegister(instruction.Dst);
    }

    private void EmitArithmetic32(Instruction instruction, int slot)
    {
        switch (instruction.AluOperation)
        {
            case AluOperation.Neg:
                LoadRegister32(instruction.Dst);
                _il.Emit(OpCodes.Neg);
                break;
            case AluOperation.End:
                EmitByteOrder(instruction, slot);
                return;
            case AluOperation.Mov:
                LoadSource32(instruction);
                EmitSignExtension(instruction, slot);
                break;
            case AluOperation.Div or AluOperation.Mod:
                LoadRegister32(instruction.Dst);
                LoadSource32(instruction);
                EmitDivision(instruction, wide: false, (uint)instruction.Immediate);
                break;
            case AluOperation.Lsh or AluOperation.Rsh or AluOperation.Arsh:
                LoadRegister32(instruction.Dst);
                LoadSource32(instruction);
                EmitShift(instruction, countMask: 31);
                break;
            default:
                LoadRegister32(instruction.Dst);
                LoadSource32(instruction);
                _il.Emit(SimpleOperation(instruction, slot));
                break;
        }

        StoreRegister32(instruction.Dst);
    }

    private OpCode SimpleOperation(Instruction instruction, int slot) => instruction.AluOperation switch
    {
        AluOperation.Add => OpCodes.Add,
        AluOperation.Sub => OpCodes.Sub,
        AluOperation.Mul => OpCodes.Mul,
        AluOperation.Or => OpCodes.Or,
        AluOperation.And => OpCodes.And,
        AluOperation.Xor => OpCodes.Xor,
        _ => throw Unverified(instruction, slot),
    };

    private void EmitShift(Instruction instruction, int countMask)
    {
        _il.Emit(OpCodes.Ldc_I4, countMask);
        _il.Emit(OpCodes.And);
        _il.Emit(instruction.AluOperation switch
        {
            AluOperation.Lsh => OpCodes.Shl,
            AluOperation.Rsh => OpCodes.Shr_Un,
            _ => OpCodes.Shr,
        });
    }

    private void EmitDivision(Instruction instruction, bool wide, ulong constant)
    {
        bool signed = instruction.Offset == 1;
        bool division = instruction.AluOperation == AluOperation.Div;
        if (!instruction.UsesRegister && !signed && constant != 0)
        {
            _il.Emit(division ? OpCodes.Div_Un : OpCodes.Rem_Un);
            return;
        }

        CallStatic(typeof(Arithmetic), (division, signed, wide) switch
        {
            (true, false, true) => nameof(Arithmetic.Divide64),
            (true, false, false) => nameof(Arithmetic.Divide32),
            (true, true, true) => nameof(Arithmetic.DivideSigned64),
            (true, true, false) => nameof(Arithmetic.DivideSigned32),
            (false, false, true) => nameof(Arithmetic.Modulo64),
            (false, false, false) => nameof(Arithmetic.Modulo32),
            (false, true, true) => nameof(Arithmetic.ModuloSigned64),
            (false, true, false) => nameof(Arithmetic.ModuloSigned32),
        });
    }

    private void EmitSignExtension(Instruction instruction, int slot)
    {
        bool wide = instruction.Class == InstructionClass.Alu64;
        switch (instruction.Offset)
        {
            case 0:
                return;
            case 8:
                _il.Emit(OpCodes.Conv_I1);
                break;
            case 16:
                _il.Emit(OpCodes.Conv_I2);
                break;
            case 32 when wide:
                _il.Emit(OpCodes.Conv_I4);
                break;
            default:
                throw Unverified(instruction, slot);
        }

        if (wide)
        {
            _il.Emit(OpCodes.Conv_I8);
        }
    }

    // The host is little-endian: "le" only cuts, "be" swaps.
    private void EmitByteOrder(Instruction instruction, int slot)
    {
        if (instruction.UsesRegister)
        {
            EmitByteSwap(instruction, slot);
            return;
        }

        LoadRegister(instruction.Dst);
        switch (instruction.Immediate)
        {
            case 16:
                _il.Emit(OpCodes.Conv_U2);
                _il.Emit(OpCodes.Conv_U8);
                break;
            case 32:
                _il.Emit(OpCodes.Conv_U4);
                _il.Emit(OpCodes.Conv_U8);
                break;
            case 64:
                break;
            default:
                throw Unverified(instruction, slot);
        }

        StoreRegister(instruction.Dst);
    }

    private void EmitByteSwap(Instruction instruction, int slot)
    {
        LoadRegister(instruction.Dst);
        EmitByteSwapOf(instruction.Immediate / 8, () => Unverified(instruction, slot));
        StoreRegister(instruction.Dst);
    }

    // The number on the evaluation stack, cut to the width, swapped and zero-extended to 64 bits.
    private void EmitByteSwapOf(int sizeBytes, Func<Exception> otherwise)
    {
        switch (sizeBytes)
        {
            case 2:
                _il.Emit(OpCodes.Conv_U2);
                _il.Emit(OpCodes.Call, RuntimeMethods.ByteSwap(typeof(ushort)));
                break;
            case 4:
                _il.Emit(OpCodes.Conv_U4);
                _il.Emit(OpCodes.Call, RuntimeMethods.ByteSwap(typeof(uint)));
                break;
            case 8:
                _il.Emit(OpCodes.Call, RuntimeMethods.ByteSwap(typeof(ulong)));
                return;
            default:
                throw otherwise();
        }

        _il.Emit(OpCodes.Conv_U8);
    }
}
