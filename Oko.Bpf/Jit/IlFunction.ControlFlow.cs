using System.Reflection.Emit;
using System.Runtime.CompilerServices;
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
                EmitReturn();
                break;
            case Opcode.JumpAlways or Opcode.JumpAlways32:
                _il.Emit(OpCodes.Br, LabelOf((int)instruction.JumpTarget(slot)));
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
        _il.Emit(branch, LabelOf((int)instruction.JumpTarget(slot)));
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
        EmitSlotsToMemory(slot);
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
                    { Type: MapType.Hash or MapType.LruHash } => (typeof(HashTable), nameof(HashTable.Update)),
                    { Type: MapType.Array } => (typeof(MapOperations), nameof(MapOperations.UpdateArray)),
                    _ => (typeof(MapOperations), nameof(MapOperations.Update)),
                };
                if (update == nameof(MapOperations.Update) && owner == typeof(MapOperations))
                {
                    LoadWorker();
                }

                CallStatic(owner, update);
                break;
            case HelperId.MapDelete:
                LoadMap(map);
                LoadPointer(2);
                CallStatic(map?.Type is MapType.Hash or MapType.LruHash ? typeof(HashTable) : typeof(MapOperations), nameof(MapOperations.Delete));
                break;
            case HelperId.KtimeGetNs:
                LoadContextField(FilterContext.TimeNanosecondsOffset, OpCodes.Ldind_I8);
                break;
            case HelperId.GetSmpProcessorId:
                LoadWorker();
                _il.Emit(OpCodes.Conv_U8);
                break;
            case HelperId.GetPrandomU32:
                CallStatic(typeof(HelperFunctions), nameof(HelperFunctions.Random));
                break;
            case HelperId.TracePrintk:
                LoadPointer(1);
                for (int argument = 2; argument <= Register.LastArgument; argument++)
                {
                    LoadRegister(argument);
                }

                LoadContextField(FilterContext.TimeNanosecondsOffset, OpCodes.Ldind_I8);
                CallStatic(typeof(TraceBuffer), nameof(TraceBuffer.Write));
                break;
            case HelperId.OkoMapAdd:
                LoadMap(map);
                LoadPointer(2);
                CallStatic(typeof(MapOperations), nameof(MapOperations.Add));
                break;
            case HelperId.OkoPrintf:
                LoadPointer(1);
                LoadRegister(2);
                LoadRegister(3);
                LoadRegister(4);
                LoadContextField(FilterContext.TimeNanosecondsOffset, OpCodes.Ldind_I8);
                CallStatic(typeof(TraceBuffer), nameof(TraceBuffer.WriteString));
                break;
            case HelperId.Jiffies64:
                LoadContext();
                CallStatic(typeof(HelperFunctions), nameof(HelperFunctions.Jiffies));
                break;
            case HelperId.CsumDiff:
                LoadPointer(1);
                LoadRegister(2);
                LoadPointer(3);
                LoadRegister(4);
                LoadRegister(5);
                CallStatic(typeof(HelperFunctions), nameof(HelperFunctions.CsumDiff));
                break;
            case HelperId.StringCompare:
                LoadPointer(1);
                LoadRegister(2);
                LoadPointer(3);
                CallStatic(typeof(HelperFunctions), nameof(HelperFunctions.StringCompare));
                break;
            case HelperId.OkoHash:
                LoadPointer(1);
                LoadRegister(2);
                CallStatic(typeof(HelperFunctions), nameof(HelperFunctions.Hash));
                break;
            case HelperId.MapPush:
                LoadMap(map);
                LoadPointer(2);
                LoadRegister(3);
                CallStatic(typeof(MapOperations), nameof(MapOperations.Push));
                break;
            case HelperId.MapPop or HelperId.MapPeek:
                LoadMap(map);
                LoadPointer(2);
                CallStatic(typeof(MapOperations), helper.Id == HelperId.MapPop ? nameof(MapOperations.Pop) : nameof(MapOperations.Peek));
                break;
            case HelperId.RingBufferOutput:
                LoadMap(map);
                LoadPointer(2);
                LoadRegister(3);
                LoadRegister(4);
                CallStatic(typeof(RingBuffer), nameof(RingBuffer.Output));
                break;
            case HelperId.RingBufferReserve:
                LoadMap(map);
                LoadRegister(2);
                LoadRegister(3);
                CallStatic(typeof(RingBuffer), nameof(RingBuffer.Reserve));
                _il.Emit(OpCodes.Conv_U8);
                break;
            case HelperId.RingBufferSubmit or HelperId.RingBufferDiscard:
                LoadPointer(1);
                LoadRegister(2);
                CallStatic(typeof(RingBuffer), helper.Id == HelperId.RingBufferSubmit ? nameof(RingBuffer.Submit) : nameof(RingBuffer.Discard));
                EmitZero(Register.Result);
                return;
            case HelperId.RingBufferQuery:
                LoadMap(map);
                LoadRegister(2);
                CallStatic(typeof(RingBuffer), nameof(RingBuffer.Query));
                break;
            case HelperId.Loop or HelperId.ForEachMapElem:
                EmitRepetition(slot, helper.Id == HelperId.ForEachMapElem ? map ?? throw Unverified(instruction, slot) : null);
                return;
            default:
                throw Unverified(instruction, slot);
        }

        StoreRegister(Register.Result);
    }

    // bpf_loop, or bpf_for_each_map_elem when there is a map: the loop stands here, around a direct call of the callback. r0 counts.
    private void EmitRepetition(int slot, BpfMap? map)
    {
        if (_program.CallbackAtCall[slot] < 0)
        {
            throw Unverified(_instructions[slot], slot);
        }

        // A callback that was proven to be called 0 times has no code.
        DynamicMethod? callback = _functions.GetValueOrDefault(_program.CallbackAtCall[slot]);
        Label next = _il.DefineLabel(), end = _il.DefineLabel(), flagsAreGood = _il.DefineLabel(), fits = _il.DefineLabel();
        LocalBuilder rounds = _il.DeclareLocal(typeof(ulong));
        LocalBuilder? cursor = map is null ? null : _il.DeclareLocal(typeof(MapCursor));
        LoadRegister(4);
        _il.Emit(OpCodes.Brfalse, flagsAreGood);
        EmitResult(MapErrno.Invalid, end);
        _il.MarkLabel(flagsAreGood);
        if (callback is null)
        {
            EmitZero(Register.Result);
            _il.MarkLabel(end);
            return;
        }

        if (map is null)
        {
            LoadRegister32(1);
            _il.Emit(OpCodes.Conv_U8);
        }
        else
        {
            _il.Emit(OpCodes.Ldloca, cursor!);
            _il.Emit(OpCodes.Initobj, typeof(MapCursor));
            _il.Emit(OpCodes.Ldc_I8, (long)map.MaxEntries);
        }

        _il.Emit(OpCodes.Stloc, rounds);
        _il.Emit(OpCodes.Ldloc, rounds);
        _il.Emit(OpCodes.Ldc_I8, map is null ? HelperFunctions.MaxLoops : (long)map.MaxEntries);
        _il.Emit(OpCodes.Ble_Un, fits);
        EmitResult(MapErrno.Full, end);
        _il.MarkLabel(fits);
        EmitZero(Register.Result);

        _il.MarkLabel(next);
        LoadRegister(Register.Result);
        _il.Emit(OpCodes.Ldloc, rounds);
        _il.Emit(OpCodes.Bge_Un, end);
        if (map is null)
        {
            LoadContext();
            LoadRegister(Register.Result);
            LoadRegister(3);
            _il.Emit(OpCodes.Ldc_I8, 0L);
            _il.Emit(OpCodes.Ldc_I8, 0L);
        }
        else
        {
            LoadConstantAddress(map.Handle);
            EmitAddressOf(cursor!);
            LoadWorker();
            CallStatic(typeof(MapOperations), nameof(MapOperations.Next));
            _il.Emit(OpCodes.Brfalse, end);
            LoadContext();
            _il.Emit(OpCodes.Ldc_I8, (long)map.Handle);
            EmitCursorField(cursor!, nameof(MapCursor.Key));
            EmitCursorField(cursor!, nameof(MapCursor.Value));
            LoadRegister(3);
        }

        _il.Emit(OpCodes.Ldc_I8, 0L);
        _il.Emit(OpCodes.Call, callback);
        LoadRegister(Register.Result);
        _il.Emit(OpCodes.Ldc_I8, 1L);
        _il.Emit(OpCodes.Add);
        StoreRegister(Register.Result);
        _il.Emit(OpCodes.Brfalse, next);
        _il.MarkLabel(end);
    }

    private void EmitResult(int result, Label end)
    {
        _il.Emit(OpCodes.Ldc_I8, (long)result);
        StoreRegister(Register.Result);
        _il.Emit(OpCodes.Br, end);
    }

    private void EmitAddressOf(LocalBuilder local)
    {
        _il.Emit(OpCodes.Ldloca, local);
        _il.Emit(OpCodes.Conv_U);
    }

    private void EmitCursorField(LocalBuilder cursor, string field)
    {
        _il.Emit(OpCodes.Ldloc, cursor);
        _il.Emit(OpCodes.Ldfld, typeof(MapCursor).GetField(field)!);
        _il.Emit(OpCodes.Conv_U8);
    }

    private void LoadWorker() => LoadContextField(FilterContext.WorkerOffset, OpCodes.Ldind_U4);

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

    // SAFETY: the header lives as long as the map, which outlives the code.
    private unsafe void EmitLookup(BpfMap? map)
    {
        if (map is ArrayMap { Type: MapType.Array } array)
        {
            LoadConstantAddress(array.ElementsAddress);
            _il.Emit(OpCodes.Ldc_I4, array.MaxEntries);
            _il.Emit(OpCodes.Ldc_I4, (int)MapMemory.Align8((uint)array.ValueSize));
            LoadPointer(2);
            CallStatic(typeof(MapOperations), nameof(MapOperations.LookupArray));
        }
        else if (map is { Type: MapType.Hash or MapType.LruHash, KeySize: 4 or 8 or 16 } hash)
        {
            MapHeader* header = (MapHeader*)hash.Handle;
            LoadMap(map);
            EmitKey(hash.KeySize);
            LoadConstantAddress((nint)header->Entries);
            _il.Emit(OpCodes.Ldc_I4, (int)header->IndexMask);
            _il.Emit(OpCodes.Ldc_I4, (int)header->Stride);
            _il.Emit(OpCodes.Ldc_I8, (long)header->Seed0);
            _il.Emit(OpCodes.Ldc_I8, (long)header->Seed1);
            (string lookup, string further) = hash.KeySize switch
            {
                4 => (nameof(HashTable.Lookup4), nameof(HashTable.LookupFurther4)),
                8 => (nameof(HashTable.Lookup8), nameof(HashTable.LookupFurther8)),
                _ => (nameof(HashTable.Lookup16), nameof(HashTable.LookupFurther16)),
            };
            RuntimeHelpers.PrepareMethod(RuntimeMethods.Find(typeof(HashTable), further).MethodHandle);
            CallStatic(typeof(HashTable), lookup);
            if (map.Type == MapType.LruHash)
            {
                _il.Emit(OpCodes.Ldc_I4, HashTable.ReferenceOffset(header));
                CallStatic(typeof(HashTable), nameof(HashTable.Touch));
            }
        }
        else
        {
            LoadMap(map);
            LoadPointer(2);
            if (map is { Type: MapType.Hash or MapType.LruHash })
            {
                CallStatic(typeof(HashTable), map.Type == MapType.Hash ? nameof(HashTable.Lookup) : nameof(HashTable.LookupLru));
            }
            else
            {
                LoadWorker();
                CallStatic(typeof(MapOperations), nameof(MapOperations.Lookup));
            }
        }

        _il.Emit(OpCodes.Conv_U8);
    }

    // The key of a lookup: its value for 4 and 8 bytes, its address for 16.
    private void EmitKey(int sizeBytes)
    {
        bool isFresh = _freshKeyValue is not null && _freshKey.IsAt(2, sizeBytes);
        switch (sizeBytes, isFresh)
        {
            case (4, true):
                _il.Emit(OpCodes.Ldloc, _freshKeyValue!);
                _il.Emit(OpCodes.Conv_U4);
                break;
            case (4, false):
                LoadPointer(2);
                _il.Emit(OpCodes.Ldind_U4);
                break;
            case (8, true):
                _il.Emit(OpCodes.Ldloc, _freshKeyValue!);
                break;
            case (8, false):
                LoadPointer(2);
                _il.Emit(OpCodes.Ldind_I8);
                break;
            default:
                LoadPointer(2);
                break;
        }
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
