using System.Collections.Immutable;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Groups;

/// <summary>A bucket of a group as the worker sees it. Immutable but for its counters, which the worker writes.</summary>
public sealed class Bucket
{
    private readonly ImmutableArray<DatapathAction> _actions = [];
    private readonly WorkerCounters _counters = new();

    /// <summary>Share of a select group's packets.</summary>
    public ushort Weight { get; init; }

    /// <summary>Port that must be up for the bucket to be live; 0 = none.</summary>
    public uint WatchPort { get; init; }

    /// <summary>Group that must be live for the bucket to be live; null = none. With a port too, one of them is enough.</summary>
    public Group? WatchGroup { get; init; }

    /// <summary>What is done with the packet; executed in the order of action sets, whatever the order here.</summary>
    public ImmutableArray<DatapathAction> Actions
    {
        get => _actions;
        init
        {
            _actions = ActionOrder.Arrange(value);
            KeepsPacket = _actions.All(action => action.Kind is ActionKind.Output or ActionKind.Group or ActionKind.SetQueue);
        }
    }

    /// <summary>Packets it processed.</summary>
    public ulong PacketCount => _counters.Packets;

    /// <summary>Bytes it processed.</summary>
    public ulong ByteCount => _counters.Bytes;

    /// <summary>Whether it leaves the packet's bytes as they are, so that no copy need be made for it.</summary>
    internal bool KeepsPacket { get; private init; } = true;

    internal void Count(int worker, int bytes) => _counters.Count(worker, bytes);
}
