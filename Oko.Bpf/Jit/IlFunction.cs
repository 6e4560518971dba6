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
    private readonly ILGenerator _il;
    private readonly LocalBuilder[] _registers = new LocalBuilder[Register.Count];
    private readonly Dictionary<int, Label> _labels = [];
    private readonly Dictionary<int, LocalBuilder> _slotLocals = [];
    private readonly FunctionFlow _flow;
    private readonly FunctionParts? _parts;
    private readonly FunctionPart? _part;
    private readonly PromotedSlots _promoted;
    private readonly FreshKey _freshKey = new();
    private LocalBuilder? _packetOffset;
    private LocalBuilder? _freshKeyValue;

    /// <summary>A whole function, or one part of it.</summary>
    /// <param name="program">The program.</param>
    /// <param name="maps">Its maps.</param>
    /// <param name="functions">The methods of all functions, by their first slots.</param>
    /// <param name="flow">The function.</param>
    /// <param name="parts">The parts of a function that is too large for one method, else null.</param>
    /// <param name="part">The part to translate; null is the function itself, which calls its parts if it has any.</param>
    public IlFunction(
        VerifiedProgram program, IReadOnlyList<BpfMap> maps, Dictionary<int, DynamicMethod> functions, FunctionFlow flow,
        FunctionParts? parts = null, FunctionPart? part = null)
    {
        _program = program;
        _instructions = program.Instructions;
        _maps = maps;
        _functions = functions;
        _flow = flow;
        _parts = parts;
        _part = part;
        _il = (part?.Method ?? functions[flow.Start]).GetILGenerator(Math.Max(256, (part?.Slots ?? flow.Slots).Count * 16));
        for (int register = 0; register < _registers.Length; register++)
        {
            _registers[register] = _il.DeclareLocal(typeof(ulong));
        }

        // The parts of a function share its stack: all of it must be in memory.
        _promoted = new PromotedSlots(parts is null ? program.Stack : null, program, flow.Start, flow.Slots);
    }

    private bool IsEntry => _flow.Start == 0;

    /// <summary>Emits the function or the part; returns the size of its IL in bytes.</summary>
    public int Emit()
    {
        if (_part is not null)
        {
            EmitPart(_parts!, _part);
        }
        else if (_parts is not null)
        {
            EmitPrologue();
            EmitDispatch(_parts);
        }
        else
        {
            DefineLabels(_flow.Targets);
            EmitPrologue();
            if (_flow.Slots[0] != _flow.Start)
            {
                // A jump to before the start: the entry point is not the first instruction in emission order.
                _il.Emit(OpCodes.Br, _labels[_flow.Start]);
            }

            EmitInstructions(_flow.Slots);
        }

        return _il.ILOffset;
    }

    private void DefineLabels(IEnumerable<int> slots)
    {
        foreach (int slot in slots)
        {
            _labels.TryAdd(slot, _il.DefineLabel());
        }
    }

    private void EmitInstructions(IReadOnlyList<int> slots)
    {
        _freshKey.Forget();
        foreach (int slot in slots)
        {
            if (_labels.TryGetValue(slot, out Label label))
            {
                _il.MarkLabel(label);
                _freshKey.Forget();
            }

            EmitInstruction(slot);
            _freshKey.Follow(_instructions[slot]);
        }
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
        if (_isScout && TryEndScout(instruction, slot))
        {
            return;
        }

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

    private void LoadContext() => _il.Emit(IsEntry && _part is null ? OpCodes.Ldarg_1 : OpCodes.Ldarg_0);

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
