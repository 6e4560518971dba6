namespace Oko.Datapath.Pipeline;

/// <summary>
/// Where Ethernet addresses were seen last, per VLAN: what the output NORMAL forwards by. Bounded; an address that finds no room
/// replaces the one seen longest ago among the few places it may take. Shared by the workers; takes no lock, allocates nothing.
/// </summary>
/// <remarks>A place is two words that cannot be written at once: what is known, and the key XOR that. Whoever finds halves of two writers in it
/// finds a key that is nobody's (Hyatt and Mann, "A lock-less transposition table", 2002).</remarks>
internal sealed class LearningTable
{
    private const int Sets = 2048;
    private const int Ways = 4;
    private const long LifetimeSeconds = 300, Second = 1_000_000_000;

    private readonly Place[] _places = new Place[Sets * Ways];
    private readonly ulong _seed = (ulong)Random.Shared.NextInt64();

    /// <summary>Notes that an address was seen at a port.</summary>
    internal void Learn(ulong address, uint vlan, uint port, long now)
    {
        var key = KeyOf(address, vlan);
        var known = ((ulong)port << 32) | SecondOf(now);
        var set = SetOf(key);
        var oldest = set;
        for (var way = set; way < set + Ways; way++)
        {
            if (_places[way].KnownOf(key) is var present and not 0)
            {
                if (present != known)
                {
                    _places[way].Write(key, known);
                }

                return;
            }

            if (_places[way].Seen < _places[oldest].Seen)
            {
                oldest = way;
            }
        }

        _places[oldest].Write(key, known);
    }

    /// <summary>Where the address was seen in the last 300 s, or 0.</summary>
    internal uint Find(ulong address, uint vlan, long now)
    {
        var key = KeyOf(address, vlan);
        var set = SetOf(key);
        for (var way = set; way < set + Ways; way++)
        {
            if (_places[way].KnownOf(key) is var known and not 0)
            {
                return SecondOf(now) - (long)(uint)known < LifetimeSeconds ? (uint)(known >> 32) : 0;
            }
        }

        return 0;
    }

    /// <summary>Forgets what was learned at a port that is gone.</summary>
    internal void Forget(uint port)
    {
        foreach (ref var place in _places.AsSpan())
        {
            if (place.Port == port)
            {
                place.Write(0, 0);
            }
        }
    }

    private static ulong KeyOf(ulong address, uint vlan) => (address << 16) | vlan;

    // Counted from 1: what is known is never 0.
    private static uint SecondOf(long now) => (uint)(now / Second) + 1;

    private int SetOf(ulong key) => (int)(Math.BigMul(key ^ _seed, 0x9E3779B97F4A7C15, out _) & (Sets - 1)) * Ways;

    /// <summary>Known: port and second.</summary>
    private struct Place
    {
        private ulong _known, _check;

        internal readonly uint Port => (uint)(Volatile.Read(in _known) >> 32);

        internal readonly uint Seen => (uint)Volatile.Read(in _known);

        /// <summary>What is known of the key, or 0 if this is not its place.</summary>
        internal readonly ulong KnownOf(ulong key)
        {
            var known = Volatile.Read(in _known);
            return (Volatile.Read(in _check) ^ known) == key ? known : 0;
        }

        internal void Write(ulong key, ulong known)
        {
            Volatile.Write(ref _known, known);
            Volatile.Write(ref _check, key ^ known);
        }
    }
}
