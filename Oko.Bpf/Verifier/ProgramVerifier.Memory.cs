using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Verifier;

/// <summary>Loads, stores and atomic operations.</summary>
public sealed partial class ProgramVerifier
{
    private void Load(Instruction instruction)
    {
        if (instruction.IsWide)
        {
            LoadWide(instruction);
            return;
        }

        if (_input.Convention != EntryConvention.Socket)
        {
            throw Refuse(VerifierVerdict.NotSupported, "legacy packet loads (LD_ABS, LD_IND) exist in socket programs only", "read through the packet pointer, or use SEC(\"socket\")");
        }

        if (_state.Depth > 0)
        {
            throw Refuse(VerifierVerdict.NotSupported, "a legacy packet load in a called function", "load in the program itself, or inline the function: static __always_inline");
        }

        if (_state.Records.Count > 0)
        {
            throw Refuse(VerifierVerdict.Unsafe, $"a legacy packet load, which ends the program when the packet is too short, while the record reserved at {_state.Records.First().Value} is not given back", "load before the record is reserved");
        }

        if (Use(6) is not { Kind: RegisterKind.Context, Offset: 0 })
        {
            throw Refuse(VerifierVerdict.Unsafe, "a legacy packet load needs the context in r6", "compile again");
        }

        if (instruction.Mode == MemoryMode.PacketIndirect)
        {
            _ = UseNumber(instruction.Src, "an offset");
        }

        for (var register = 1; register <= 5; register++)
        {
            Set(register, RegisterState.Uninitialised);
        }

        Set(0, RegisterState.Number(Scalar.OfSize(instruction.SizeBytes)));
    }

    private void LoadWide(Instruction instruction)
    {
        var second = (uint)_program[_slot + 1].Immediate;
        switch (instruction.Src)
        {
            case WideImmediateKind.Number:
                Set(instruction.Dst, RegisterState.Number(((ulong)second << 32) | (uint)instruction.Immediate));
                break;
            case WideImmediateKind.Map:
                Set(instruction.Dst, new RegisterState(RegisterKind.Map, default, Map: instruction.Immediate));
                break;
            case WideImmediateKind.Function:
                Set(instruction.Dst, new RegisterState(RegisterKind.Function, default, Offset: instruction.CallTarget(_slot)));
                break;
            default:
                Set(instruction.Dst, new RegisterState(RegisterKind.MapValue, default, Offset: second, Map: instruction.Immediate));
                break;
        }
    }

    private void Read(Instruction instruction)
    {
        var pointer = Use(instruction.Src);
        var size = instruction.SizeBytes;
        NoteAccess(pointer, instruction.Offset, size, pins: false);
        if (pointer.Kind == RegisterKind.Context)
        {
            ReadContext(instruction, pointer);
            return;
        }

        RegisterState? known = null;
        if (pointer.Kind == RegisterKind.Stack)
        {
            known = ReadStack(pointer, instruction.Offset, size);
        }
        else
        {
            CheckAccess(pointer, instruction.Offset, size, "reads");
            known = ReadConstant(pointer, instruction.Offset, size);
        }

        var value = known ?? RegisterState.Number(Scalar.OfSize(size));
        Set(instruction.Dst, instruction.Mode == MemoryMode.MemorySignExtended && value.Kind == RegisterKind.Scalar
            ? RegisterState.Number(value.Value.SignExtend(8 * size)) : value);
    }

    /// <summary>The register or constant that lies in the stack there, or null for any number.</summary>
    private RegisterState? ReadStack(RegisterState pointer, long displacement, int size)
    {
        if (pointer.Value.Max == 0)
        {
            var offset = StackOffset(pointer, displacement, size);
            var frame = _state.Frame(pointer.Map);
            if (frame.SpillAt(offset, size) is { } spilled)
            {
                return spilled.Kind != RegisterKind.Scalar || size == 8 || spilled.Value.Max <= uint.MaxValue ? spilled
                    : RegisterState.Number(spilled.Value.Low32());
            }

            if (frame.ConstantAt(offset, size) is { } constant && frame.IsWritten(offset, size))
            {
                return RegisterState.Number(constant);
            }
        }

        CheckReadableStack(pointer, displacement, size);
        return null;
    }

    /// <summary>What read-only data holds, or null.</summary>
    private RegisterState? ReadConstant(RegisterState pointer, long displacement, int size)
    {
        if (pointer.Kind != RegisterKind.MapValue || pointer.Value.Max != 0 || (_input.Maps[pointer.Map].Flags & MapCreateFlags.ReadOnlyForPrograms) == 0
            || !_input.InitialValues.TryGetValue(pointer.Map, out var bytes) || pointer.Offset + displacement + size > bytes.Length)
        {
            return null;
        }

        var value = 0UL;
        for (var at = size - 1; at >= 0; at--)
        {
            value = (value << 8) | bytes[pointer.Offset + displacement + at];
        }

        return RegisterState.Number(value);
    }

    private void Write(Instruction instruction)
    {
        var pointer = Use(instruction.Dst);
        var size = instruction.SizeBytes;
        if (pointer.Kind is RegisterKind.Packet or RegisterKind.Context or RegisterKind.PacketEnd)
        {
            throw Refuse(VerifierVerdict.Unsafe, $"it writes to the {(pointer.Kind == RegisterKind.Context ? "context" : "packet")}, which a filter only reads", "copy what is to be changed to the stack");
        }

        NoteAccess(pointer, instruction.Offset, size, instruction.IsAtomic);
        var value = instruction.Class == InstructionClass.St ? RegisterState.Number((ulong)(long)instruction.Immediate)
            : !instruction.IsAtomic && Use(instruction.Src).Kind == RegisterKind.Scalar ? Named(instruction.Src) : Use(instruction.Src);
        if (instruction.IsAtomic)
        {
            Atomic(instruction, pointer, value);
            return;
        }

        if (pointer.Kind == RegisterKind.Stack)
        {
            WriteStack(pointer, instruction.Offset, size, value);
            return;
        }

        if (value.IsPointer)
        {
            throw Refuse(VerifierVerdict.Unsafe, $"an address ({value}) is stored in a map, where others could read it", "store numbers only");
        }

        CheckAccess(pointer, instruction.Offset, size, "writes");
    }

    private void WriteStack(RegisterState pointer, long displacement, int size, RegisterState value)
    {
        var offset = StackOffset(pointer, displacement, size);
        if (pointer.Value.Max != 0)
        {
            // Somewhere in these bytes; which were written is not known, and what was spilled there is no longer.
            var span = size + (int)pointer.Value.Max;
            if (value.IsPointer || _state.Frame(pointer.Map).HoldsPointer(offset, span))
            {
                throw Refuse(VerifierVerdict.CannotProve, $"an address is stored to, or overwritten at, a variable place of the stack ({pointer})", "keep addresses in variables of their own");
            }

            _state.WritableFrame(pointer.Map).Forget(offset, span);
            return;
        }

        if (value.IsPointer && (size != 8 || offset % 8 != 0))
        {
            throw Refuse(VerifierVerdict.CannotProve, $"an address ({value}) is spilled to {size} bytes at {offset - AbstractState.StackBytes}", "spill addresses whole, to multiples of 8");
        }

        // A map's key may lie in the frame of the function that goes through the map (MapCursor).
        if ((value.Kind == RegisterKind.Stack && value.Map > pointer.Map) || (value.Kind == RegisterKind.MapKey && pointer.Map < _state.Depth))
        {
            throw Refuse(VerifierVerdict.Unsafe, "the address of a variable or of a map's key is stored in the frame of a calling function, which lives longer", "store it in a variable of the same function");
        }

        // Four bytes keep a number whole only if it has no more.
        var kept = size == 8 || (size == 4 && value is { Kind: RegisterKind.Scalar, Value.Max: <= uint.MaxValue }) ? value
            : size == 4 && value.Kind == RegisterKind.Scalar ? RegisterState.Number(value.Value.Low32()) : (RegisterState?)null;
        _state.WritableFrame(pointer.Map).Store(offset, size, kept);
    }

    /// <summary>An instruction that reads the context is rewritten, and so may read nothing else.</summary>
    private void NoteOtherMemory()
    {
        if (_accesses[_slot] is { } earlier && earlier != _program[_slot])
        {
            throw Refuse(VerifierVerdict.NotSupported, "one instruction reads the context and other memory on different paths", "read the fields in the function that has the context");
        }

        _accesses[_slot] = _program[_slot];
    }

    /// <summary>Tells <see cref="StackUse"/> what an instruction accesses.</summary>
    private void NoteAccess(RegisterState pointer, long displacement, int size, bool pins)
    {
        var own = _state.Frame(_state.Depth).Function;
        if (pointer.Kind != RegisterKind.Stack)
        {
            _stack.AccessElsewhere(_slot, own, size);
            if (pointer.Kind != RegisterKind.Context)
            {
                NoteOtherMemory();
            }

            return;
        }

        NoteOtherMemory();
        var offset = StackOffset(pointer, displacement, size) - AbstractState.StackBytes;
        if (pins || pointer.Map != _state.Depth || pointer.Value.Max != 0)
        {
            _stack.Pin(_state.Frame(pointer.Map).Function, offset, size + (long)pointer.Value.Max);
            _stack.AccessElsewhere(_slot, own, size);
        }
        else
        {
            _stack.Access(_slot, own, offset, size);
        }
    }

    private void Atomic(Instruction instruction, RegisterState pointer, RegisterState value)
    {
        var size = instruction.SizeBytes;
        if (value.IsPointer || (instruction.Immediate == AtomicOperation.CompareExchange && Use(0).IsPointer))
        {
            throw Refuse(VerifierVerdict.Unsafe, "an atomic operation on an address", "use numbers only");
        }

        if ((pointer.Offset + instruction.Offset) % size != 0 || (pointer.Value.MayBeSet & (ulong)(size - 1)) != 0)
        {
            throw Refuse(VerifierVerdict.CannotProve, $"the address of an atomic operation of {size} bytes is not a known multiple of {size}", "align the field");
        }

        if (pointer.Kind == RegisterKind.Stack)
        {
            CheckReadableStack(pointer, instruction.Offset, size);
            _stack.Atomic(_slot);
            WriteStack(pointer, instruction.Offset, size, RegisterState.Number(Scalar.Any));
        }
        else
        {
            CheckAccess(pointer, instruction.Offset, size, "writes");
        }

        if (instruction.Immediate == AtomicOperation.CompareExchange)
        {
            Set(0, RegisterState.Number(Scalar.OfSize(size)));
        }
        else if ((instruction.Immediate & AtomicOperation.Fetch) != 0)
        {
            Set(instruction.Src, RegisterState.Number(Scalar.OfSize(size)));
        }
    }

    /// <summary>Checks an access to packet or map value.</summary>
    private void CheckAccess(RegisterState pointer, long displacement, long size, string does)
    {
        var first = pointer.Offset + displacement;
        var lowest = first + (long)pointer.Value.Min;
        var highest = first + (long)pointer.Value.Max;
        switch (pointer.Kind)
        {
            case RegisterKind.Packet:
                var proven = _state.Proven(pointer.Id);
                var whole = _state.Proven(0);
                if (lowest < 0)
                {
                    throw Refuse(VerifierVerdict.Unsafe, $"it {does} {size} bytes at {lowest}, in front of the packet", "start at the packet's first byte");
                }

                if (!(proven >= 0 && first + size <= proven) && highest + size > whole)
                {
                    throw Refuse(VerifierVerdict.Unsafe,
                        $"it {does} {size} bytes at offset {(pointer.Value.Max == 0 ? $"{first}" : $"{lowest}..{highest}")} of the packet, of which {(pointer.Id == 0 || proven < 0 ? whole : proven)} bytes are proven to exist",
                        _input.Convention == EntryConvention.Oko ? "compare the length first: if (len < offset + size) return 0" : "compare with data_end first: if (p + size > data_end) return 0");
                }

                break;
            case RegisterKind.MapValue:
                var map = _input.Maps[pointer.Map];
                CheckInside(pointer, lowest, highest, size, does, map.ValueSize, $"a value of map {map.Name}");
                if (does == "writes" && (map.Flags & MapCreateFlags.ReadOnlyForPrograms) != 0)
                {
                    throw Refuse(VerifierVerdict.Unsafe, $"map {map.Name} is read-only for programs", "take BPF_F_RDONLY_PROG off");
                }

                break;
            case RegisterKind.MapKey:
                CheckInside(pointer, lowest, highest, size, does, _input.Maps[pointer.Map].KeySize, $"a key of map {_input.Maps[pointer.Map].Name}");
                if (does == "writes")
                {
                    throw Refuse(VerifierVerdict.Unsafe, "it writes to a key of a map", "delete the entry and add another");
                }

                break;
            case RegisterKind.Record:
                CheckInside(pointer, lowest, highest, size, does, pointer.Size, "a ring buffer record");
                break;
            case RegisterKind.RecordOrNull:
            case RegisterKind.MapValueOrNull:
                throw Refuse(VerifierVerdict.Unsafe, $"the {(pointer.Kind == RegisterKind.RecordOrNull ? "record" : "lookup's result")} may be 0", "compare it with 0 first: if (!value) return 0");
            case RegisterKind.Scalar:
                throw Refuse(VerifierVerdict.Unsafe, $"it {does} memory at a number ({pointer})", "use an address of the packet, the stack or a map value");
            default:
                throw Refuse(VerifierVerdict.Unsafe, $"it {does} memory at {pointer}", "use an address of the packet, the stack or a map value");
        }
    }

    private void CheckInside(RegisterState pointer, long lowest, long highest, long size, string does, long bytes, string what)
    {
        if (lowest < 0 || highest + size > bytes)
        {
            throw Refuse(VerifierVerdict.Unsafe,
                $"it {does} {size} bytes at {(lowest == highest ? $"{lowest}" : $"{lowest}..{highest}")} of {what}, which has {bytes} bytes", pointer.Value.Max == 0 ? "stay inside it" : "bound the index first");
        }
    }

    /// <summary>Offset of a stack access from the lowest byte of its frame; of the lowest byte it may reach, if that varies.</summary>
    private int StackOffset(RegisterState pointer, long displacement, long size)
    {
        var offset = pointer.Offset + displacement;
        if (offset < -AbstractState.StackBytes || offset + (long)pointer.Value.Max + size > 0)
        {
            throw Refuse(VerifierVerdict.Unsafe,
                $"{size} bytes at r10{offset:+0;-0;+0}{(pointer.Value.Max == 0 ? string.Empty : $"+(0..{pointer.Value.Max})")} lie outside the stack", $"the stack is r10-{AbstractState.StackBytes} to r10-1");
        }

        _stackBytes = Math.Max(_stackBytes, (int)-offset);
        return (int)offset + AbstractState.StackBytes;
    }

    private void CheckReadableStack(RegisterState pointer, long displacement, int size)
    {
        var offset = StackOffset(pointer, displacement, size);
        var span = size + (int)pointer.Value.Max;
        var frame = _state.Frame(pointer.Map);
        if (!frame.IsWritten(offset, span))
        {
            throw Refuse(VerifierVerdict.Unsafe, $"{span} bytes of stack at r10{offset - AbstractState.StackBytes} are read but were not all written on every path", "initialise the variable (= {0})");
        }

        if (frame.HoldsPointer(offset, span))
        {
            throw Refuse(VerifierVerdict.Unsafe, "a part of an address on the stack would be read as a number", "read addresses whole");
        }
    }

    private void ReadContext(Instruction instruction, RegisterState pointer)
    {
        var offset = pointer.Offset + instruction.Offset;
        if (instruction.SizeBytes != 4 || instruction.Mode != MemoryMode.Memory)
        {
            throw Refuse(VerifierVerdict.NotSupported, $"{instruction.SizeBytes} bytes of the context are read at {offset}", "its fields have 4 bytes");
        }

        var (target, wide, value) = _input.Convention == EntryConvention.Xdp ? XdpField(offset) : SocketField(offset);
        var displacement = target - pointer.Offset;
        if (displacement is < short.MinValue or > short.MaxValue)
        {
            throw Refuse(VerifierVerdict.NotSupported, $"the context is read through an address {pointer.Offset} bytes away from it", "read ctx->field directly");
        }

        var rewritten = instruction with { Opcode = wide ? Opcode.LoadDoubleWord : Opcode.LoadWord, Offset = (short)displacement };
        if (_accesses[_slot] is { } earlier && earlier != rewritten)
        {
            throw Refuse(VerifierVerdict.NotSupported, "one instruction reads different fields of the context, or the context and other memory, on different paths", "read the fields in the function that has the context");
        }

        _accesses[_slot] = rewritten;
        _result[_slot] = rewritten;
        Set(instruction.Dst, value);
    }

    // struct xdp_md of Linux' uapi/linux/bpf.h.
    private (int Target, bool Wide, RegisterState Value) XdpField(long offset) => offset switch
    {
        0 or 8 => (FilterContext.PacketOffset, true, new RegisterState(RegisterKind.Packet, default)),
        4 => (FilterContext.PacketEndOffset, true, new RegisterState(RegisterKind.PacketEnd, default)),
        12 => (FilterContext.InPortOffset, false, RegisterState.Number(Scalar.OfSize(4))),
        16 => (FilterContext.RxQueueOffset, false, RegisterState.Number(Scalar.OfSize(4))),
        _ => throw Refuse(VerifierVerdict.NotSupported, $"offset {offset} of struct xdp_md is read", "data, data_end, data_meta, ingress_ifindex and rx_queue_index can be read"),
    };

    // struct __sk_buff of Linux' uapi/linux/bpf.h.
    private (int Target, bool Wide, RegisterState Value) SocketField(long offset) => offset switch
    {
        0 => (FilterContext.LengthOffset, false, Length()),
        12 => (FilterContext.RxQueueOffset, false, RegisterState.Number(Scalar.OfSize(4))),
        16 => (FilterContext.ProtocolOffset, false, RegisterState.Number(Scalar.OfSize(4))),
        36 or 40 => (FilterContext.InPortOffset, false, RegisterState.Number(Scalar.OfSize(4))),
        _ => throw Refuse(VerifierVerdict.NotSupported, $"offset {offset} of struct __sk_buff is read", "len, queue_mapping, protocol, ingress_ifindex and ifindex can be read"),
    };
}
