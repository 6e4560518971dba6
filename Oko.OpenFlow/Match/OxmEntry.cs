namespace Oko.OpenFlow.Match;

/// <summary>One field of a match: value and mask in host order, right-aligned. A null mask means all bits.</summary>
/// <remarks>Every entry of the switch keeps those of its match, so the mask is stored without the sixteen bytes that a nullable one would take more.</remarks>
public readonly record struct OxmEntry
{
    private readonly bool _hasMask;
    private readonly UInt128 _mask;

    /// <summary>Makes a field.</summary>
    public OxmEntry(OxmField field, UInt128 value, UInt128? mask = null)
    {
        Field = field;
        Value = value;
        _hasMask = mask is not null;
        _mask = mask ?? UInt128.Zero;
    }

    /// <summary>Which field.</summary>
    public OxmField Field { get; init; }

    /// <summary>The value.</summary>
    public UInt128 Value { get; init; }

    /// <summary>Which bits of the value count; null: all.</summary>
    public UInt128? Mask => _hasMask ? _mask : null;

    /// <summary>The mask with "none" written out.</summary>
    public UInt128 EffectiveMask => _hasMask ? _mask : Field.AllBits;
}
