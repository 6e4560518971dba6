using Oko.Datapath.Benchmark;

namespace Oko.Agent.Benchmark;

/// <summary>IPv4 prefixes as they lie in rule sets: in a few networks, some of them far more than others, one within another. One
/// thread.</summary>
internal sealed class AddressPool
{
    private const int NetworkBits = 16, SubnetBits = 8;

    private readonly uint[] _networks;

    /// <summary>Chooses the networks.</summary>
    /// <param name="rules">Size of the rule set; more rules lie in more networks.</param>
    /// <param name="random">The source of randomness.</param>
    public AddressPool(int rules, ref RandomSequence random)
    {
        _networks = new uint[16 + (int)Math.Sqrt(rules)];
        for (var index = 0; index < _networks.Length; index++)
        {
            // Unicast addresses: 1.0.0.0 to 223.255.255.255.
            _networks[index] = (uint)(1 + random.Below(223)) << 24 | (uint)random.Below(256) << 16;
        }
    }

    /// <summary>A prefix of a length; bits behind it are 0.</summary>
    public uint Take(int length, ref RandomSequence random)
    {
        var network = _networks[Skewed(_networks.Length, ref random)];
        var subnet = (uint)Skewed(1 << SubnetBits, ref random) << (32 - NetworkBits - SubnetBits);
        var address = network | subnet | (uint)random.Below(1 << (32 - NetworkBits - SubnetBits));
        return address & Mask(length);
    }

    /// <summary>The mask of a prefix length, 0 to 32.</summary>
    public static uint Mask(int length) => length == 0 ? 0 : uint.MaxValue << (32 - length);

    private static int Skewed(int bound, ref RandomSequence random)
    {
        var fraction = random.Fraction();
        return (int)(bound * fraction * fraction);
    }
}
