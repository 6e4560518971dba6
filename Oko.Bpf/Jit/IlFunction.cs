using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Jit;

/// <summary>Translates one function of a program to IL. Used once, by one thread.</summary>
internal sealed partial class IlFunction
{
    private readonly VerifiedProgram _program;
    private readonly Instruction[] _instructions;
    private readonly IReadOnlyList<BpfMap> _maps;
    private readonly Dictionary<int, DynamicMethod> _functions;
    private readonly int _start;
    private readonly ILGenerator _il;
    private readonly LocalBuilder[] _registers = new LocalBuilder[Register.Count];
    private readonly Dictionary<int, Label> _labels = [];
    private readonly Dictionary<int, LocalBuilder> _slotLocals = [];
    private readonly List<int> _slots;
    private readonly PromotedSlots _promoted;
    private LocalBuilder? _packetOffset;

    public IlFunction(
        VerifiedProgram program, IReadOnlyList<BpfMap> maps, Dictionary<int, DynamicMethod> functions, int start)
    {
        _program = program;
        _instructions = program.Instructions;
        _maps = maps;
        _functions = functions;
        _start = start;
        _il = functions[start].GetILGenerator(Math.Max(256, _instructions.Length * 16));
        for (int register = 0; register < _registers.Length; register++)
        {
            _registers[register] = _il.DeclareLocal(typeof(ulong));
        }

        _slots = FindSlots();
        _promoted = new PromotedSlots(program, start, _slots);
    }

    private bool IsEntry => _start == 0;

    /// <summary>Emits the function; returns the size of its IL in bytes.</summary>
    public int Emit()
    {
        EmitPrologue();
        if (_slots[0] != _start)
        {
            // A jump to before the start: the entry point is not the first instruction in emission order.
            _il.Emit(OpCodes.Br, _labels[_start]);
        }

        foreach (int slot in _slots)
        {
            if (_labels.TryGetValue(slot, out Label label))
            {
                _il.MarkLabel(label);
            }

            EmitInstruction(slot);
        }

        return _il.ILOffset;
    }

    // The instructions of this function in rising order, found by following jumps but not calls; defines all labels.
    private List<int> FindSlots()
    {
        var found = new SortedSet<int>();
        var pending = new Stack<int>([_start]);
        _labels[_start] = _il.DefineLabel();
        while (pending.TryPop(out int slot))
        {
            if (!_program.Reachable[slot] || !found.Add(slot))
            {
                continue;
            }

            Instruction instruction = _instructions[slot];
            if (instruction.IsConditionalJump || instruction.IsUnconditionalJump)
            {
                int target = (int)instruction.JumpTarget(slot);
                pending.Push(target);
                if (!_labels.ContainsKey(target))
                {
                    _labels[target] = _il.DefineLabel();
                }
            }

            if (!instruction.IsExit && !instruction.IsUnconditionalJump)
            {
                pending.Push(slot + instruction.Slots);
            }
        }

        return [.. found];
    }

    private void EmitPrologue()
    {
        int firstUnset = 0;
        if (!IsEntry)
        {
            for (int argument = 1; argument <= Register.LastArgument; argument++)
            {
                _il.Emit(OpCodes.Ldarg, (short)argument);
                StoreRegister(argument);
            }

            firstUnset = Register.FirstCalleeSaved;
        }
        else if (_program.Convention == EntryConvention.Oko)
        {
            LoadContextField(FilterContext.PacketOffset, OpCodes.Ldind_I);
            _il.Emit(OpCodes.Conv_U8);
            StoreRegister(1);
            LoadContextField(FilterContext.LengthOffset, OpCodes.Ldind_I8);
            StoreRegister(2);
            firstUnset = 3;
        }
        else
        {
            LoadContext();
            _il.Emit(OpCodes.Conv_U8);
            StoreRegister(1);
            firstUnset = 2;
        }

        // No verified program reads these before writing them, and RyuJIT drops the stores; a mistake must not show the
        // host's memory, though.
        EmitZero(0);
        for (int register = firstUnset; register < Register.FramePointer; register++)
        {
            EmitZero(register);
        }

        EmitFrame();
        EmitSlotLocals();
    }

    private void EmitFrame()
    {
        (Type type, int size) = _program.StackBytes switch
        {
            <= 64 => (typeof(StackFrame64), 64),
            <= 128 => (typeof(StackFrame128), 128),
            <= 256 => (typeof(StackFrame256), 256),
            _ => (typeof(StackFrame512), 512),
        };
        LocalBuilder frame = _il.DeclareLocal(type);
        _il.Emit(OpCodes.Ldloca, frame);
        _il.Emit(OpCodes.Conv_U8);
        _il.Emit(OpCodes.Ldc_I8, (long)size);
        _il.Emit(OpCodes.Add);
        StoreRegister(Register.FramePointer);
    }

    private void EmitInstruction(int slot)
    {
        Instruction instruction = _instructions[slot];
        switch (instruction.Class)
        {
            case InstructionClass.Alu64:
                EmitArithmetic64(instruction, slot);
                break;
            case InstructionClass.Alu:
                EmitArithmetic32(instruction, slot);
                break;
            case InstructionClass.Jmp or InstructionClass.Jmp32:
                EmitJump(instruction, slot);
                break;
            case InstructionClass.Ld when instruction.IsWide:
                _il.Emit(OpCodes.Ldc_I8, (long)WideImmediate.Resolve(_instructions, slot, _maps));
                StoreRegister(instruction.Dst);
                break;
            case InstructionClass.Ld:
                EmitPacketLoad(instruction, slot);
                break;
            case InstructionClass.Ldx:
                EmitLoad(instruction, slot);
                break;
            default:
                EmitStore(instruction, slot);
                break;
        }
    }

    private void LoadRegister(int register) => _il.Emit(OpCodes.Ldloc, _registers[register]);

    private void LoadRegister32(int register)
    {
        LoadRegister(register);
        _il.Emit(OpCodes.Conv_U4);
    }

    private void LoadPointer(int register)
    {
        LoadRegister(register);
        _il.Emit(OpCodes.Conv_U);
    }

    private void StoreRegister(int register) => _il.Emit(OpCodes.Stloc, _registers[register]);

    private void StoreRegister32(int register)
    {
        _il.Emit(OpCodes.Conv_U8);
        StoreRegister(register);
    }

    private void LoadSource64(Instruction instruction)
    {
        if (instruction.UsesRegister)
        {
            LoadRegister(instruction.Src);
        }
        else
        {
            _il.Emit(OpCodes.Ldc_I8, (long)instruction.Immediate);
        }
    }

    private void LoadSource32(Instruction instruction)
    {
        if (instruction.UsesRegister)
        {
            LoadRegister32(instruction.Src);
        }
        else
        {
            _il.Emit(OpCodes.Ldc_I4, instruction.Immediate);
        }
    }

    private void LoadContext() => _il.Emit(IsEntry ? OpCodes.Ldarg_1 : OpCodes.Ldarg_0);

    private void LoadContextField(int offset, OpCode load)
    {
        LoadContext();
        _il.Emit(OpCodes.Ldc_I4, offset);
        _il.Emit(OpCodes.Add);
        _il.Emit(load);
    }

    private void EmitZero(int register)
    {
        _il.Emit(OpCodes.Ldc_I8, 0L);
        StoreRegister(register);
    }

    private void CallStatic(Type owner, string name)
    {
        MethodInfo method = RuntimeMethods.Find(owner, name);
        RuntimeHelpers.PrepareMethod(method.MethodHandle);
        _il.Emit(OpCodes.Call, method);
    }

    private InvalidOperationException Unverified(Instruction instruction, int slot) =>
        new($"program '{_program.Name}', slot {slot}: '{instruction}' cannot be compiled; no verified program has it");
}
