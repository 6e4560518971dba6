using Oko.Datapath.Workers;

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
    private readonly WorkerCounters _counters = new();

    /// <summary>Group number.</summary>
    public uint Id { get; } = id;

    /// <summary>What the group does with packets, from the next one on.</summary>
    public GroupContents Contents
    {
        get => Volatile.Read(ref _contents);
        set => Volatile.Write(ref _contents, value);
    }

    /// <summary>Packets it processed.</summary>
    public ulong PacketCount => _counters.Packets;

    /// <summary>Bytes it processed.</summary>
    public ulong ByteCount => _counters.Bytes;

    internal void Count(int worker, int bytes) => _counters.Count(worker, bytes);
}
