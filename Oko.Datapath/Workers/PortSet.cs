using Oko.Datapath.AfXdp;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Workers;

/// <summary>The ports as a worker sees them, found by number. Immutable; replaced as a whole at a batch boundary.</summary>
internal sealed class PortSet
{
    private const int Direct = 1024;

    private readonly PortQueue?[] _low = new PortQueue?[Direct];

    /// <param name="all">Queue 0 of each port.</param>
    /// <param name="umem">Memory of the worker.</param>
    internal PortSet(PortQueue[] all, Umem umem)
    {
        Lanes = [.. all.SelectMany(queue => queue.Port.Lanes).Where(lane => lane.Umem == umem)];
        All = all;
        Queues = [.. all.SelectMany(queue => queue.All.ToArray())];
        foreach (var queue in all)
        {
            if (queue.Port.Number < Direct)
            {
                _low[queue.Port.Number] = queue;
            }
        }
    }

    /// <summary>The worker's own lanes.</summary>
    internal PortLane[] Lanes { get; }

    /// <summary>Queue 0 of each port.</summary>
    internal PortQueue[] All { get; }

    /// <summary>All queues of all ports.</summary>
    internal PortQueue[] Queues { get; }

    /// <summary>Queue 0 of a port, or null.</summary>
    internal PortQueue? Find(uint number)
    {
        if (number < Direct)
        {
            return _low[number];
        }

        foreach (var queue in All)
        {
            if (queue.Port.Number == number)
            {
                return queue;
            }
        }

        return null;
    }
}
