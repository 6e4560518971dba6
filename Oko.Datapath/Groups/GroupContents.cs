using System.Collections.Immutable;

namespace Oko.Datapath.Groups;

/// <summary>Kind and buckets of a group. Immutable.</summary>
public sealed class GroupContents
{
    /// <summary>Makes the contents.</summary>
    /// <exception cref="ArgumentException">An indirect group without exactly one bucket.</exception>
    public GroupContents(GroupKind kind, ImmutableArray<Bucket> buckets)
    {
        if (kind == GroupKind.Indirect && buckets.Length != 1)
        {
            throw new ArgumentException($"an indirect group has one bucket, not {buckets.Length}", nameof(buckets));
        }

        Kind = kind;
        Buckets = buckets;
        TotalWeight = (ulong)buckets.Sum(bucket => (long)bucket.Weight);
    }

    /// <summary>How the buckets are used.</summary>
    public GroupKind Kind { get; }

    /// <summary>The buckets, in the controller's order.</summary>
    public ImmutableArray<Bucket> Buckets { get; }

    /// <summary>Sum of the weights.</summary>
    internal ulong TotalWeight { get; }
}
