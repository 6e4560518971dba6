using System.Numerics;

namespace Oko.Datapath.Workers;

/// <summary>How often something stood still, by how long. One thread notes, any reads; noting allocates nothing.</summary>
public sealed class PauseCounts
{
    /// <summary>Shorter ones are not noted: a round over full batches takes about as long.</summary>
    public const long ShortestNanoseconds = 250_000;

    /// <summary>Number of classes of length.</summary>
    public const int ClassCount = 14;

    private readonly long[] _counts = new long[ClassCount];
    private long _longest;

    /// <summary>The longest pause, in nanoseconds.</summary>
    public long LongestNanoseconds => Volatile.Read(ref _longest);

    /// <summary>How many pauses there were of a class: 0 is from 250 microseconds on, 1 from 500, each next from the double on.</summary>
    public long this[int pauseClass] => Volatile.Read(ref _counts[pauseClass]);

    /// <summary>Notes a pause if it is long enough.</summary>
    public void Note(long nanoseconds)
    {
        if (nanoseconds >= ShortestNanoseconds)
        {
            _counts[Math.Min(BitOperations.Log2((ulong)(nanoseconds / ShortestNanoseconds)), ClassCount - 1)]++;
            _longest = Math.Max(_longest, nanoseconds);
        }
    }
}
