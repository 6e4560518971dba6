using Oko.Bpf.Helpers;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Execution;

// SAFETY: addresses are compared here, never followed; only map headers are read, of maps the caller keeps alive.

/// <summary>What the interpreter asks before it does something. A struct type parameter, so that trusting costs nothing.</summary>
internal unsafe interface IExecutionGuard
{
    /// <summary>Why the last question was answered with no.</summary>
    ExecutionStatus Status { get; }

    /// <summary>A run starts; the entry frame ends at <paramref name="stackEnd"/>.</summary>
    void Start(byte* stackEnd);

    /// <summary>Whether all registers the instruction reads hold something.</summary>
    bool Begin(Operation* operation);

    /// <summary>The instruction is done.</summary>
    void End(Operation* operation);

    /// <summary>Whether these bytes may be read.</summary>
    bool CanRead(byte* address, uint size);

    /// <summary>Whether these bytes may be written.</summary>
    bool CanWrite(byte* address, uint size);

    /// <summary>Whether these bytes may be changed atomically.</summary>
    bool CanModifyAtomically(byte* address, uint size);

    /// <summary>Whether r1 is a map and key and value are readable.</summary>
    bool CanCallMapHelper(OperationKind kind, ulong* registers);

    /// <summary>Whether the arguments of another helper are what its prototype says.</summary>
    bool CanCallHelper(HelperId helper, ulong* registers);

    /// <summary>Another helper was called: what was in r2, and its result.</summary>
    void Called(HelperId helper, ulong argument, ulong result);

    /// <summary>A local function starts, one frame further down.</summary>
    void EnterFunction();

    /// <summary>A helper calls a function with so many arguments, one frame further down; it may read the key at an address.</summary>
    void EnterCallback(int arguments, byte* key, uint keySize);

    /// <summary>A helper with a callback is over without a call.</summary>
    void SkipCallback();

    /// <summary>A local function is over.</summary>
    void LeaveFunction();
}

/// <summary>Says yes to everything; the compiler removes the questions.</summary>
internal unsafe struct TrustingGuard : IExecutionGuard
{
    /// <inheritdoc/>
    public readonly ExecutionStatus Status => ExecutionStatus.Completed;

    /// <inheritdoc/>
    public readonly void Start(byte* stackEnd)
    {
    }

    /// <inheritdoc/>
    public readonly bool Begin(Operation* operation) => true;

    /// <inheritdoc/>
    public readonly void End(Operation* operation)
    {
    }

    /// <inheritdoc/>
    public readonly bool CanRead(byte* address, uint size) => true;

    /// <inheritdoc/>
    public readonly bool CanWrite(byte* address, uint size) => true;

    /// <inheritdoc/>
    public readonly bool CanModifyAtomically(byte* address, uint size) => true;

    /// <inheritdoc/>
    public readonly bool CanCallMapHelper(OperationKind kind, ulong* registers) => true;

    /// <inheritdoc/>
    public readonly bool CanCallHelper(HelperId helper, ulong* registers) => true;

    /// <inheritdoc/>
    public readonly void Called(HelperId helper, ulong argument, ulong result)
    {
    }

    /// <inheritdoc/>
    public readonly void EnterFunction()
    {
    }

    /// <inheritdoc/>
    public readonly void EnterCallback(int arguments, byte* key, uint keySize)
    {
    }

    /// <inheritdoc/>
    public readonly void SkipCallback()
    {
    }

    /// <inheritdoc/>
    public readonly void LeaveFunction()
    {
    }
}

/// <summary>Tests accesses against the regions a filter may touch, and remembers which registers and stack bytes were
/// written.</summary>
internal unsafe struct CheckingGuard(FilterContext* context, EntryConvention convention, BpfMap[] maps) : IExecutionGuard
{
    private const int StackBytes = Register.StackFrameBytes * Register.MaxCallDepth;

    private readonly FilterContext* _context = context;
    private readonly BpfMap[] _maps = maps;
    private readonly bool[] _written = new bool[StackBytes];
    private readonly bool _hasContext = convention != EntryConvention.Oko;
    private readonly Stack<Caller> _callers = new();
    private readonly Dictionary<ulong, uint> _records = [];
    private byte* _stackEnd;
    private int _live = (1 << Register.FramePointer) | (convention == EntryConvention.Oko ? 0b110 : 0b010);

    /// <inheritdoc/>
    public ExecutionStatus Status { get; private set; } = ExecutionStatus.Completed;

    /// <summary>What was wrong, in words.</summary>
    public string? Violation { get; private set; }

    /// <inheritdoc/>
    public void Start(byte* stackEnd) => _stackEnd = stackEnd;

    /// <inheritdoc/>
    public bool Begin(Operation* operation)
    {
        // A local function need not return anything; whether r0 is live then is checked where the caller reads it.
        int needed = operation->Kind == OperationKind.Exit && _callers.Count > 0 ? 0 : operation->Reads;
        int missing = needed & ~_live;
        return missing == 0 ||
            Refuse(ExecutionStatus.UninitializedRegister, $"r{int.TrailingZeroCount(missing)} was never written");
    }

    /// <inheritdoc/>
    public void End(Operation* operation) => _live = (_live & ~operation->Destroys) | operation->Writes;

    /// <inheritdoc/>
    public bool CanRead(byte* address, uint size)
    {
        if (TryFindStack(address, size, out int first))
        {
            for (int i = first; i < first + (int)size; i++)
            {
                if (!_written[i])
                {
                    return Refuse(ExecutionStatus.MemoryViolation,
                        $"read of {size} bytes at frame offset {(i % Register.StackFrameBytes) - Register.StackFrameBytes}: never written");
                }
            }

            return true;
        }

        return Within(address, size, _context->Packet, _context->PacketEnd) ||
            IsKey(address, size) ||
            (_hasContext && Within(address, size, (byte*)_context, (byte*)_context + FilterContext.SizeBytes)) ||
            IsMapValue(address, size, false) || IsRecord(address, size) ||
            Refuse(ExecutionStatus.MemoryViolation, $"read of {size} bytes at {Describe(address)}");
    }

    /// <inheritdoc/>
    public bool CanWrite(byte* address, uint size)
    {
        if (TryFindStack(address, size, out int first))
        {
            Array.Fill(_written, true, first, (int)size);
            return true;
        }

        return IsMapValue(address, size, true) || IsRecord(address, size) ||
            Refuse(ExecutionStatus.MemoryViolation, $"write of {size} bytes at {Describe(address)}");
    }

    /// <inheritdoc/>
    public bool CanModifyAtomically(byte* address, uint size) =>
        (nuint)address % size == 0
            ? CanRead(address, size) && CanWrite(address, size)
            : Refuse(ExecutionStatus.UnalignedAtomic, $"atomic operation on {size} bytes at {Describe(address)}");

    /// <inheritdoc/>
    public bool CanCallMapHelper(OperationKind kind, ulong* registers)
    {
        nint handle = (nint)registers[1];
        BpfMap? map = Array.Find(_maps, candidate => candidate.Handle == handle);
        if (map is null)
        {
            return Refuse(ExecutionStatus.InvalidMap, $"r1 = 0x{registers[1]:x} is not a map");
        }

        bool hasValue = kind is OperationKind.MapUpdate or OperationKind.MapUpdateAny;
        return CanRead((byte*)registers[2], (uint)map.KeySize) &&
            (!hasValue || CanRead((byte*)registers[3], (uint)map.ValueSize));
    }

    /// <inheritdoc/>
    public bool CanCallHelper(HelperId helper, ulong* registers)
    {
        switch (helper)
        {
            case HelperId.CsumDiff:
                return CanReadAll(registers[1], registers[2]) && CanReadAll(registers[3], registers[4]);
            case HelperId.OkoMapAdd:
                return FindMap(registers[1]) is { } counted && CanRead((byte*)registers[2], (uint)counted.KeySize);
            case HelperId.OkoPrintf:
                return IsReadableString(registers[1]);
            case HelperId.OkoHash or HelperId.TracePrintk:
                return CanReadAll(registers[1], registers[2]);
            case HelperId.StringCompare:
                return IsReadableString(registers[3]) && CanReadAll(registers[1], registers[2]);
            case HelperId.MapPush:
                return FindMap(registers[1]) is { } pushed && CanRead((byte*)registers[2], (uint)pushed.ValueSize);
            case HelperId.MapPop or HelperId.MapPeek:
                return FindMap(registers[1]) is { } asked && (asked.Type == MapType.BloomFilter
                    ? CanRead((byte*)registers[2], (uint)asked.ValueSize) : CanWrite((byte*)registers[2], (uint)asked.ValueSize));
            case HelperId.RingBufferOutput:
                return FindMap(registers[1]) is not null && CanReadAll(registers[2], registers[3]);
            case HelperId.RingBufferReserve or HelperId.RingBufferQuery:
                return FindMap(registers[1]) is not null;
            case HelperId.RingBufferSubmit or HelperId.RingBufferDiscard:
                return _records.Remove(registers[1]) || Refuse(ExecutionStatus.MemoryViolation, $"r1 = 0x{registers[1]:x} is no record that is reserved");
            default:
                return true;
        }
    }

    /// <inheritdoc/>
    public readonly void Called(HelperId helper, ulong argument, ulong result)
    {
        if (helper == HelperId.RingBufferReserve && result != 0)
        {
            _records[result] = (uint)argument;
        }
    }

    /// <inheritdoc/>
    public void EnterCallback(int arguments, byte* key, uint keySize)
    {
        _live = (_live & ~0b11_1110) | (((1 << arguments) - 1) << Register.FirstArgument);
        Enter(key, keySize);
    }

    /// <inheritdoc/>
    public void SkipCallback() => _live = (_live & ~0b11_1110) | 0b1;

    /// <inheritdoc/>
    public void EnterFunction() => Enter(null, 0);

    private void Enter(byte* key, uint keySize)
    {
        _callers.Push(new Caller(_live, key, keySize));
        _live &= ~0b11_1100_0001; // r1 to r5 are the callee's arguments, r10 its frame; r0 and r6 to r9 are not.
        int frame = (Register.MaxCallDepth - 1 - _callers.Count) * Register.StackFrameBytes;
        Array.Clear(_written, frame, Register.StackFrameBytes);
    }

    /// <inheritdoc/>
    public void LeaveFunction() => _live = (_callers.Pop().Live & ~0b11_1111) | (_live & 0b1);

    private BpfMap? FindMap(ulong handle)
    {
        BpfMap? map = Array.Find(_maps, candidate => (ulong)candidate.Handle == handle);
        if (map is null)
        {
            Refuse(ExecutionStatus.InvalidMap, $"r1 = 0x{handle:x} is not a map");
        }

        return map;
    }

    // The key of a callback that is running.
    private readonly bool IsKey(byte* address, uint size)
    {
        foreach (Caller caller in _callers)
        {
            if (Within(address, size, caller.Key, caller.Key + caller.KeySize))
            {
                return true;
            }
        }

        return false;
    }

    private readonly bool IsRecord(byte* address, uint size)
    {
        foreach ((ulong start, uint bytes) in _records)
        {
            if (Within(address, size, (byte*)start, (byte*)start + bytes))
            {
                return true;
            }
        }

        return false;
    }

    private bool CanReadAll(ulong address, ulong size) => size == 0 || (size <= uint.MaxValue && CanRead((byte*)address, (uint)size));

    private bool IsReadableString(ulong address)
    {
        for (byte* end = (byte*)address; CanRead(end, 1); end++)
        {
            if (*end == 0)
            {
                return true;
            }
        }

        return false;
    }

    private static bool Within(byte* address, uint size, byte* start, byte* end) =>
        address >= start && address <= end && (nuint)(end - address) >= size;

    // Inside one frame, the running function's or a caller's.
    private readonly bool TryFindStack(byte* address, uint size, out int first)
    {
        byte* lowest = _stackEnd - (Register.StackFrameBytes * (_callers.Count + 1));
        first = StackBytes - (int)Math.Min(StackBytes, (long)_stackEnd - (long)address);
        return address >= lowest && address < _stackEnd &&
            (first % Register.StackFrameBytes) + size <= Register.StackFrameBytes;
    }

    private readonly bool IsMapValue(byte* address, uint size, bool write)
    {
        foreach (BpfMap map in _maps)
        {
            var header = (MapHeader*)map.Handle;
            if (map.Type is MapType.CountMinSketch or MapType.KeyedBloomFilter)
            {
                // Only the worker's own result is ever handed out.
                byte* result = header->Results + ((nuint)_context->Worker * SketchTable.ResultStride);
                if (Within(address, size, result, result + header->ValueSize))
                {
                    return true;
                }

                continue;
            }

            if (!Within(address, size, header->Entries, header->Entries + ((nuint)header->SlabEntries * header->Stride)))
            {
                continue;
            }

            uint inEntry = (uint)((nuint)(address - header->Entries) % header->Stride);
            uint inValueOrCopy = map.Type is MapType.PerCpuArray or MapType.PerCpuHash
                ? (inEntry - header->ValueOffset) % PerCpu.CopyBytes(header->ValueSize)
                : inEntry - header->ValueOffset;
            bool inValue = inEntry >= header->ValueOffset && inValueOrCopy + (ulong)size <= header->ValueSize;
            return inValue && !(write && (header->Flags & MapCreateFlags.ReadOnlyForPrograms) != 0);
        }

        return false;
    }

    private readonly string Describe(byte* address)
    {
        long fromPacket = address - _context->Packet;
        long fromStack = address - _stackEnd;
        return fromPacket is > -65536 and < 131072 ? $"packet offset {fromPacket} (length {_context->Length})"
            : fromStack is > -65536 and < 65536 ? $"stack offset {fromStack}"
            : $"address 0x{(nuint)address:x}";
    }

    private bool Refuse(ExecutionStatus status, string violation)
    {
        Status = status;
        Violation ??= violation;
        return false;
    }

    // What is live behind a call, and the key that the called function may read, if it is a callback.
    private readonly struct Caller(int live, byte* key, uint keySize)
    {
        public int Live { get; } = live;

        public byte* Key { get; } = key;

        public uint KeySize { get; } = keySize;
    }
}
