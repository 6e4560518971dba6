namespace Oko.Datapath.Groups;

/// <summary>How a group uses its buckets. Source: OpenFlow 1.3.5, 5.6.1 "Group Types".</summary>
public enum GroupKind : byte
{
    /// <summary>Every bucket gets a copy.</summary>
    All,

    /// <summary>One bucket, chosen by a weighted hash of the packet's addresses and ports.</summary>
    Select,

    /// <summary>The one bucket.</summary>
    Indirect,

    /// <summary>The first live bucket.</summary>
    FastFailover,
}
