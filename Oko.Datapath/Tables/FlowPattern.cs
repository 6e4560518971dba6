using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>The header part of a match: a key and a mask. Immutable, with value equality; any thread.</summary>
/// <remarks>Each entry holds one, and each flow-mod asks with one: as a value it gives collections nothing to go through.</remarks>
public readonly struct FlowPattern : IEquatable<FlowPattern>
{
    private readonly FlowKey _key;
    private readonly FlowMask? _mask;
    private readonly int _hash;

    private FlowPattern(in FlowKey key, FlowMask mask)
    {
        if (mask.IsEmpty)
        {
            return;
        }

        _key = key;
        _mask = mask;
        var hash = default(HashCode);
        hash.Add(mask.GetHashCode());
        hash.AddBytes(MemoryMarshal.AsBytes(Key));
        _hash = hash.ToHashCode();
    }

    /// <summary>Matches every packet; the default value.</summary>
    public static FlowPattern CatchAll => default;

    /// <summary>The words of the key, masked.</summary>
    [UnscopedRef]
    public ReadOnlySpan<ulong> Key => _key;

    /// <summary>The bits that count.</summary>
    public FlowMask Mask => _mask ?? FlowMask.Empty;

    /// <summary>Whether no field is named.</summary>
    public bool IsCatchAll => _mask is null;

    /// <summary>Builds a pattern; value bits outside the mask are ignored.</summary>
    public static FlowPattern Create(IEnumerable<FieldMatch> fields)
    {
        FlowKey key = default, mask = default;
        foreach (var field in fields)
        {
            key.Set(field.Field, key.Get(field.Field) | (field.Value & field.Mask));
            mask.Set(field.Field, mask.Get(field.Field) | field.Mask);
        }

        return Create(key, mask);
    }

    /// <summary>Builds a pattern; bits of the key outside the mask are ignored.</summary>
    public static FlowPattern Create(FlowKey key, FlowKey mask)
    {
        for (var word = 0; word < FlowKey.WordCount; word++)
        {
            key[word] &= mask[word];
        }

        return new FlowPattern(key, FlowMask.Of(mask));
    }

    /// <summary>What the pattern says of some bits, all of which it names.</summary>
    public FlowPattern Only(FlowMask bits)
    {
        FlowKey key = default;
        for (var word = 0; word < FlowKey.WordCount; word++)
        {
            key[word] = _key[word] & bits.Words[word];
        }

        return new FlowPattern(key, bits);
    }

    /// <summary>The bits that the pattern gives a field, and which of them count; both 0 if it says nothing of it. Fields that share a place
    /// (<see cref="FlowKey"/>) are told apart by their prerequisites only.</summary>
    public (UInt128 Value, UInt128 Mask) Get(FlowField field)
    {
        var place = FieldPlace.Of(field);
        return (place.Read(Key), place.Read(Mask.Words));
    }

    /// <summary>Whether every packet of <paramref name="narrower"/> is also one of this pattern (non-strict selection).</summary>
    public bool Contains(in FlowPattern narrower)
    {
        var mask = Mask.Words;
        for (var word = 0; word < FlowKey.WordCount; word++)
        {
            if (((_key[word] ^ narrower._key[word]) & mask[word]) != 0)
            {
                return false;
            }
        }

        return Mask.IsContainedIn(narrower.Mask);
    }

    /// <summary>Whether one packet can match both.</summary>
    public bool Overlaps(in FlowPattern other)
    {
        var mask = Mask.Words;
        var its = other.Mask.Words;
        for (var word = 0; word < FlowKey.WordCount; word++)
        {
            if (((_key[word] ^ other._key[word]) & mask[word] & its[word]) != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether a packet's key matches.</summary>
    public bool Matches(in FlowKey key)
    {
        var mask = Mask.Words;
        for (var word = 0; word < FlowKey.WordCount; word++)
        {
            if (((key[word] ^ _key[word]) & mask[word]) != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether key and mask are the same.</summary>
    public bool Equals(in FlowPattern other) => _hash == other._hash && Key.SequenceEqual(other.Key) && Mask.Equals(other.Mask);

    /// <inheritdoc/>
    bool IEquatable<FlowPattern>.Equals(FlowPattern other) => Equals(other);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is FlowPattern other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;
}
