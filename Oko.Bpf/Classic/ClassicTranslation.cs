using Oko.Bpf.Isa;

namespace Oko.Bpf.Classic;

/// <summary>One program on its way from classic BPF.</summary>
internal sealed class ClassicTranslation
{
    private const byte A = 0, X = 7, Saved = 8, Context = 6, Frame = 10;
    // Members of struct __sk_buff.
    private const short LengthOffset = 0, QueueOffset = 12, ProtocolOffset = 16, InterfaceOffset = 40;

    private readonly List<Instruction> _slots = [];
    private readonly List<int> _starts = [];
    private readonly List<(int Slot, int Target)> _jumps = [];

    internal void Begin(ReadOnlySpan<ClassicInstruction> program)
    {
        Emit(Opcode.Mov64Register, Context, 1);
        Emit(Alu(AluOperation.Mov, false), A);
        Emit(Alu(AluOperation.Mov, false), X);
        var used = new SortedSet<uint>();
        foreach (var instruction in program)
        {
            if ((instruction.Code & 0xe7) is (ClassicCode.Ld | ClassicCode.Mem) or (ClassicCode.Ldx | ClassicCode.Mem))
            {
                used.Add(instruction.K);
            }
        }

        foreach (var word in used)
        {
            Emit(Opcode.Of(InstructionClass.St, MemoryMode.Memory, MemorySize.Word), Frame, 0, MemoryOffset(word));
        }
    }

    internal void Add(ClassicInstruction instruction)
    {
        _starts.Add(_slots.Count);
        var isX = (instruction.Code & ClassicCode.X) != 0;
        switch (instruction.Code & 7)
        {
            case ClassicCode.Ld:
                Load(instruction);
                break;
            case ClassicCode.Ldx:
                LoadX(instruction);
                break;
            case ClassicCode.St or ClassicCode.Stx:
                Emit(Opcode.Of(InstructionClass.Stx, MemoryMode.Memory, MemorySize.Word), Frame, (instruction.Code & 7) == ClassicCode.St ? A : X, MemoryOffset(instruction.K));
                break;
            case ClassicCode.Alu:
                Arithmetic(instruction, isX);
                break;
            case ClassicCode.Jmp:
                Jump(instruction, isX);
                break;
            case ClassicCode.Ret:
                if ((instruction.Code & ClassicCode.A) == 0)
                {
                    Set(A, instruction.K);
                }

                Emit(Opcode.Exit);
                break;
            default:
                var toX = (instruction.Code & ClassicCode.Txa) == 0;
                Emit(Alu(AluOperation.Mov, true), toX ? X : A, toX ? A : X);
                break;
        }
    }

    internal Instruction[] End()
    {
        foreach (var (slot, target) in _jumps)
        {
            // At most 4,096 instructions of at most 6 slots: 16 bits suffice.
            _slots[slot] = _slots[slot] with { Offset = (short)(_starts[target] - slot - 1) };
        }

        return [.. _slots];
    }

    private static byte Alu(AluOperation operation, bool register) => Opcode.Of(InstructionClass.Alu, operation, register);

    private static short MemoryOffset(uint word) => (short)(-4 * ((int)word + 1));

    private void Emit(byte opcode, byte destination = 0, byte source = 0, short offset = 0, uint immediate = 0) =>
        _slots.Add(new Instruction(opcode, destination, source, offset, (int)immediate));

    private void Set(byte register, uint value) => Emit(Alu(AluOperation.Mov, false), register, immediate: value);

    private void LoadWord(byte destination, byte source, short offset) => Emit(Opcode.LoadWord, destination, source, offset);

    private void ReturnZero()
    {
        Set(A, 0);
        Emit(Opcode.Exit);
    }

    private void Load(ClassicInstruction instruction)
    {
        var size = (MemorySize)(instruction.Code & 0x18);
        switch (instruction.Code & 0xe0)
        {
            case ClassicCode.Imm:
                Set(A, instruction.K);
                break;
            case ClassicCode.Mem:
                LoadWord(A, Frame, MemoryOffset(instruction.K));
                break;
            case ClassicCode.Len:
                LoadWord(A, Context, LengthOffset);
                break;
            case ClassicCode.Abs when instruction.K >= ClassicChecks.Extensions:
                Extension(instruction.K - ClassicChecks.Extensions);
                break;
            case var _ when instruction.K > int.MaxValue:
                ReturnZero();                   // no packet is that long
                break;
            case ClassicCode.Abs:
                Emit(Opcode.Of(InstructionClass.Ld, MemoryMode.PacketAbsolute, size), immediate: instruction.K);
                break;
            default:
                Emit(Opcode.Of(InstructionClass.Jmp32, JumpOperation.SignedGreaterOrEqual, false), X, offset: 2);
                ReturnZero();                   // X + K must not wrap back into the packet
                Emit(Opcode.Of(InstructionClass.Ld, MemoryMode.PacketIndirect, size), source: X, immediate: instruction.K);
                break;
        }
    }

    private void Extension(uint number)
    {
        switch (number)
        {
            case ClassicChecks.Protocol:
                LoadWord(A, Context, ProtocolOffset);
                Emit(Opcode.Of(InstructionClass.Alu, AluOperation.End, true), A, immediate: 16);        // to host order
                break;
            case ClassicChecks.Interface:
                LoadWord(A, Context, InterfaceOffset);
                break;
            case ClassicChecks.Queue:
                LoadWord(A, Context, QueueOffset);
                break;
            case ClassicChecks.XorX:
                Emit(Alu(AluOperation.Xor, true), A, X);
                break;
            default:
                Set(A, 0);                      // VLAN tags that a device took out of the packet: there are none
                break;
        }
    }

    private void LoadX(ClassicInstruction instruction)
    {
        switch (instruction.Code & 0xe0)
        {
            case ClassicCode.Imm:
                Set(X, instruction.K);
                break;
            case ClassicCode.Mem:
                LoadWord(X, Frame, MemoryOffset(instruction.K));
                break;
            case ClassicCode.Len:
                LoadWord(X, Context, LengthOffset);
                break;
            case var _ when instruction.K > int.MaxValue:
                ReturnZero();
                break;
            default:
                Emit(Alu(AluOperation.Mov, true), Saved, A);
                Emit(Opcode.Of(InstructionClass.Ld, MemoryMode.PacketAbsolute, MemorySize.Byte), immediate: instruction.K);
                Emit(Alu(AluOperation.And, false), A, immediate: 15);
                Emit(Alu(AluOperation.Lsh, false), A, immediate: 2);
                Emit(Alu(AluOperation.Mov, true), X, A);
                Emit(Alu(AluOperation.Mov, true), A, Saved);
                break;
        }
    }

    private void Arithmetic(ClassicInstruction instruction, bool isX)
    {
        // The numbers of the operations are the same in both machines.
        var operation = (AluOperation)(instruction.Code & 0xf0);
        if (operation == AluOperation.Neg)
        {
            Emit(Alu(operation, false), A);
            return;
        }

        if (operation is AluOperation.Div or AluOperation.Mod && isX)
        {
            Emit(Opcode.Of(InstructionClass.Jmp32, JumpOperation.NotEqual, false), X, offset: 2);
            ReturnZero();
        }
        else if (operation is AluOperation.Lsh or AluOperation.Rsh && isX)
        {
            Emit(Opcode.Of(InstructionClass.Jmp32, JumpOperation.Less, false), X, offset: 2, immediate: 32);
            Set(A, 0);
            Emit(Opcode.JumpAlways, offset: 1);
        }
        else if (operation is AluOperation.Lsh or AluOperation.Rsh && instruction.K > 31)
        {
            Set(A, 0);
            return;
        }

        Emit(Alu(operation, isX), A, isX ? X : (byte)0, immediate: isX ? 0 : instruction.K);
    }

    private void Jump(ClassicInstruction instruction, bool isX)
    {
        var next = _starts.Count;
        var operation = (instruction.Code & 0xf0) switch
        {
            ClassicCode.Jeq => JumpOperation.Equal,
            ClassicCode.Jgt => JumpOperation.Greater,
            ClassicCode.Jge => JumpOperation.GreaterOrEqual,
            ClassicCode.Jset => JumpOperation.BitsSet,
            _ => JumpOperation.Always,
        };
        if (operation == JumpOperation.Always || instruction.JumpTrue == instruction.JumpFalse)
        {
            GoTo(Opcode.JumpAlways, next + (operation == JumpOperation.Always ? (int)instruction.K : instruction.JumpTrue));
            return;
        }

        var (taken, other) = (next + instruction.JumpTrue, next + instruction.JumpFalse);
        if (instruction.JumpTrue == 0 && operation != JumpOperation.BitsSet)
        {
            operation = operation switch
            {
                JumpOperation.Equal => JumpOperation.NotEqual,
                JumpOperation.Greater => JumpOperation.LessOrEqual,
                _ => JumpOperation.Less,
            };
            (taken, other) = (other, taken);
        }

        GoTo(Opcode.Of(InstructionClass.Jmp32, operation, isX), taken, A, isX ? X : (byte)0, isX ? 0 : instruction.K);
        if (other != next)
        {
            GoTo(Opcode.JumpAlways, other);
        }
    }

    private void GoTo(byte opcode, int target, byte destination = 0, byte source = 0, uint immediate = 0)
    {
        _jumps.Add((_slots.Count, target));
        Emit(opcode, destination, source, 0, immediate);
    }
}
