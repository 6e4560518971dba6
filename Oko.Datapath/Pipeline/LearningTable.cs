namespace Oko.Datapath.Pipeline;

/// <summary>
/// Where Ethernet addresses were seen last, per VLAN: what the output NORMAL forwards by. Bounded; an address that finds no room
/// replaces the one seen longest ago among the few places it may take. Worker thread; allocates nothing.
/// </summary>
internal sealed class LearningTable
{
    private const int Sets = 2048;
    private const int Ways = 4;
    private const long LifetimeNanoseconds = 300L * 1_000_000_000;

    private readonly ulong[] _keys = new ulong[Sets * Ways];
    private readonly uint[] _ports = new uint[Sets * Ways];
    private readonly long[] _seen = new long[Sets * Ways];
    private readonly ulong _seed = (ulong)Random.Shared.NextInt64();

    /// <summary>Notes that an address was seen at a port.</summary>
    internal void Learn(ulong address, uint vlan, uint port, long now)
    {
        var key = KeyOf(address, vlan);
        var set = SetOf(key);
        var oldest = set;
        for (var way = set; way < set + Ways; way++)
        {
            if (_keys[way] == key)
            {
                oldest = way;
                break;
            }

            if (_seen[way] < _seen[oldest])
            {
                oldest = way;
            }
        }

        _keys[oldest] = key;
        _ports[oldest] = port;
        _seen[oldest] = now;
    }

    /// <summary>Where the address was seen in the last 300 s, or 0.</summary>
    internal uint Find(ulong address, uint vlan, long now)
    {
        var key = KeyOf(address, vlan);
        var set = SetOf(key);
        for (var way = set; way < set + Ways; way++)
        {
            if (_keys[way] == key && now - _seen[way] < LifetimeNanoseconds)
            {
                return _ports[way];
            }
        }

        return 0;
    }

    /// <summary>Forgets what was learned at a port that is gone.</summary>
    internal void Forget(uint port)
    {
        for (var way = 0; way < _ports.Length; way++)
        {
            if (_ports[way] == port)
            {
                _keys[way] = 0;
                _seen[way] = 0;
            }
        }
    }

    private static ulong KeyOf(ulong address, uint vlan) => (address << 16) | vlan;

    private int SetOf(ulong key) => (int)(Math.BigMul(key ^ _seed, 0x9E3779B97F4A7C15, out _) & (Sets - 1)) * Ways;
}
