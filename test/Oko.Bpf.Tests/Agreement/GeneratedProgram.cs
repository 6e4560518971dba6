using System.Collections.Immutable;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Agreement;

/// <summary>
/// Makes XDP programs that verifiers accept: whatever they do, r0 to r5 hold numbers between any two statements, r6 and r7 the packet's start
/// and end (at least 32 bytes are there), and the upper 64 bytes of the stack are written. One seed, one program.
/// </summary>
internal sealed class GeneratedProgram
{
    public const int PacketBytes = 32, Array = 0, Hash = 1, Keys = 8;
    private const int StackBytes = 64, KeyAt = -72, ValueAt = -88;

    private static readonly byte[] Loads = [0x71, 0x69, 0x61, 0x79], SignedLoads = [0x91, 0x89, 0x81], Stores = [0x73, 0x6b, 0x63, 0x7b], Immediates = [0x72, 0x6a, 0x62, 0x7a];

    private readonly Random _random;
    private readonly List<Instruction> _slots = [];
    private readonly List<(int Slot, int Function)> _calls = [];
    private int _loops, _functions;

    private GeneratedProgram(int seed) => _random = new Random(seed);

    public static ImmutableArray<MapSpec> Maps { get; } = [new("array", MapType.Array, 4, 16, 4, 0), new("hash", MapType.Hash, 4, 16, 4, 0)];

    public static Instruction[] Make(int seed) => new GeneratedProgram(seed).Make();

    private Instruction[] Make()
    {
        // r6 = data, r7 = data_end; fewer than 32 bytes: r0 = 0.
        Emit(new(0x61, 6, 1, 0, 0), new(0x61, 7, 1, 4, 0), new(0xbf, 3, 6, 0, 0), new(0x07, 3, 0, 0, PacketBytes), new(0xb7, 0, 0, 0, 0));
        var check = _slots.Count;
        Emit(new Instruction(0x2d, 3, 7, 0, 0));
        for (byte register = 0; register <= 5; register++)
        {
            Emit(Next(2) == 0 ? new Instruction(0x79, register, 6, (short)Next(24), 0) : new(0xb7, register, 0, 0, Number()));
        }

        for (var offset = 8; offset <= StackBytes; offset += 8)
        {
            Emit(Next(2) == 0 ? new Instruction(0x7b, 10, (byte)Next(6), (short)-offset, 0) : new(0x7a, 10, 0, (short)-offset, Number()));
        }

        Emit(new(0xb7, 8, 0, 0, Number()), new(0xb7, 9, 0, 0, Number()));
        Statements(Next(3, 14), inFunction: false);
        // What was computed shows in the result.
        for (byte register = 1; register <= 5; register++)
        {
            Emit(Alu64(AluOperation.Xor, 0, register), Alu64(AluOperation.Mul, 0, immediate: 31));
        }

        Emit(new Instruction(0x95, 0, 0, 0, 0));
        _slots[check] = _slots[check] with { Offset = (short)(_slots.Count - 2 - check) };
        for (var function = 0; function < _functions; function++)
        {
            Function(function);
        }

        return [.. _slots];
    }

    private void Function(int number)
    {
        var start = _slots.Count;
        foreach (var (slot, _) in _calls.Where(call => call.Function == number))
        {
            _slots[slot] = _slots[slot] with { Immediate = start - slot - 1 };
        }

        Emit(new Instruction(0xb7, 0, 0, 0, Number()));
        for (var offset = 8; offset <= StackBytes; offset += 8)
        {
            Emit(new Instruction(0x7b, 10, (byte)Next(6), (short)-offset, 0));
        }

        Statements(Next(2, 6), inFunction: true);
        Emit(new Instruction(0x95, 0, 0, 0, 0));
    }

    private void Statements(int count, bool inFunction)
    {
        for (var index = 0; index < count; index++)
        {
            Statement(inFunction);
        }
    }

    private void Statement(bool inFunction)
    {
        switch (Next(inFunction ? 14 : 22))
        {
            case < 5:
                Emit(RandomAlu());
                break;
            case < 7:
                StackStore();
                break;
            case < 9:
                StackLoad();
                break;
            case 9:
                Atomic(10, -StackBytes, StackBytes);
                break;
            case < 12:
                Branch(inFunction);
                break;
            case 12:
                Emit(SignExtension());
                break;
            case 13:
                ByteOrder();
                break;
            case < 17:
                PacketLoad();
                break;
            case 17:
                VariablePacketLoad();
                break;
            case 18:
                Loop();
                break;
            case 19:
                Call();
                break;
            default:
                MapOperation();
                break;
        }
    }

    private Instruction RandomAlu()
    {
        var operations = new[]
        {
            AluOperation.Add, AluOperation.Sub, AluOperation.Mul, AluOperation.Div, AluOperation.Mod, AluOperation.Or, AluOperation.And, AluOperation.Xor,
            AluOperation.Lsh, AluOperation.Rsh, AluOperation.Arsh, AluOperation.Mov, AluOperation.Neg,
        };
        var operation = operations[Next(operations.Length)];
        var wide = Next(2) == 0;
        var type = wide ? InstructionClass.Alu64 : InstructionClass.Alu;
        var (dst, src) = (Register(), Register());
        if (operation == AluOperation.Neg)
        {
            return new(Opcode.Of(type, operation, false), dst, 0, 0, 0);
        }

        var isShift = operation is AluOperation.Lsh or AluOperation.Rsh or AluOperation.Arsh;
        var signed = operation is AluOperation.Div or AluOperation.Mod && Next(2) == 0 ? (short)1 : (short)0;
        if (Next(2) == 0)
        {
            return new(Opcode.Of(type, operation, true), dst, src, signed, 0);
        }

        var immediate = isShift ? Next(wide ? 64 : 32) : Number();
        // A constant divisor is never 0.
        return new(Opcode.Of(type, operation, false), dst, 0, signed, operation is AluOperation.Div or AluOperation.Mod && immediate == 0 ? 3 : immediate);
    }

    private Instruction SignExtension()
    {
        var wide = Next(2) == 0;
        var bits = new short[] { 8, 16, 32 }[Next(wide ? 3 : 2)];
        return new(Opcode.Of(wide ? InstructionClass.Alu64 : InstructionClass.Alu, AluOperation.Mov, true), Register(), Register(), bits, 0);
    }

    private void ByteOrder()
    {
        var bits = new[] { 16, 32, 64 }[Next(3)];
        Emit(new Instruction(new byte[] { 0xd4, 0xdc, 0xd7 }[Next(3)], Register(), 0, 0, bits));
    }

    private void StackStore()
    {
        var size = Next(4);
        var offset = (short)(-StackBytes + (Next(StackBytes >> size) << size));
        Emit(Next(3) == 0 ? new Instruction(Immediates[size], 10, 0, offset, Number()) : new(Stores[size], 10, Register(), offset, 0));
    }

    private void StackLoad()
    {
        var size = Next(4);
        var offset = (short)(-StackBytes + (Next(StackBytes >> size) << size));
        Emit(new Instruction(size < 3 && Next(3) == 0 ? SignedLoads[size] : Loads[size], Register(), 10, offset, 0));
    }

    private void PacketLoad()
    {
        var size = Next(4);
        Emit(new Instruction(size < 3 && Next(3) == 0 ? SignedLoads[size] : Loads[size], Register(), 6, (short)Next(PacketBytes - (1 << size) + 1), 0));
    }

    /// <summary>r4 = data + 0..15, and what is there if the packet is long enough.</summary>
    private void VariablePacketLoad()
    {
        var result = Next(4);
        Emit(
            new(0x71, 3, 6, (short)Next(PacketBytes), 0), new(0x57, 3, 0, 0, new[] { 15, 14, 28, 60 }[Next(4)]), new(0xbf, 4, 6, 0, 0), new(0x0f, 4, 3, 0, 0),
            new(0xbf, 5, 4, 0, 0), new(0x07, 5, 0, 0, 12), new(0x2d, 5, 7, 1, 0),
            new(Loads[Next(4)], (byte)Math.Min(result, 2), 4, (short)Next(5), 0), new(0xb7, 4, 0, 0, Number()), new(0xb7, 5, 0, 0, Number()));
    }

    private void Atomic(byte pointer, int first, int bytes)
    {
        var wide = Next(2) == 0;
        var size = wide ? 8 : 4;
        var operations = new[] { 0x00, 0x40, 0x50, 0xa0, 0x01, 0x41, 0x51, 0xa1, 0xe1, 0xf1 };
        Emit(new Instruction(wide ? (byte)0xdb : (byte)0xc3, pointer, (byte)Next(1, 6), (short)(first + (Next(bytes / size) * size)), operations[Next(operations.Length)]));
    }

    private void Branch(bool inFunction)
    {
        var at = _slots.Count;
        var operations = new byte[] { 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0 };
        var code = operations[Next(operations.Length)] | (Next(2) == 0 ? 0x05 : 0x06);
        Emit(Next(2) == 0 ? new Instruction((byte)(code | 0x08), Register(), Register(), 0, 0) : new((byte)code, Register(), 0, 0, Number()));
        Statements(Next(1, 4), inFunction);
        if (Next(3) == 0)
        {
            // The other side.
            var jump = _slots.Count;
            Emit(new Instruction(0x05, 0, 0, 0, 0));
            _slots[at] = _slots[at] with { Offset = (short)(_slots.Count - at - 1) };
            Statements(Next(1, 3), inFunction);
            _slots[jump] = _slots[jump] with { Offset = (short)(_slots.Count - jump - 1) };
            return;
        }

        _slots[at] = _slots[at] with { Offset = (short)(_slots.Count - at - 1) };
    }

    /// <summary>r9 counts, and r8 in a loop inside it.</summary>
    private void Loop()
    {
        if (_loops == 2)
        {
            return;
        }

        var counter = (byte)(9 - _loops++);
        var rounds = Next(1, 7);
        Emit(new Instruction(0xb7, counter, 0, 0, rounds));
        var start = _slots.Count;
        Statements(Next(1, 4), inFunction: false);
        Emit(Alu64(AluOperation.Sub, counter, immediate: 1));
        Emit(new Instruction(Next(2) == 0 ? (byte)0x55 : (byte)0x25, counter, 0, (short)(start - _slots.Count - 1), 0));
        _loops--;
    }

    private void Call()
    {
        var function = _functions < 2 && Next(2) == 0 || _functions == 0 ? _functions++ : Next(_functions);
        _calls.Add((_slots.Count, function));
        Emit(new Instruction(Opcode.Call, 0, CallKind.Local, 0, 0));
        NumbersAgain();
    }

    private void MapOperation()
    {
        var map = Next(2);
        var register = Register();
        Emit(new Instruction(0xbf, 2, register, 0, 0), new(0x57, 2, 0, 0, Keys - 1), new(0x63, 10, 2, KeyAt, 0), new(0xbf, 2, 10, 0, 0), new(0x07, 2, 0, 0, KeyAt));
        switch (Next(map == Hash ? 4 : 3))
        {
            case 0:
                Emit(new(0x7b, 10, 0, ValueAt, 0), new(0x7b, 10, 4, ValueAt + 8, 0), new(0xbf, 3, 10, 0, 0), new(0x07, 3, 0, 0, ValueAt), new(0xb7, 4, 0, 0, map == Hash ? Next(3) : 0));
                Emit(new(Opcode.LoadWideImmediate, 1, WideImmediateKind.Map, 0, map), default, new(Opcode.Call, 0, 0, 0, 2));
                break;
            case 3:
                Emit(new(Opcode.LoadWideImmediate, 1, WideImmediateKind.Map, 0, map), default, new(Opcode.Call, 0, 0, 0, 3));
                break;
            default:
                Emit(new(Opcode.LoadWideImmediate, 1, WideImmediateKind.Map, 0, map), default, new(Opcode.Call, 0, 0, 0, 1));
                NumbersAgain();
                var at = _slots.Count;
                Emit(new Instruction(0x15, 0, 0, 0, 0));
                for (var uses = Next(1, 4); uses > 0; uses--)
                {
                    var size = Next(4);
                    var offset = (short)(Next(16 >> size) << size);
                    switch (Next(3))
                    {
                        case 0:
                            Emit(new Instruction(Loads[size], (byte)Next(1, 6), 0, offset, 0));
                            break;
                        case 1:
                            Emit(new Instruction(Stores[size], 0, (byte)Next(1, 6), offset, 0));
                            break;
                        default:
                            AtomicOnValue();
                            break;
                    }
                }

                _slots[at] = _slots[at] with { Offset = (short)(_slots.Count - at - 1) };
                Emit(new Instruction(0xb7, 0, 0, 0, Number()));
                return;
        }

        NumbersAgain();
    }

    // cmpxchg would write r0, which holds the address.
    private void AtomicOnValue()
    {
        var operations = new[] { 0x00, 0x40, 0x50, 0xa0, 0x01, 0x41, 0x51, 0xa1, 0xe1 };
        var wide = Next(2) == 0;
        Emit(new Instruction(wide ? (byte)0xdb : (byte)0xc3, 0, (byte)Next(1, 6), (short)(wide ? Next(2) * 8 : Next(4) * 4), operations[Next(operations.Length)]));
    }

    private void NumbersAgain()
    {
        for (byte register = 1; register <= 5; register++)
        {
            Emit(new Instruction(0xb7, register, 0, 0, Number()));
        }
    }

    private static Instruction Alu64(AluOperation operation, byte dst, byte? src = null, int immediate = 0) =>
        new(Opcode.Of(InstructionClass.Alu64, operation, src.HasValue), dst, src ?? 0, 0, src.HasValue ? 0 : immediate);

    private void Emit(params ReadOnlySpan<Instruction> instructions)
    {
        foreach (var instruction in instructions)
        {
            _slots.Add(instruction);
        }
    }

    private byte Register() => (byte)Next(6);

    private int Number() => Next(5) switch
    {
        0 => Next(-4, 64),
        1 => int.MinValue + Next(3),
        2 => 1 << Next(31),
        _ => _random.Next(),
    };

    private int Next(int limit) => _random.Next(limit);

    private int Next(int from, int to) => _random.Next(from, to);
}
