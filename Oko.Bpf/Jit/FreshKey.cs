using Oko.Bpf.Isa;

namespace Oko.Bpf.Jit;

// A program writes a key of four or eight bytes to its stack and gives a lookup the address. The lookup is inlined, but RyuJIT loads
// the key again, and whatever the filter decides waits for that load. When nothing lies between store and lookup that could have changed
// the key, the lookup is given the value that was stored.

/// <summary>What is known, since the last place to which a jump may lead, of the last store to the running function's stack. Used while one function is
/// emitted.</summary>
internal sealed class FreshKey
{
    // Per register: the offset from r10 that it holds, if that is known.
    private readonly int?[] _frameOffsets = new int?[Register.Count];
    private (int Offset, int SizeBytes)? _store;

    /// <summary>Another path may come in here.</summary>
    public void Forget()
    {
        Array.Clear(_frameOffsets);
        _frameOffsets[Register.FramePointer] = 0;
        _store = null;
    }

    /// <summary>The instruction stores a register to a known place in the stack.</summary>
    public bool IsStackStore(Instruction instruction) =>
        instruction is { Class: InstructionClass.Stx, Mode: MemoryMode.Memory } && _frameOffsets[instruction.Dst] is not null;

    /// <summary>The bytes behind a pointer are those that were stored last.</summary>
    /// <param name="register">Holds the pointer.</param>
    /// <param name="sizeBytes">Number of bytes.</param>
    public bool IsAt(int register, int sizeBytes) =>
        _frameOffsets[register] is { } offset && _store == (offset, sizeBytes);

    /// <summary>Takes note of an instruction.</summary>
    public void Follow(Instruction instruction)
    {
        switch (instruction.Class)
        {
            case InstructionClass.St or InstructionClass.Stx:
                _store = IsStackStore(instruction) ? (_frameOffsets[instruction.Dst]!.Value + instruction.Offset, instruction.SizeBytes) : null;
                if (instruction.IsAtomic)
                {
                    // These also write registers.
                    Overwrite(instruction.Src);
                    Overwrite(Register.Result);
                }

                break;
            case InstructionClass.Jmp or InstructionClass.Jmp32:
                if (instruction.Opcode is Opcode.Call or Opcode.CallRegister)
                {
                    _store = null;
                    for (int register = 0; register < Register.FirstCalleeSaved; register++)
                    {
                        Overwrite(register);
                    }
                }

                break;
            case InstructionClass.Alu64 when instruction.Opcode == Opcode.Mov64Register && instruction.Offset == 0:
                _frameOffsets[instruction.Dst] = _frameOffsets[instruction.Src];
                break;
            case InstructionClass.Alu64 when instruction is { AluOperation: AluOperation.Add, UsesRegister: false }:
                _frameOffsets[instruction.Dst] += instruction.Immediate;
                break;
            case InstructionClass.Ld when !instruction.IsWide:
                Overwrite(Register.Result);
                break;
            default:
                Overwrite(instruction.Dst);
                break;
        }
    }

    private void Overwrite(int register) => _frameOffsets[register] = register == Register.FramePointer ? 0 : null;
}
