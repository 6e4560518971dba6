namespace Oko.Datapath.Workers;

/// <summary>The ports of a worker, found by number. Immutable; replaced as a whole at a batch boundary.</summary>
internal sealed class PortSet
{
    private const int Direct = 1024;

    private readonly PortQueue?[] _low = new PortQueue?[Direct];

    internal PortSet(PortQueue[] all)
    {
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

    internal static PortSet Empty { get; } = new([]);

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
