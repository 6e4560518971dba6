namespace Oko.Datapath.Tables;

/// <summary>What every match of an entry touches, side by side in half a cache line: counters, and what a worker must know to forward a packet.
/// Written by the worker, <see cref="OnlyOutput"/> and <see cref="HasFilter"/> by the control thread.</summary>
internal struct EntryState
{
    /// <summary>Packets that matched.</summary>
    internal long Packets;

    /// <summary>Their bytes.</summary>
    internal long Bytes;

    /// <summary>When the last one did, on the datapath's clock.</summary>
    internal long LastUsed;

    /// <summary>The port, if all that happens is an output to it, else 0: the worker then need not touch the instructions at all.</summary>
    internal uint OnlyOutput;

    /// <summary>Whether a filter must be asked.</summary>
    internal bool HasFilter;

    /// <summary>Worker: a packet matched.</summary>
    internal void Count(int bytes, long now)
    {
        Packets++;
        Bytes += bytes;
        LastUsed = now;
    }
}
