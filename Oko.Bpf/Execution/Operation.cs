namespace Oko.Bpf.Execution;

/// <summary>What the interpreter does, after all variants of an opcode have been told apart.</summary>
internal enum OperationKind : byte
{
    Invalid,
    Exit,
    Jump,
    CallLocal,
    CallRegister,
    MapLookup,
    MapUpdate,
    MapUpdateAny,
    MapDelete,
    KtimeGetNs,
    Worker,
    Helper,
    Loop,
    ForEach,

    Add64, Sub64, Mul64, Div64, SDiv64, Mod64, SMod64, Or64, And64, Xor64, Lsh64, Rsh64, Arsh64, Neg64, Mov64,
    Add32, Sub32, Mul32, Div32, SDiv32, Mod32, SMod32, Or32, And32, Xor32, Lsh32, Rsh32, Arsh32, Neg32, Mov32,
    SignExtend8To64, SignExtend16To64, SignExtend32To64, SignExtend8To32, SignExtend16To32,
    ZeroExtend16, ZeroExtend32, Nothing, Swap16, Swap32, Swap64,

    Equal64, NotEqual64, Greater64, GreaterOrEqual64, Less64, LessOrEqual64, BitsSet64,
    SignedGreater64, SignedGreaterOrEqual64, SignedLess64, SignedLessOrEqual64,
    Equal32, NotEqual32, Greater32, GreaterOrEqual32, Less32, LessOrEqual32, BitsSet32,
    SignedGreater32, SignedGreaterOrEqual32, SignedLess32, SignedLessOrEqual32,

    Load8, Load16, Load32, Load64, LoadSigned8, LoadSigned16, LoadSigned32,
    Store8, Store16, Store32, Store64,
    Atomic32, Atomic64,
    PacketLoad8, PacketLoad16, PacketLoad32,
}

/// <summary>One predecoded instruction of the interpreter.</summary>
internal struct Operation
{
    /// <summary>Number of the pseudo register that holds the immediate, so that K and X forms are one case.</summary>
    public const byte ImmediateRegister = 11;

    /// <summary>What to do.</summary>
    public OperationKind Kind;

    /// <summary>Destination register.</summary>
    public byte Dst;

    /// <summary>Source register, or <see cref="ImmediateRegister"/>.</summary>
    public byte Src;

    /// <summary>Slots of the instruction.</summary>
    public byte Slots;

    /// <summary>Bytes for memory, the target slot for jumps and calls, the operation for atomics is in
    /// <see cref="Variant"/>.</summary>
    public int Offset;

    /// <summary>The immediate, sign-extended; a wide immediate whole, maps resolved to addresses.</summary>
    public long Immediate;

    /// <summary>Bit per register that must hold something before this runs (checked mode).</summary>
    public ushort Reads;

    /// <summary>Bit per register that holds something afterwards (checked mode).</summary>
    public ushort Writes;

    /// <summary>Bit per register that holds nothing defined afterwards (checked mode).</summary>
    public ushort Destroys;

    /// <summary>For atomics, the operation (<see cref="Isa.AtomicOperation"/>).</summary>
    public ushort Variant;

    /// <summary>For calls, the helper.</summary>
    public Helpers.HelperId Helper;
}
