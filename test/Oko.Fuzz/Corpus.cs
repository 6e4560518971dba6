using System.Collections.Concurrent;

namespace Oko.Fuzz;

/// <summary>Inputs to mutate: those from the folder, and those that did something new. Any thread.</summary>
internal sealed class Corpus
{
    private const int MostLearned = 4096, MostFeatures = 1 << 20, LargestLearned = 128 << 10;

    private readonly byte[][] _given;
    private readonly byte[]?[] _learned = new byte[]?[MostLearned];
    private readonly ConcurrentDictionary<ulong, byte> _features = new();
    private int _count;

    public Corpus(string folder)
    {
        _given = [.. Directory.EnumerateFiles(folder, "*.o").Order().Select(File.ReadAllBytes)];
        if (_given.Length == 0)
        {
            throw new ArgumentException($"{folder} holds no object (*.o) to begin with");
        }
    }

    /// <summary>How many inputs did something new.</summary>
    public int Learned => Volatile.Read(ref _count);

    /// <summary>How many of the new things there were.</summary>
    public int Features => _features.Count;

    /// <summary>One of the inputs; those of the folder and the learned ones are equally likely.</summary>
    public byte[] Pick(Random random)
    {
        var learned = Math.Min(Learned, MostLearned);
        return (learned > 0 && random.Next(2) == 0 ? _learned[random.Next(learned)] : null) ?? _given[random.Next(_given.Length)];
    }

    /// <summary>Keeps an input if it has a feature that none had before.</summary>
    public void Learn(byte[] input, IEnumerable<ulong> features)
    {
        var isNew = false;
        foreach (var feature in features)
        {
            isNew |= _features.Count < MostFeatures && _features.TryAdd(feature, 0);
        }

        if (isNew && input.Length <= LargestLearned)
        {
            // Once all places are taken, new inputs replace old ones.
            Volatile.Write(ref _learned[(Interlocked.Increment(ref _count) - 1) % MostLearned], input);
        }
    }
}
