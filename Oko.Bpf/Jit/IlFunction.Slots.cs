using System.Reflection.Emit;
using Oko.Bpf.Isa;

namespace Oko.Bpf.Jit;

// Loads and stores of stack slots that live in locals (PromotedSlots). Byte 0 of a slot is its lowest, as in memory.
internal sealed partial class IlFunction
{
    private void EmitSlotLocals()
    {
        foreach (int slot in _promoted.Slots)
        {
            LocalBuilder local = _il.DeclareLocal(typeof(ulong));
            _slotLocals[slot] = local;
            // A narrow store keeps the other bytes; whatever they are, no verified program reads them.
            _il.Emit(OpCodes.Ldc_I8, 0L);
            _il.Emit(OpCodes.Stloc, local);
        }
    }

    private void EmitSlotLoad(Instruction instruction, int slot, int firstByte)
    {
        _il.Emit(OpCodes.Ldloc, _slotLocals[slot]);
        if (firstByte != 0)
        {
            _il.Emit(OpCodes.Ldc_I4, 8 * firstByte);
            _il.Emit(OpCodes.Shr_Un);
        }

        bool signed = instruction.Mode == MemoryMode.MemorySignExtended;
        switch (instruction.Size)
        {
            case MemorySize.Byte:
                _il.Emit(signed ? OpCodes.Conv_I1 : OpCodes.Conv_U1);
                break;
            case MemorySize.HalfWord:
                _il.Emit(signed ? OpCodes.Conv_I2 : OpCodes.Conv_U2);
                break;
            case MemorySize.Word:
                _il.Emit(signed ? OpCodes.Conv_I4 : OpCodes.Conv_U4);
                break;
        }

        if (instruction.Size != MemorySize.DoubleWord)
        {
            _il.Emit(signed ? OpCodes.Conv_I8 : OpCodes.Conv_U8);
        }

        StoreRegister(instruction.Dst);
    }

    private void EmitSlotStore(Instruction instruction, int slot, int firstByte)
    {
        LocalBuilder local = _slotLocals[slot];
        if (instruction.Size == MemorySize.DoubleWord)
        {
            EmitStoredValue(instruction, ulong.MaxValue, 0);
            _il.Emit(OpCodes.Stloc, local);
            return;
        }

        ulong mask = (1UL << (8 * instruction.SizeBytes)) - 1;
        _il.Emit(OpCodes.Ldloc, local);
        _il.Emit(OpCodes.Ldc_I8, (long)~(mask << (8 * firstByte)));
        _il.Emit(OpCodes.And);
        EmitStoredValue(instruction, mask, 8 * firstByte);
        _il.Emit(OpCodes.Or);
        _il.Emit(OpCodes.Stloc, local);
    }

    // The value of a store, cut to its size and moved to its place.
    private void EmitStoredValue(Instruction instruction, ulong mask, int shift)
    {
        if (instruction.Class == InstructionClass.St)
        {
            _il.Emit(OpCodes.Ldc_I8, (long)(((ulong)(long)instruction.Immediate & mask) << shift));
            return;
        }

        LoadRegister(instruction.Src);
        switch (instruction.Size)
        {
            case MemorySize.Byte:
                _il.Emit(OpCodes.Conv_U1);
                break;
            case MemorySize.HalfWord:
                _il.Emit(OpCodes.Conv_U2);
                break;
            case MemorySize.Word:
                _il.Emit(OpCodes.Conv_U4);
                break;
        }

        _il.Emit(OpCodes.Conv_U8);
        if (shift != 0)
        {
            _il.Emit(OpCodes.Ldc_I4, shift);
            _il.Emit(OpCodes.Shl);
        }
    }

    // A helper reads the stack: what it wants is written there, each slot in one store.
    private void EmitSlotsToMemory(int call)
    {
        foreach (int slot in _promoted.ReadAtCall(call))
        {
            LoadAddress(Register.FramePointer, (short)slot);
            _il.Emit(OpCodes.Ldloc, _slotLocals[slot]);
            _il.Emit(OpCodes.Stind_I8);
        }
    }
}
