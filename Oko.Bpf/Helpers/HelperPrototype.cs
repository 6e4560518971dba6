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
}

/// <summary>What a helper leaves in r0.</summary>
public enum HelperResult
{
    /// <summary>A number.</summary>
    Number,

    /// <summary>The address of a value of the map in r1, or 0.</summary>
    MapValueOrNull,
}

/// <summary>The contract of one helper in one numbering: what the verifier checks and the engines call. Immutable.</summary>
/// <param name="Number">The number in the call instruction.</param>
/// <param name="Id">Which helper it is.</param>
/// <param name="Name">The name for messages.</param>
/// <param name="Arguments">What r1, r2, ... must hold; the remaining argument registers are not looked at.</param>
/// <param name="Result">What r0 holds afterwards.</param>
public sealed record HelperPrototype(
    int Number, HelperId Id, string Name, ImmutableArray<HelperArgument> Arguments, HelperResult Result);
