namespace Oko.OpenFlow.Match;

/// <summary>One field of a match: value and mask in host order, right-aligned. A null mask means all bits.</summary>
public readonly record struct OxmEntry(OxmField Field, UInt128 Value, UInt128? Mask = null)
{
    /// <summary>The mask with "none" written out.</summary>
    public UInt128 EffectiveMask => Mask ?? Field.AllBits;
}
