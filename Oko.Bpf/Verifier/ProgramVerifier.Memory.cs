using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Verifier;

/// <summary>Loads, stores and atomic operations.</summary>
public sealed partial class ProgramVerifier
{
    private const uint ReadOnlyForPrograms = 1 << 7;

    private void Load(Instruction instruction)
    {
        if (instruction.IsWide)
        {
            if (instruction.Src == WideImmediateKind.Number)
            {
                var value = ((ulong)(uint)_program[_slot + 1].Immediate << 32) | (uint)instruction.Immediate;
                Set(instruction.Dst, RegisterState.Number(Scalar.Constant(value)));
                return;
            }

            Set(instruction.Dst, new RegisterState(RegisterKind.Map, default, Map: instruction.Immediate));
            return;
        }

        if (_input.Convention != EntryConvention.Socket)
        {
            throw Refuse(VerifierVerdict.NotSupported, "legacy packet loads (LD_ABS, LD_IND) exist in socket programs only", "read through the packet pointer, or use SEC(\"socket\")");
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

    private void Read(Instruction instruction)
    {
        var pointer = Use(instruction.Src);
        var size = instruction.SizeBytes;
        if (pointer.Kind == RegisterKind.Context)
        {
            ReadContext(instruction, pointer);
            return;
        }

        if (pointer.Kind == RegisterKind.Stack)
        {
            var offset = StackOffset(pointer, instruction.Offset, size);
            var spilled = _state.SpillAt(offset);
            if (size == 8 && spilled is { } whole)
            {
                Set(instruction.Dst, whole);
                return;
            }

            CheckReadableStack(offset, size);
        }
        else
        {
            CheckAccess(pointer, instruction.Offset, size, "reads");
        }

        var value = Scalar.OfSize(size);
        Set(instruction.Dst, RegisterState.Number(instruction.Mode == MemoryMode.MemorySignExtended ? Scalar.Any : value));
    }

    private void Write(Instruction instruction)
    {
        var pointer = Use(instruction.Dst);
        var size = instruction.SizeBytes;
        if (pointer.Kind is RegisterKind.Packet or RegisterKind.Context or RegisterKind.PacketEnd)
        {
            throw Refuse(VerifierVerdict.Unsafe, $"it writes to the {(pointer.Kind == RegisterKind.Context ? "context" : "packet")}, which a filter only reads", "copy what is to be changed to the stack");
        }

        var value = instruction.Class == InstructionClass.St
            ? RegisterState.Number(Scalar.Constant((ulong)(long)instruction.Immediate)) : Use(instruction.Src);
        if (instruction.IsAtomic)
        {
            Atomic(instruction, pointer, value);
            return;
        }

        if (pointer.Kind == RegisterKind.Stack)
        {
            var offset = StackOffset(pointer, instruction.Offset, size);
            if (value.IsPointer && (size != 8 || offset % 8 != 0))
            {
                throw Refuse(VerifierVerdict.CannotProve, $"an address ({value}) is spilled to {size} bytes at {offset - AbstractState.StackBytes}", "spill addresses whole, to multiples of 8");
            }

            _state.Store(offset, size, value);
            return;
        }

        if (value.IsPointer)
        {
            throw Refuse(VerifierVerdict.Unsafe, $"an address ({value}) is stored in a map, where others could read it", "store numbers only");
        }

        CheckAccess(pointer, instruction.Offset, size, "writes");
    }

    private void Atomic(Instruction instruction, RegisterState pointer, RegisterState value)
    {
        var size = instruction.SizeBytes;
        if (value.IsPointer || (instruction.Immediate == AtomicOperation.CompareExchange && Use(0).IsPointer))
        {
            throw Refuse(VerifierVerdict.Unsafe, "an atomic operation on an address", "use numbers only");
        }

        if ((pointer.Offset + instruction.Offset) % size != 0 || ((pointer.Value.Bits | pointer.Value.Unknown) & (ulong)(size - 1)) != 0)
        {
            throw Refuse(VerifierVerdict.CannotProve, $"the address of an atomic operation of {size} bytes is not a known multiple of {size}", "align the field");
        }

        if (pointer.Kind == RegisterKind.Stack)
        {
            var offset = StackOffset(pointer, instruction.Offset, size);
            CheckReadableStack(offset, size);
            _state.Store(offset, size, RegisterState.Number(Scalar.Any));
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
                if (lowest < 0 || highest + size > map.ValueSize)
                {
                    throw Refuse(VerifierVerdict.Unsafe, $"it {does} {size} bytes at {(lowest == highest ? $"{lowest}" : $"{lowest}..{highest}")} of a value of map {map.Name}, which has {map.ValueSize} bytes", "stay inside the value");
                }

                if (does == "writes" && (map.Flags & ReadOnlyForPrograms) != 0)
                {
                    throw Refuse(VerifierVerdict.Unsafe, $"map {map.Name} is read-only for programs", "take BPF_F_RDONLY_PROG off");
                }

                break;
            case RegisterKind.MapValueOrNull:
                throw Refuse(VerifierVerdict.Unsafe, "the lookup's result may be 0", "compare it with 0 first: if (!value) return 0");
            case RegisterKind.Scalar:
                throw Refuse(VerifierVerdict.Unsafe, $"it {does} memory at a number ({pointer})", "use an address of the packet, the stack or a map value");
            default:
                throw Refuse(VerifierVerdict.Unsafe, $"it {does} memory at {pointer}", "use an address of the packet, the stack or a map value");
        }
    }

    /// <summary>Offset of a stack access from the lowest byte of the stack.</summary>
    private int StackOffset(RegisterState pointer, long displacement, long size)
    {
        var offset = pointer.Offset + displacement;
        if (offset < -AbstractState.StackBytes || offset + size > 0)
        {
            throw Refuse(VerifierVerdict.Unsafe, $"{size} bytes at r10{offset:+0;-0;+0} lie outside the stack", $"the stack is r10-{AbstractState.StackBytes} to r10-1");
        }

        _stackBytes = Math.Max(_stackBytes, (int)-offset);
        return (int)offset + AbstractState.StackBytes;
    }

    private void CheckReadableStack(int offset, int size)
    {
        if (!_state.IsWritten(offset, size))
        {
            throw Refuse(VerifierVerdict.Unsafe, $"{size} bytes of stack at r10{offset - AbstractState.StackBytes} are read but were not all written on every path", "initialise the variable (= {0})");
        }

        if (_state.HoldsPointer(offset, size))
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

        _program[_slot] = instruction with { Opcode = wide ? Opcode.LoadDoubleWord : Opcode.LoadWord, Offset = (short)displacement };
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
