using System.Reflection.Emit;
using Oko.Bpf.Helpers;
using Oko.Bpf.Isa;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Jit;

// A filter that keeps something for each flow waits for memory when there are many flows: longer than for all else it does. The packet path has
// several packets at hand, but what a program will look up only the program knows. So it is translated a second time, into a scout: the same code
// up to the first lookup in a large hash map, where the scout has the cache fetch what the lookup will read, and ends. It ends as well before anything
// that others could notice or that might take long: any other map or helper, a store to other memory than the stack, a call, a jump backwards.
internal sealed partial class IlFunction
{
    private bool _isScout;
    private int _scouted;

    /// <summary>Emits the scout of a program, which was not cut into parts. False: it would find nothing.</summary>
    public bool TryEmitScout()
    {
        _isScout = true;
        Emit();
        return _scouted > 0;
    }

    /// <summary>Ends the scout where it must not go on. False: the instruction is the scout's, too.</summary>
    private bool TryEndScout(Instruction instruction, int slot)
    {
        if (instruction is { Opcode: Opcode.Call, Src: CallKind.Helper })
        {
            switch (HelperTable.For(_program.OkoHelpers).Find(instruction.Immediate)?.Id)
            {
                case HelperId.KtimeGetNs or HelperId.GetSmpProcessorId:
                    return false;
                case HelperId.MapLookup when _program.MapAtCall[slot] is not UnknownMap and var index:
                    if (_maps[index].Type == MapType.Array)
                    {
                        return false;
                    }

                    EmitSlotsToMemory(slot);
                    EmitPrefetch(_maps[index]);
                    break;
            }
        }
        else if (!(instruction.Class switch
        {
            InstructionClass.Jmp or InstructionClass.Jmp32 =>
                instruction.Opcode is Opcode.Call or Opcode.CallRegister || (instruction.Opcode != Opcode.Exit && instruction.JumpTarget(slot) <= slot),
            InstructionClass.St or InstructionClass.Stx => instruction.Dst != Register.FramePointer,
            _ => false,
        }))
        {
            return false;
        }

        _il.Emit(OpCodes.Ldc_I8, 0L);
        _il.Emit(OpCodes.Ret);
        return true;
    }

    // SAFETY: the header lives as long as the map, which outlives the code.
    private unsafe void EmitPrefetch(BpfMap map)
    {
        MapHeader* header = (MapHeader*)map.Handle;
        if (map is not { Type: MapType.Hash or MapType.LruHash, KeySize: 4 or 8 or 16 } || !HashTable.IsWorthPrefetching(header))
        {
            return;
        }

        _scouted++;
        LoadMap(map);
        EmitKey(map.KeySize);
        _il.Emit(OpCodes.Ldc_I4, (int)header->IndexMask);
        _il.Emit(OpCodes.Ldc_I8, (long)header->Seed0);
        _il.Emit(OpCodes.Ldc_I8, (long)header->Seed1);
        CallStatic(typeof(HashTable), map.KeySize switch
        {
            4 => nameof(HashTable.Prefetch4),
            8 => nameof(HashTable.Prefetch8),
            _ => nameof(HashTable.Prefetch16),
        });
    }
}
