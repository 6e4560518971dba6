using System.Runtime.InteropServices;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>Which bits of a key a match names. Immutable, with value equality; any thread.</summary>
/// <remarks>There are many patterns and few masks, so patterns share these.</remarks>
public sealed class FlowMask : IEquatable<FlowMask>
{
    private const int KnownMasks = 256;

    // The masks used last, each at the place that its hash gives it.
    private static readonly FlowMask?[] Known = new FlowMask?[KnownMasks];

    /// <summary>Names no bit.</summary>
    internal static readonly FlowMask Empty = Of(new ulong[FlowKey.WordCount]);

    private readonly ulong[] _words;
    private readonly int _hash;
    private KeyMask? _form;

    private FlowMask(ReadOnlySpan<ulong> words)
    {
        _words = words.ToArray();
        _hash = HashOf(words);
        IsEmpty = !words.ContainsAnyExcept(0UL);
    }

    /// <summary>The words, laid out as those of a <see cref="FlowKey"/>.</summary>
    public ReadOnlySpan<ulong> Words => _words;

    /// <summary>Whether it names no bit.</summary>
    public bool IsEmpty { get; }

    /// <summary>The mask as lookups use it.</summary>
    /// <remarks>The first one made is everybody's: nodes refer to it by address, and this object alone keeps it.</remarks>
    internal KeyMask Form => Volatile.Read(ref _form) ?? MakeForm();

    /// <summary>The mask of these words.</summary>
    public static FlowMask Of(ReadOnlySpan<ulong> words)
    {
        // Two threads may miss each other's object: equality goes by value.
        ref var place = ref Known[(uint)HashOf(words) % KnownMasks];
        var known = Volatile.Read(ref place);
        if (known is null || !words.SequenceEqual(known._words))
        {
            known = new FlowMask(words);
            Volatile.Write(ref place, known);
        }

        return known;
    }

    /// <summary>Whether each bit of this mask is one of the other.</summary>
    public bool IsContainedIn(FlowMask other)
    {
        for (var word = 0; word < FlowKey.WordCount; word++)
        {
            if ((_words[word] & ~other._words[word]) != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public bool Equals(FlowMask? other) => ReferenceEquals(this, other) || (other is not null && _hash == other._hash && Words.SequenceEqual(other.Words));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as FlowMask);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;

    private KeyMask MakeForm()
    {
        var made = new KeyMask(_words);
        return Interlocked.CompareExchange(ref _form, made, null) ?? made;
    }

    private static int HashOf(ReadOnlySpan<ulong> words)
    {
        var hash = default(HashCode);
        hash.AddBytes(MemoryMarshal.AsBytes(words));
        return hash.ToHashCode();
    }
}
