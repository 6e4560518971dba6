namespace Oko.Datapath.Groups;

/// <summary>
/// A group entry as the worker sees it. Its kind and buckets are replaced with one reference store; counters are written by the
/// worker and read by the control thread. Who makes groups sees to it that no chain of them leads back to its start, neither by
/// actions nor by watch groups: the worker follows them without looking.
/// </summary>
/// <param name="id">Group number.</param>
/// <param name="contents">What it does at first.</param>
public sealed class Group(uint id, GroupContents contents)
{
    private GroupContents _contents = contents;
    private long _packets, _bytes;

    /// <summary>Group number.</summary>
    public uint Id { get; } = id;

    /// <summary>What the group does with packets, from the next one on.</summary>
    public GroupContents Contents
    {
        get => Volatile.Read(ref _contents);
        set => Volatile.Write(ref _contents, value);
    }

    /// <summary>Packets it processed.</summary>
    public ulong PacketCount => (ulong)Volatile.Read(ref _packets);

    /// <summary>Bytes it processed.</summary>
    public ulong ByteCount => (ulong)Volatile.Read(ref _bytes);

    internal void Count(int bytes)
    {
        _packets++;
        _bytes += bytes;
    }
}
