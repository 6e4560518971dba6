namespace Oko.Bpf.Isa;

/// <summary>The addressing mode of a load or store, the upper three bits of its opcode.</summary>
/// <remarks>Source: RFC 9669, 5 "Load and store instructions".</remarks>
public enum MemoryMode : byte
{
    /// <summary><c>IMM</c>: the 64-bit immediate load (class LD).</summary>
    Immediate = 0x00,

    /// <summary><c>ABS</c>: legacy packet load at a constant offset.</summary>
    PacketAbsolute = 0x20,

    /// <summary><c>IND</c>: legacy packet load at a register plus a constant.</summary>
    PacketIndirect = 0x40,

    /// <summary><c>MEM</c>: ordinary load or store.</summary>
    Memory = 0x60,

    /// <summary><c>MEMSX</c>: load with sign extension.</summary>
    MemorySignExtended = 0x80,

    /// <summary><c>ATOMIC</c>: atomic read-modify-write (class STX).</summary>
    Atomic = 0xc0,
}

/// <summary>The width of a load or store, bits 3 and 4 of its opcode.</summary>
/// <remarks>Source: RFC 9669, 5. Note the order: W is 0.</remarks>
public enum MemorySize : byte
{
    /// <summary><c>W</c>: 4 bytes.</summary>
    Word = 0x00,

    /// <summary><c>H</c>: 2 bytes.</summary>
    HalfWord = 0x08,

    /// <summary><c>B</c>: 1 byte.</summary>
    Byte = 0x10,

    /// <summary><c>DW</c>: 8 bytes.</summary>
    DoubleWord = 0x18,
}

/// <summary>The immediate of an atomic instruction.</summary>
/// <remarks>Source: RFC 9669, 5.3 "Atomic operations".</remarks>
public static class AtomicOperation
{
    /// <summary><c>ADD</c>.</summary>
    public const int Add = 0x00;

    /// <summary><c>OR</c>.</summary>
    public const int Or = 0x40;

    /// <summary><c>AND</c>.</summary>
    public const int And = 0x50;

    /// <summary><c>XOR</c>.</summary>
    public const int Xor = 0xa0;

    /// <summary><c>FETCH</c>: flag; the old value goes to the source register.</summary>
    public const int Fetch = 0x01;

    /// <summary><c>XCHG</c>: exchange, always with fetch.</summary>
    public const int Exchange = 0xe1;

    /// <summary><c>CMPXCHG</c>: compare with r0, the old value goes to r0.</summary>
    public const int CompareExchange = 0xf1;
}

/// <summary>What the 64-bit immediate load loads, its source register field.</summary>
/// <remarks>Source: RFC 9669, 5.4 "64-bit immediate instructions". Only the kinds that are accepted here.</remarks>
public static class WideImmediateKind
{
    /// <summary>The number itself.</summary>
    public const byte Number = 0;

    /// <summary>A map (<c>BPF_PSEUDO_MAP_FD</c>): the immediate is the map's index in
    /// <see cref="Loading.VerifiedProgram.Maps"/>; resolved to the map's handle when the program is instantiated.</summary>
    public const byte Map = 1;

    /// <summary>The address of the first value of an array map (<c>BPF_PSEUDO_MAP_VALUE</c>): the first immediate is
    /// the map's index, the second slot's immediate an offset in bytes.</summary>
    public const byte MapValue = 2;

    /// <summary>A function of the program (<c>BPF_PSEUDO_FUNC</c>): the immediate is the distance in slots from the slot behind this
    /// one, as in a local call.</summary>
    public const byte Function = 4;
}
