using System.Reflection.Emit;
using Oko.Bpf.Execution;
using Oko.Bpf.Helpers;
using Oko.Bpf.Isa;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Jit;

// Jumps, exit, and calls: of local functions, of helpers on a map that the verifier knows, of helpers on any map.
internal sealed partial class IlFunction
{
    private const int UnknownMap = -1;

    private void EmitJump(Instruction instruction, int slot)
    {
        switch (instruction.Opcode)
        {
            case Opcode.Exit:
                LoadRegister(Register.Result);
                _il.Emit(OpCodes.Ret);
                break;
            case Opcode.JumpAlways or Opcode.JumpAlways32:
                _il.Emit(OpCodes.Br, _labels[(int)instruction.JumpTarget(slot)]);
                break;
            case Opcode.Call when instruction.Src == CallKind.Local:
                EmitLocalCall(instruction, slot);
                break;
            case Opcode.Call when instruction.Src == CallKind.Helper:
                EmitHelperCall(instruction, slot);
                break;
            case Opcode.CallRegister:
                EmitRegisterCall(instruction);
                break;
            default:
                EmitConditionalJump(instruction, slot);
                break;
        }
    }

    private void EmitConditionalJump(Instruction instruction, int slot)
    {
        if (instruction.Class == InstructionClass.Jmp)
        {
            LoadRegister(instruction.Dst);
            LoadSource64(instruction);
        }
        else
        {
            LoadRegister32(instruction.Dst);
            LoadSource32(instruction);
        }

        if (instruction.JumpOperation == JumpOperation.BitsSet)
        {
            _il.Emit(OpCodes.And);
        }

        OpCode branch = instruction.JumpOperation switch
        {
            JumpOperation.Equal => OpCodes.Beq,
            JumpOperation.NotEqual => OpCodes.Bne_Un,
            JumpOperation.Greater => OpCodes.Bgt_Un,
            JumpOperation.GreaterOrEqual => OpCodes.Bge_Un,
            JumpOperation.Less => OpCodes.Blt_Un,
            JumpOperation.LessOrEqual => OpCodes.Ble_Un,
            JumpOperation.SignedGreater => OpCodes.Bgt,
            JumpOperation.SignedGreaterOrEqual => OpCodes.Bge,
            JumpOperation.SignedLess => OpCodes.Blt,
            JumpOperation.SignedLessOrEqual => OpCodes.Ble,
            JumpOperation.BitsSet => OpCodes.Brtrue,
            _ => throw Unverified(instruction, slot),
        };
        _il.Emit(branch, _labels[(int)instruction.JumpTarget(slot)]);
    }

    // One method per function gives for free that a call keeps r6 to r9 and has a frame of its own.
    private void EmitLocalCall(Instruction instruction, int slot)
    {
        int target = (int)instruction.CallTarget(slot);
        if (target == 0 || !_functions.TryGetValue(target, out DynamicMethod? function))
        {
            throw Unverified(instruction, slot);
        }

        LoadContext();
        for (int argument = Register.FirstArgument; argument <= Register.LastArgument; argument++)
        {
            LoadRegister(argument);
        }

        _il.Emit(OpCodes.Call, function);
        StoreRegister(Register.Result);
    }

    private void EmitHelperCall(Instruction instruction, int slot)
    {
        HelperPrototype? helper = HelperTable.For(_program.OkoHelpers).Find(instruction.Immediate);
        int mapIndex = _program.MapAtCall[slot];
        BpfMap? map = mapIndex == UnknownMap ? null : _maps[mapIndex];
        switch (helper?.Id)
        {
            case HelperId.MapLookup:
                EmitLookup(map);
                break;
            case HelperId.MapUpdate:
                LoadMap(map);
                LoadPointer(2);
                LoadPointer(3);
                EmitUpdateFlags();
                (Type owner, string update) = map switch
                {
                    HashMap => (typeof(HashTable), nameof(HashTable.Update)),
                    ArrayMap => (typeof(MapOperations), nameof(MapOperations.UpdateArray)),
                    _ => (typeof(MapOperations), nameof(MapOperations.Update)),
                };
                CallStatic(owner, update);
                break;
            case HelperId.MapDelete:
                LoadMap(map);
                LoadPointer(2);
                CallStatic(map is HashMap ? typeof(HashTable) : typeof(MapOperations), nameof(MapOperations.Delete));
                break;
            case HelperId.KtimeGetNs:
                LoadContextField(FilterContext.TimeNanosecondsOffset, OpCodes.Ldind_I8);
                break;
            default:
                throw Unverified(instruction, slot);
        }

        StoreRegister(Register.Result);
    }

    private void EmitUpdateFlags()
    {
        if (_program.OkoHelpers)
        {
            _il.Emit(OpCodes.Ldc_I8, (long)MapUpdateFlags.Any);
        }
        else
        {
            LoadRegister(4);
        }
    }

    private void EmitLookup(BpfMap? map)
    {
        if (map is ArrayMap array)
        {
            LoadConstantAddress(array.ElementsAddress);
            _il.Emit(OpCodes.Ldc_I4, array.MaxEntries);
            _il.Emit(OpCodes.Ldc_I4, (int)MapMemory.Align8((uint)array.ValueSize));
            LoadPointer(2);
            CallStatic(typeof(MapOperations), nameof(MapOperations.LookupArray));
        }
        else
        {
            LoadMap(map);
            LoadPointer(2);
            (Type owner, string lookup) = (map, map?.KeySize) switch
            {
                (null, _) => (typeof(MapOperations), nameof(MapOperations.Lookup)),
                (_, 4) => (typeof(HashTable), nameof(HashTable.Lookup4)),
                (_, 8) => (typeof(HashTable), nameof(HashTable.Lookup8)),
                (_, 16) => (typeof(HashTable), nameof(HashTable.Lookup16)),
                _ => (typeof(HashTable), nameof(HashTable.Lookup)),
            };
            CallStatic(owner, lookup);
        }

        _il.Emit(OpCodes.Conv_U8);
    }

    // In unverified programs only, and there it reaches no helper but the one without arguments.
    private void EmitRegisterCall(Instruction instruction)
    {
        Label other = _il.DefineLabel();
        LoadRegister(instruction.Dst);
        EmitZero(Register.Result);
        _il.Emit(OpCodes.Ldc_I8, (long)HelperId.KtimeGetNs);
        _il.Emit(OpCodes.Bne_Un, other);
        LoadContextField(FilterContext.TimeNanosecondsOffset, OpCodes.Ldind_I8);
        StoreRegister(Register.Result);
        _il.MarkLabel(other);
    }

    private void LoadMap(BpfMap? map)
    {
        if (map is null)
        {
            LoadPointer(1);
        }
        else
        {
            LoadConstantAddress(map.Handle);
        }
    }

    private void LoadConstantAddress(nint address)
    {
        _il.Emit(OpCodes.Ldc_I8, (long)address);
        _il.Emit(OpCodes.Conv_U);
    }
}
