using System.Collections.Immutable;

namespace Oko.Bpf.Helpers;

/// <summary>What a helper wants in an argument register.</summary>
public enum HelperArgument
{
    /// <summary>A map, loaded by a wide immediate.</summary>
    Map,

    /// <summary>A pointer to as many readable bytes as the map's key has.</summary>
    MapKey,

    /// <summary>A pointer to as many readable bytes as the map's value has.</summary>
    MapValue,

    /// <summary>Any number.</summary>
    Number,

    /// <summary>A pointer to readable bytes; the next argument is their number.</summary>
    Memory,

    /// <summary>As <see cref="Memory"/>, or 0 when the number of bytes is 0.</summary>
    MemoryOrNull,

    /// <summary>Number of bytes behind the pointer in the argument before.</summary>
    MemorySize,

    /// <summary>A pointer to as many writable bytes as the map's value has; the helper fills them. A bloom filter reads them.</summary>
    MapValueOut,

    /// <summary>A number known when the program is verified, not 0.</summary>
    Constant,

    /// <summary>A record of <see cref="HelperId.RingBufferReserve"/>, compared with 0, not yet given back.</summary>
    RingRecord,

    /// <summary>A pointer to a NUL-terminated string in a read-only map (<c>.rodata</c>).</summary>
    ConstantString,

    /// <summary>A function of the program (<c>BPF_PSEUDO_FUNC</c>).</summary>
    Callback,

    /// <summary>A pointer to the stack, or 0, that the callback is given.</summary>
    CallbackContext,
}

/// <summary>What a helper leaves in r0.</summary>
public enum HelperResult
{
    /// <summary>A number.</summary>
    Number,

    /// <summary>The address of a value of the map in r1, or 0.</summary>
    MapValueOrNull,

    /// <summary>The address of a record of as many bytes as r2 said, or 0.</summary>
    RingRecordOrNull,

    /// <summary>Nothing.</summary>
    None,
}

/// <summary>The contract of one helper in one numbering: what the verifier checks and the engines call. Immutable.</summary>
/// <param name="Number">The number in the call instruction.</param>
/// <param name="Id">Which helper it is.</param>
/// <param name="Name">The name for messages.</param>
/// <param name="Arguments">What r1, r2, ... must hold; the remaining argument registers are not looked at.</param>
/// <param name="Result">What r0 holds afterwards.</param>
public sealed record HelperPrototype(
    int Number, HelperId Id, string Name, ImmutableArray<HelperArgument> Arguments, HelperResult Result);
