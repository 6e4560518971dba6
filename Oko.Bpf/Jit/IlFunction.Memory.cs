using System.Reflection.Emit;
using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Jit;

// Loads and stores are plain: the verifier has proven them in bounds. They may be unaligned, which x86-64 and arm64 allow
// for ordinary accesses; atomics are aligned, which the verifier has proven as well.
internal sealed partial class IlFunction
{
    private void EmitLoad(Instruction instruction, int slot)
    {
        if (_promoted.Find(slot) is var (place, firstByte))
        {
            EmitSlotLoad(instruction, place, firstByte);
            return;
        }

        LoadAddress(instruction.Src, instruction.Offset);
        (OpCode load, OpCode extend) = (instruction.Mode, instruction.Size) switch
        {
            (MemoryMode.Memory, MemorySize.Byte) => (OpCodes.Ldind_U1, OpCodes.Conv_U8),
            (MemoryMode.Memory, MemorySize.HalfWord) => (OpCodes.Ldind_U2, OpCodes.Conv_U8),
            (MemoryMode.Memory, MemorySize.Word) => (OpCodes.Ldind_U4, OpCodes.Conv_U8),
            (MemoryMode.Memory, MemorySize.DoubleWord) => (OpCodes.Ldind_I8, OpCodes.Nop),
            (MemoryMode.MemorySignExtended, MemorySize.Byte) => (OpCodes.Ldind_I1, OpCodes.Conv_I8),
            (MemoryMode.MemorySignExtended, MemorySize.HalfWord) => (OpCodes.Ldind_I2, OpCodes.Conv_I8),
            (MemoryMode.MemorySignExtended, MemorySize.Word) => (OpCodes.Ldind_I4, OpCodes.Conv_I8),
            _ => throw Unverified(instruction, slot),
        };
        _il.Emit(load);
        if (extend != OpCodes.Nop)
        {
            _il.Emit(extend);
        }

        StoreRegister(instruction.Dst);
    }

    private void EmitStore(Instruction instruction, int slot)
    {
        if (instruction.IsAtomic)
        {
            EmitAtomic(instruction, slot);
            return;
        }

        if (instruction.Mode != MemoryMode.Memory)
        {
            throw Unverified(instruction, slot);
        }

        if (_freshKey.IsStackStore(instruction) && _maps.Any(map => map.Type == MapType.Hash && map.KeySize == instruction.SizeBytes))
        {
            EmitFreshKey(instruction);
        }

        if (_promoted.Find(slot) is var (place, firstByte))
        {
            EmitSlotStore(instruction, place, firstByte);
            return;
        }

        LoadAddress(instruction.Dst, instruction.Offset);
        if (instruction.Class == InstructionClass.St)
        {
            _il.Emit(OpCodes.Ldc_I8, (long)instruction.Immediate);
        }
        else
        {
            LoadRegister(instruction.Src);
        }

        switch (instruction.Size)
        {
            case MemorySize.Byte:
                _il.Emit(OpCodes.Conv_U1);
                _il.Emit(OpCodes.Stind_I1);
                break;
            case MemorySize.HalfWord:
                _il.Emit(OpCodes.Conv_U2);
                _il.Emit(OpCodes.Stind_I2);
                break;
            case MemorySize.Word:
                _il.Emit(OpCodes.Conv_U4);
                _il.Emit(OpCodes.Stind_I4);
                break;
            default:
                _il.Emit(OpCodes.Stind_I8);
                break;
        }
    }

    private void EmitFreshKey(Instruction store)
    {
        _freshKeyValue ??= _il.DeclareLocal(typeof(ulong));
        LoadRegister(store.Src);
        _il.Emit(OpCodes.Stloc, _freshKeyValue);
    }

    private void EmitAtomic(Instruction instruction, int slot)
    {
        bool wide = instruction.Size == MemorySize.DoubleWord;
        if ((!wide && instruction.Size != MemorySize.Word) || !AtomicKind.IsValid(instruction.Immediate))
        {
            throw Unverified(instruction, slot);
        }

        LoadAddress(instruction.Dst, instruction.Offset);
        LoadOperand(instruction.Src, wide);
        if (instruction.Immediate == AtomicOperation.CompareExchange)
        {
            LoadOperand(Register.Result, wide);
        }

        // On the stack by a call that is not inlined: RyuJIT (.NET 10.0) believes that an inlined atomic operation leaves its own frame
        // alone, and answers the next load with what was stored before.
        bool onStack = _program.Stack?.AtomicAt.Contains(slot) ?? true;
        CallStatic(onStack ? typeof(AtomicCalls) : typeof(Atomics), instruction.Immediate switch
        {
            AtomicOperation.Exchange => wide ? nameof(Atomics.Exchange64) : nameof(Atomics.Exchange32),
            AtomicOperation.CompareExchange => wide ? nameof(Atomics.CompareExchange64) : nameof(Atomics.CompareExchange32),
            _ => (instruction.Immediate & ~AtomicOperation.Fetch) switch
            {
                AtomicOperation.Add => wide ? nameof(Atomics.Add64) : nameof(Atomics.Add32),
                AtomicOperation.Or => wide ? nameof(Atomics.Or64) : nameof(Atomics.Or32),
                AtomicOperation.And => wide ? nameof(Atomics.And64) : nameof(Atomics.And32),
                _ => wide ? nameof(Atomics.Xor64) : nameof(Atomics.Xor32),
            },
        });

        if ((instruction.Immediate & AtomicOperation.Fetch) == 0)
        {
            _il.Emit(OpCodes.Pop);
        }
        else
        {
            _il.Emit(OpCodes.Conv_U8);
            StoreRegister(instruction.Immediate == AtomicOperation.CompareExchange ? Register.Result : instruction.Src);
        }
    }

    // Legacy loads are the only checked ones: big-endian, and out of the packet the function returns 0.
    private void EmitPacketLoad(Instruction instruction, int slot)
    {
        if (instruction.Mode is not (MemoryMode.PacketAbsolute or MemoryMode.PacketIndirect) ||
            instruction.Size == MemorySize.DoubleWord)
        {
            throw Unverified(instruction, slot);
        }

        _packetOffset ??= _il.DeclareLocal(typeof(ulong));
        _il.Emit(OpCodes.Ldc_I4, instruction.Immediate);
        if (instruction.Mode == MemoryMode.PacketIndirect)
        {
            LoadRegister32(instruction.Src);
            _il.Emit(OpCodes.Add);
        }

        _il.Emit(OpCodes.Conv_U8);
        _il.Emit(OpCodes.Stloc, _packetOffset);

        Label inside = _il.DefineLabel();
        _il.Emit(OpCodes.Ldloc, _packetOffset);
        _il.Emit(OpCodes.Ldc_I8, (long)instruction.SizeBytes);
        _il.Emit(OpCodes.Add);
        LoadContextField(FilterContext.LengthOffset, OpCodes.Ldind_I8);
        _il.Emit(OpCodes.Ble_Un, inside);
        _il.Emit(OpCodes.Ldc_I8, 0L);
        EmitReturn();

        _il.MarkLabel(inside);
        LoadContextField(FilterContext.PacketOffset, OpCodes.Ldind_I);
        _il.Emit(OpCodes.Ldloc, _packetOffset);
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Add);
        switch (instruction.SizeBytes)
        {
            case 1:
                _il.Emit(OpCodes.Ldind_U1);
                _il.Emit(OpCodes.Conv_U8);
                break;
            case 2:
                _il.Emit(OpCodes.Ldind_U2);
                EmitByteSwapOf(2, () => Unverified(instruction, slot));
                break;
            default:
                _il.Emit(OpCodes.Ldind_U4);
                EmitByteSwapOf(4, () => Unverified(instruction, slot));
                break;
        }

        StoreRegister(Register.Result);
    }

    private void LoadAddress(byte register, short offset)
    {
        LoadRegister(register);
        if (offset != 0)
        {
            _il.Emit(OpCodes.Ldc_I8, (long)offset);
            _il.Emit(OpCodes.Add);
        }

        _il.Emit(OpCodes.Conv_U);
    }

    private void LoadOperand(byte register, bool wide)
    {
        if (wide)
        {
            LoadRegister(register);
        }
        else
        {
            LoadRegister32(register);
        }
    }
}
