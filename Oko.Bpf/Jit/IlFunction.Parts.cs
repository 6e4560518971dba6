using System.Reflection.Emit;
using Oko.Bpf.Isa;

namespace Oko.Bpf.Jit;

// Functions in several methods: the loop that calls the parts, and what surrounds the instructions of a part; see FunctionParts.
internal sealed partial class IlFunction
{
    private const int RegisterBytes = 8;

    // Slots of other parts to which this one jumps or runs on.
    private readonly HashSet<int> _left = [];

    // The place of an instruction; outside the part, that of the code that leaves for it.
    private Label LabelOf(int slot)
    {
        if (_part is not null && _part.Slots.BinarySearch(slot) < 0)
        {
            _left.Add(slot);
        }

        return _labels[slot];
    }

    // Ends the function with the number on the evaluation stack as its result.
    private void EmitReturn()
    {
        if (_part is not null)
        {
            StoreRegister(Register.Result);
            _il.Emit(OpCodes.Ldarg_1);
            LoadRegister(Register.Result);
            _il.Emit(OpCodes.Stind_I8);
            _il.Emit(OpCodes.Ldc_I4, FunctionParts.Over);
        }

        _il.Emit(OpCodes.Ret);
    }

    private void EmitDispatch(FunctionParts parts)
    {
        LocalBuilder file = _il.DeclareLocal(typeof(RegisterFile));
        LocalBuilder entry = _il.DeclareLocal(typeof(int));
        for (int register = 0; register < Register.Count; register++)
        {
            _il.Emit(OpCodes.Ldloca, file);
            _il.Emit(OpCodes.Ldc_I4, register * RegisterBytes);
            _il.Emit(OpCodes.Add);
            LoadRegister(register);
            _il.Emit(OpCodes.Stind_I8);
        }

        _il.Emit(OpCodes.Ldc_I4, parts.EntryNumber(_flow.Start));
        _il.Emit(OpCodes.Stloc, entry);

        Label loop = _il.DefineLabel();
        Label returned = _il.DefineLabel();
        _il.MarkLabel(loop);
        foreach (FunctionPart part in parts.Parts)
        {
            Label other = _il.DefineLabel();
            _il.Emit(OpCodes.Ldloc, entry);
            _il.Emit(OpCodes.Ldc_I4, part.FirstEntry + part.Entries.Count);
            _il.Emit(OpCodes.Bge, other);
            LoadContext();
            _il.Emit(OpCodes.Ldloca, file);
            _il.Emit(OpCodes.Conv_U);
            _il.Emit(OpCodes.Ldloc, entry);
            _il.Emit(OpCodes.Call, part.Method);
            _il.Emit(OpCodes.Stloc, entry);
            _il.Emit(OpCodes.Br, returned);
            _il.MarkLabel(other);
        }

        _il.MarkLabel(returned);
        _il.Emit(OpCodes.Ldloc, entry);
        _il.Emit(OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Bge, loop);
        _il.Emit(OpCodes.Ldloca, file);
        _il.Emit(OpCodes.Ldind_I8);
        _il.Emit(OpCodes.Ret);
    }

    private void EmitPart(FunctionParts parts, FunctionPart part)
    {
        DefineLabels(_flow.Targets);
        DefineLabels(part.Entries);
        for (int register = 0; register < Register.Count; register++)
        {
            LoadRegisterPlace(register);
            _il.Emit(OpCodes.Ldind_I8);
            StoreRegister(register);
        }

        _il.Emit(OpCodes.Ldarg_2);
        _il.Emit(OpCodes.Ldc_I4, part.FirstEntry);
        _il.Emit(OpCodes.Sub);
        _il.Emit(OpCodes.Switch, part.Entries.Select(slot => _labels[slot]).ToArray());
        _il.Emit(OpCodes.Br, _labels[part.Entries[0]]);

        EmitInstructions(part.Slots);
        int last = part.Slots[^1];
        foreach ((int next, bool isJump) in FunctionFlow.Next(_instructions[last], last))
        {
            if (!isJump)
            {
                DefineLabels([next]);
                _il.Emit(OpCodes.Br, LabelOf(next));
            }
        }

        EmitLeaving(parts);
    }

    // Where the part is left: the number of the entry, then the registers; the frame pointer never changes.
    private void EmitLeaving(FunctionParts parts)
    {
        LocalBuilder entry = _il.DeclareLocal(typeof(int));
        Label save = _il.DefineLabel();
        foreach (int slot in _left)
        {
            _il.MarkLabel(_labels[slot]);
            _il.Emit(OpCodes.Ldc_I4, parts.EntryNumber(slot));
            _il.Emit(OpCodes.Stloc, entry);
            _il.Emit(OpCodes.Br, save);
        }

        _il.MarkLabel(save);
        for (int register = 0; register < Register.FramePointer; register++)
        {
            LoadRegisterPlace(register);
            LoadRegister(register);
            _il.Emit(OpCodes.Stind_I8);
        }

        _il.Emit(OpCodes.Ldloc, entry);
        _il.Emit(OpCodes.Ret);
    }

    private void LoadRegisterPlace(int register)
    {
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldc_I4, register * RegisterBytes);
        _il.Emit(OpCodes.Add);
    }
}
