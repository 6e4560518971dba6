using System.Collections.Immutable;

namespace Oko.OpenFlow.Match;

/// <summary><c>struct ofp_match</c> of type OFPMT_OXM: the fields in the order of the message. Source: OpenFlow 1.3.5, 7.2.3.</summary>
public sealed record FlowMatch(ImmutableArray<OxmEntry> Entries)
{
    /// <summary>Matches everything.</summary>
    public static FlowMatch Any { get; } = new(ImmutableArray<OxmEntry>.Empty);

    /// <summary>Id of the filter that the match names, or null.</summary>
    public uint? FilterId
    {
        get
        {
            foreach (var entry in Entries)
            {
                if (ReferenceEquals(entry.Field, OxmCatalogue.Filter))
                {
                    return (uint)entry.Value;
                }
            }

            return null;
        }
    }

    /// <summary>The match without the filter field.</summary>
    public FlowMatch WithoutFilter() =>
        FilterId is null ? this : new FlowMatch(Entries.RemoveAll(entry => ReferenceEquals(entry.Field, OxmCatalogue.Filter)));

    /// <summary>The entry of a field, or null.</summary>
    public OxmEntry? Find(OxmField field)
    {
        foreach (var entry in Entries)
        {
            if (ReferenceEquals(entry.Field, field))
            {
                return entry;
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public bool Equals(FlowMatch? other) => other is not null && Entries.SequenceEqual(other.Entries);

    /// <inheritdoc/>
    public override int GetHashCode() => Entries.Aggregate(0, HashCode.Combine);
}
