using System.Collections.Immutable;
using Oko.Bpf.Helpers;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Verifier;

/// <summary>Helper calls: every argument is what the prototype says.</summary>
public sealed partial class ProgramVerifier
{
    private void CallHelper(Instruction instruction)
    {
        var helper = _helpers.Find(instruction.Immediate)
            ?? throw Refuse(VerifierVerdict.NotSupported, $"helper {instruction.Immediate} is not offered", "offered are " + string.Join(", ", _helpers.Prototypes.Select(prototype => $"{prototype.Name} ({prototype.Number})")));
        var map = -1;
        for (var index = 0; index < helper.Arguments.Length; index++)
        {
            CheckArgument(helper, index, ref map);
        }

        if (helper.Id is HelperId.TracePrintk or HelperId.OkoPrintf)
        {
            CheckPrinted(helper, firstPrinted: helper.Arguments.Length + 1);
        }

        NoteMap(map);
        if (helper.Arguments.Contains(HelperArgument.Callback))
        {
            RunCallback(helper, map);
            return;
        }

        Finish(ResultOf(helper, map));
    }

    private RegisterState ResultOf(HelperPrototype helper, int map)
    {
        switch (helper.Result)
        {
            case HelperResult.MapValueOrNull:
                return new RegisterState(RegisterKind.MapValueOrNull, default, Id: FreshId(), Map: map);
            case HelperResult.RingRecordOrNull:
                var record = new RegisterState(RegisterKind.RecordOrNull, default, Id: FreshId(), Size: (int)_state[2].Value.Min);
                _state.Reserve(record.Id, _slot);
                return record;
            case HelperResult.None:
                return RegisterState.Uninitialised;
            default:
                return RegisterState.Number(Scalar.Any);
        }
    }

    /// <summary>The call is over: r0 has the result, r1 to r5 nothing.</summary>
    private void Finish(RegisterState result)
    {
        for (var register = 1; register <= 5; register++)
        {
            _state[register] = RegisterState.Uninitialised;
        }

        _state[0] = result;
    }

    private void CheckArgument(HelperPrototype helper, int index, ref int map)
    {
        var register = index + 1;
        switch (helper.Arguments[index])
        {
            case HelperArgument.Map:
                var value = Use(register);
                map = value.Kind == RegisterKind.Map ? value.Map
                    : throw Refuse(VerifierVerdict.Unsafe, $"r{register} must be a map for {helper.Name}, it is {value}", "pass &map");
                CheckMapOperation(helper, _input.Maps[map]);
                break;
            case HelperArgument.MapKey:
                CheckReadable(helper, register, (int)_input.Maps[map].KeySize, "the key");
                break;
            case HelperArgument.MapValue:
                CheckReadable(helper, register, (int)_input.Maps[map].ValueSize, "the value");
                break;
            case HelperArgument.Memory or HelperArgument.MemoryOrNull:
                CheckMemory(helper, register);
                break;
            case HelperArgument.MapValueOut:
                FillValue(helper, register, _input.Maps[map]);
                break;
            case HelperArgument.Constant:
                CheckRecordSize(helper, register, _input.Maps[map]);
                break;
            case HelperArgument.RingRecord:
                GiveBack(helper, register);
                break;
            case HelperArgument.ConstantString:
                CheckConstantString(helper, register);
                break;
            case HelperArgument.Callback or HelperArgument.CallbackContext:
                break;                          // looked at with the callback itself
            case HelperArgument.Number or HelperArgument.MemorySize:
                _ = UseNumber(register, helper.Name);
                break;
            default:
                throw new InvalidOperationException($"argument {index} of {helper.Name} is of no known kind");
        }
    }

    private void CheckMapOperation(HelperPrototype helper, MapSpec map)
    {
        var offered = MapsOf(helper.Id);
        if (!offered.Contains(map.Type))
        {
            throw Refuse(VerifierVerdict.NotSupported, $"{helper.Name} does not work on map {map.Name}, of type {map.Type}", "it works on " + string.Join(", ", offered.Select(type => type.ToString())));
        }

        if (helper.Id is HelperId.MapUpdate or HelperId.MapDelete or HelperId.MapPush or HelperId.MapPop or HelperId.OkoMapAdd && (map.Flags & MapCreateFlags.ReadOnlyForPrograms) != 0)
        {
            throw Refuse(VerifierVerdict.Unsafe, $"map {map.Name} is read-only for programs", "take BPF_F_RDONLY_PROG off");
        }
    }

    private static ImmutableArray<MapType> MapsOf(HelperId helper) => helper switch
    {
        HelperId.OkoMapAdd => [MapType.KeyedBloomFilter, MapType.CountMinSketch],
        HelperId.MapLookup or HelperId.MapUpdate =>
            [MapType.Array, MapType.Hash, MapType.PerCpuArray, MapType.PerCpuHash, MapType.LruHash, MapType.LpmTrie, MapType.CountMinSketch, MapType.KeyedBloomFilter],
        HelperId.MapDelete => [MapType.Hash, MapType.PerCpuHash, MapType.LruHash, MapType.LpmTrie, MapType.Array],
        HelperId.MapPush or HelperId.MapPeek => [MapType.Queue, MapType.Stack, MapType.BloomFilter],
        HelperId.MapPop => [MapType.Queue, MapType.Stack],
        HelperId.ForEachMapElem => [MapType.Array, MapType.Hash, MapType.PerCpuArray, MapType.PerCpuHash],
        _ => [MapType.RingBuffer],
    };

    /// <summary>The helper writes a value of the map behind a register.</summary>
    private void FillValue(HelperPrototype helper, int register, MapSpec map)
    {
        var size = (int)map.ValueSize;
        if (map.Type == MapType.BloomFilter)
        {
            CheckReadable(helper, register, size, "the value");
            return;
        }

        var pointer = Use(register);
        switch (pointer.Kind)
        {
            case RegisterKind.Stack:
                if (pointer.Value.Max != 0)
                {
                    throw Refuse(VerifierVerdict.CannotProve, $"{helper.Name} fills a variable place of the stack ({pointer})", "use a variable of its own");
                }

                var offset = StackOffset(pointer, 0, size);
                if (_state.Frame(pointer.Map).HoldsPointer(offset, size))
                {
                    throw Refuse(VerifierVerdict.CannotProve, $"{helper.Name} overwrites an address on the stack", "keep addresses in variables of their own");
                }

                _state.WritableFrame(pointer.Map).Store(offset, size, null);
                NoteStackAtCall(pointer, size, isWritten: true);
                break;
            case RegisterKind.MapValue or RegisterKind.Record:
                CheckAccess(pointer, 0, size, "writes");
                break;
            default:
                throw Refuse(VerifierVerdict.Unsafe, $"r{register} must point to room for the value ({size} bytes) for {helper.Name}, it is {pointer}", "pass the address of a variable");
        }
    }

    private void CheckRecordSize(HelperPrototype helper, int register, MapSpec map)
    {
        var size = UseNumber(register, helper.Name);
        if (!size.IsConstant || size.Min == 0 || size.Min > map.MaxEntries / 2)
        {
            throw Refuse(VerifierVerdict.CannotProve, $"r{register}, the size of a record for {helper.Name}, is {size}", $"pass a constant, 1 to {map.MaxEntries / 2} in a ring buffer of this size");
        }
    }

    /// <summary>A record is submitted or discarded: nobody has it any more.</summary>
    private void GiveBack(HelperPrototype helper, int register)
    {
        var record = Use(register);
        if (record is not { Kind: RegisterKind.Record, Offset: 0, Value.Max: 0 })
        {
            throw Refuse(VerifierVerdict.Unsafe, $"r{register} must be a record for {helper.Name}, it is {record}",
                record.Kind == RegisterKind.RecordOrNull ? "compare it with 0 first: if (!record) return 0" : "pass what bpf_ringbuf_reserve returned");
        }

        _state.Release(record.Id);
        _state.Replace(value => value.Kind == RegisterKind.Record && value.Id == record.Id, _ => RegisterState.Uninitialised);
    }

    /// <summary>Bytes whose number is in the next register.</summary>
    private void CheckMemory(HelperPrototype helper, int register)
    {
        var size = UseNumber(register + 1, helper.Name);
        var mayBeNothing = helper.Arguments[register - 1] == HelperArgument.MemoryOrNull;
        if (size.Max > LargestHelperMemory || (size.Min == 0 && !mayBeNothing))
        {
            throw Refuse(VerifierVerdict.CannotProve, $"r{register + 1}, a number of bytes for {helper.Name}, is {size}", $"bound it to {(mayBeNothing ? 0 : 1)}..{LargestHelperMemory}");
        }

        if (helper.Id == HelperId.CsumDiff && (size.MayBeSet & 3) != 0)
        {
            throw Refuse(VerifierVerdict.CannotProve, $"r{register + 1}, a number of bytes for {helper.Name}, is no known multiple of 4", "pass a multiple of 4");
        }

        var isNull = Use(register) is { Kind: RegisterKind.Scalar, Value: { IsConstant: true, Min: 0 } };
        if (isNull && mayBeNothing)
        {
            if (size.Max != 0)
            {
                throw Refuse(VerifierVerdict.Unsafe, $"r{register} is 0 and r{register + 1} says that {size} bytes are there", "pass 0 bytes with a null pointer");
            }

            return;
        }

        if (size.Max > 0)
        {
            CheckReadable(helper, register, (int)size.Max, "memory");
        }
    }

    /// <summary>What a format prints of the three registers behind it are numbers: an address, or what a register held before, must not get
    /// into a log. A format that is not known prints all three.</summary>
    private void CheckPrinted(HelperPrototype helper, int firstPrinted)
    {
        const int MostPrinted = 3;
        var printed = MostPrinted;
        var format = _state[1];
        if (format is { Kind: RegisterKind.MapValue, Value.Max: 0 } && (_input.Maps[format.Map].Flags & MapCreateFlags.ReadOnlyForPrograms) != 0
            && _input.InitialValues.TryGetValue(format.Map, out var bytes) && format.Offset >= 0 && format.Offset < bytes.Length)
        {
            var text = bytes.AsSpan((int)format.Offset);
            if (helper.Arguments.Contains(HelperArgument.MemorySize))
            {
                text = text[..Math.Min(text.Length, (int)_state[2].Value.Max)];
            }
            else
            {
                text = text[..text.IndexOf((byte)0)];
            }

            printed = Math.Min(MostPrinted, text.Count((byte)'%'));
        }

        for (var register = firstPrinted; register < firstPrinted + printed; register++)
        {
            _ = UseNumber(register, helper.Name);
        }
    }

    private const int LargestHelperMemory = 512;

    /// <summary>A string in read-only data, whose end is known.</summary>
    private void CheckConstantString(HelperPrototype helper, int register)
    {
        var text = Use(register);
        if (text is not { Kind: RegisterKind.MapValue, Value.Max: 0 } || (_input.Maps[text.Map].Flags & MapCreateFlags.ReadOnlyForPrograms) == 0
            || !_input.InitialValues.TryGetValue(text.Map, out var bytes))
        {
            throw Refuse(VerifierVerdict.CannotProve, $"r{register} must be a constant string for {helper.Name}, it is {text}", "pass a string literal");
        }

        if (text.Offset < 0 || text.Offset >= bytes.Length || Array.IndexOf(bytes, (byte)0, (int)text.Offset) < 0)
        {
            throw Refuse(VerifierVerdict.Unsafe, $"the string in r{register} for {helper.Name} has no end", "end it with 0");
        }
    }

    /// <summary>Which map a call uses, over all visits: one, or more than one.</summary>
    private void NoteMap(int map) => _mapAtCall[_slot] = _mapAtCall[_slot] == Unvisited || _mapAtCall[_slot] == map ? map : -1;

    private void CheckReadable(HelperPrototype helper, int register, int size, string what)
    {
        var pointer = Use(register);
        switch (pointer.Kind)
        {
            case RegisterKind.Stack:
                CheckReadableStack(pointer, 0, size);
                NoteStackAtCall(pointer, size, isWritten: false);
                break;
            case RegisterKind.Packet or RegisterKind.MapValue or RegisterKind.MapKey or RegisterKind.Record:
                CheckAccess(pointer, 0, size, "reads");
                break;
            default:
                throw Refuse(VerifierVerdict.Unsafe, $"r{register} must point to {what} ({size} bytes) for {helper.Name}, it is {pointer}", "pass the address of a variable that holds it");
        }
    }

    private void NoteStackAtCall(RegisterState pointer, int size, bool isWritten)
    {
        var function = _state.Frame(pointer.Map).Function;
        if (pointer.Map == _state.Depth && pointer.Value.Max == 0)
        {
            _stack.Call(_slot, new StackRange((int)pointer.Offset, size, isWritten));
        }
        else
        {
            _stack.Pin(function, pointer.Offset, size + (long)pointer.Value.Max);
        }
    }
}
