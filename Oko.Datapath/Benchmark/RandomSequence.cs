namespace Oko.Datapath.Benchmark;

/// <summary>Random numbers that depend on the seed alone, today and with every later runtime (<see cref="Random"/> promises
/// less), so that a benchmark can be repeated. One thread.</summary>
/// <remarks>Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014 (SplitMix64).</remarks>
/// <param name="seed">Any number.</param>
public struct RandomSequence(ulong seed)
{
    private ulong _state = seed;

    /// <summary>The next 64 bits.</summary>
    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var bits = _state;
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
        return bits ^ (bits >> 31);
    }

    /// <summary>The next number from 0 to <paramref name="bound"/> - 1.</summary>
    public int Below(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>The next number from 0 to 1, without 1.</summary>
    public double Fraction() => (Next() >> 11) * (1.0 / (1UL << 53));
}
