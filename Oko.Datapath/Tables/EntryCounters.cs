namespace Oko.Datapath.Tables;

/// <summary>What a worker counts of an entry.</summary>
internal struct EntryCounters
{
    /// <summary>Packets that matched.</summary>
    internal long Packets;

    /// <summary>Their bytes.</summary>
    internal long Bytes;

    /// <summary>When the last one did, on the datapath's clock.</summary>
    internal long LastUsed;

    /// <summary>Worker: a packet matched.</summary>
    internal void Count(int bytes, long now)
    {
        Packets++;
        Bytes += bytes;
        LastUsed = now;
    }
}
