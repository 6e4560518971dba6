using System.Runtime.InteropServices;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>The header part of a match: a key and a mask. Immutable, with value equality; any thread.</summary>
/// <remarks>There are many patterns and few masks, so patterns share those: one object for each entry, not three, for collections to go through.</remarks>
public sealed class FlowPattern : IEquatable<FlowPattern>
{
    private const int KnownMasks = 256;

    // The mask-only patterns used last, each at the place that its hash gives it.
    private static readonly FlowPattern?[] Known = new FlowPattern?[KnownMasks];

    private readonly FlowKey _key;
    private readonly ulong[] _mask;
    private readonly int _maskHash, _hash;
    private KeyMask? _keyMask;

    private FlowPattern(ulong[] mask)
    {
        _mask = mask;
        _maskHash = HashOf(mask);
        _hash = HashCode.Combine(_maskHash, HashOf(_key));
        MaskOnly = this;
    }

    private FlowPattern(in FlowKey key, FlowPattern maskOnly)
    {
        _key = key;
        _mask = maskOnly._mask;
        _maskHash = maskOnly._maskHash;
        _hash = HashCode.Combine(_maskHash, HashOf(_key));
        MaskOnly = maskOnly;
    }

    /// <summary>Matches every packet.</summary>
    public static FlowPattern CatchAll { get; } = OfMask(new ulong[FlowKey.WordCount]);

    /// <summary>The words of the key, masked.</summary>
    public ReadOnlySpan<ulong> Key => _key;

    /// <summary>The words of the mask.</summary>
    public ReadOnlySpan<ulong> Mask => _mask;

    /// <summary>Whether no field is named.</summary>
    public bool IsCatchAll => !_mask.AsSpan().ContainsAnyExcept(0UL);

    /// <summary>The pattern's mask with an all-zero key: equal for patterns that name the same bits.</summary>
    internal FlowPattern MaskOnly { get; }

    /// <summary>The mask as lookups use it.</summary>
    internal KeyMask KeyMask => MaskOnly._keyMask ??= new KeyMask(_mask);

    /// <summary>A mask with an all-zero key, as <see cref="MaskOnly"/>.</summary>
    internal static FlowPattern OfMask(ReadOnlySpan<ulong> mask)
    {
        // Two threads may miss each other's object: equality goes by value.
        ref var place = ref Known[(uint)HashOf(mask) % KnownMasks];
        var known = Volatile.Read(ref place);
        if (known is null || !mask.SequenceEqual(known._mask))
        {
            known = new FlowPattern(mask.ToArray());
            Volatile.Write(ref place, known);
        }

        return known;
    }

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

        return new FlowPattern(key, OfMask(mask));
    }

    /// <summary>Whether every packet of <paramref name="narrower"/> is also one of this pattern (non-strict selection).</summary>
    public bool Contains(FlowPattern narrower)
    {
        for (var word = 0; word < FlowKey.WordCount; word++)
        {
            if ((_mask[word] & ~narrower._mask[word]) != 0 || ((_key[word] ^ narrower._key[word]) & _mask[word]) != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether one packet can match both.</summary>
    public bool Overlaps(FlowPattern other)
    {
        for (var word = 0; word < FlowKey.WordCount; word++)
        {
            if (((_key[word] ^ other._key[word]) & _mask[word] & other._mask[word]) != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether a packet's key matches.</summary>
    public bool Matches(in FlowKey key)
    {
        for (var word = 0; word < FlowKey.WordCount; word++)
        {
            if (((key[word] ^ _key[word]) & _mask[word]) != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public bool Equals(FlowPattern? other) =>
        other is not null && _hash == other._hash && Key.SequenceEqual(other.Key) && (_mask == other._mask || Mask.SequenceEqual(other._mask));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as FlowPattern);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;

    private static int HashOf(ReadOnlySpan<ulong> words)
    {
        var hash = default(HashCode);
        hash.AddBytes(MemoryMarshal.AsBytes(words));
        return hash.ToHashCode();
    }
}
