using Oko.Datapath.Packet;

namespace Oko.Datapath.Groups;

/// <summary>The hash by which select groups share packets out: one flow, one bucket.</summary>
/// <remarks>Over Ethernet, IP and ARP addresses, IP protocol and transport ports; nothing else, so that a flow keeps its bucket
/// whatever its TTL, DSCP or VLAN. The number of the group is mixed in: of groups behind one another each decides anew.</remarks>
internal static class SelectHash
{
    private const ulong Multiplier = 0x9E3779B97F4A7C15, Protocol = 0xFFUL << 56;

    internal static ulong Of(in FlowKey key, uint group)
    {
        var hash = Mix(group + 1, key[4]);
        hash = Mix(hash, key[5]);
        hash = Mix(hash, key[8]);
        hash = Mix(hash, key[1]);
        hash = Mix(hash, key[9]);
        hash = Mix(hash, key[2]);
        return Mix(hash, key[3] & Protocol);
    }

    /// <summary>A second, independent value, for flows whose first choice is not live.</summary>
    internal static ulong Again(ulong hash) => Mix(hash, Multiplier);

    // One step of a multiply-and-fold hash: the high half of the product depends on all bits of both words.
    private static ulong Mix(ulong hash, ulong word)
    {
        var high = Math.BigMul(hash ^ word ^ 0xD6E8FEB86659FD93, Multiplier, out var low);
        return high ^ low;
    }
}
