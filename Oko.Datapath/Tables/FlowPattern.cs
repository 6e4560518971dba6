using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>The header part of a match: a key and a mask. Immutable, with value equality; any thread.</summary>
public sealed class FlowPattern : IEquatable<FlowPattern>
{
    private readonly ulong[] _key;
    private readonly ulong[] _mask;
    private readonly int _hash;
    private FlowPattern? _maskOnly;

    private FlowPattern(ulong[] key, ulong[] mask)
    {
        _key = key;
        _mask = mask;
        var hash = new HashCode();
        for (var word = 0; word < FlowKey.WordCount; word++)
        {
            hash.Add(key[word]);
            hash.Add(mask[word]);
        }

        _hash = hash.ToHashCode();
    }

    /// <summary>Matches every packet.</summary>
    public static FlowPattern CatchAll { get; } = new(new ulong[FlowKey.WordCount], new ulong[FlowKey.WordCount]);

    /// <summary>The words of the key, masked.</summary>
    public ReadOnlySpan<ulong> Key => _key;

    /// <summary>The words of the mask.</summary>
    public ReadOnlySpan<ulong> Mask => _mask;

    /// <summary>Whether no field is named.</summary>
    public bool IsCatchAll => !_mask.AsSpan().ContainsAnyExcept(0UL);

    /// <summary>The pattern's mask with an all-zero key: equal for patterns that name the same bits.</summary>
    internal FlowPattern MaskOnly => _maskOnly ??= new(CatchAll._key, _mask);

    /// <summary>A mask with an all-zero key, as <see cref="MaskOnly"/>.</summary>
    internal static FlowPattern OfMask(ReadOnlySpan<ulong> mask) => new(CatchAll._key, mask.ToArray());

    /// <summary>Builds a pattern; value bits outside the mask are ignored.</summary>
    public static FlowPattern Create(IEnumerable<FieldMatch> fields)
    {
        FlowKey key = default, mask = default;
        foreach (var field in fields)
        {
            key.Set(field.Field, key.Get(field.Field) | (field.Value & field.Mask));
            mask.Set(field.Field, mask.Get(field.Field) | field.Mask);
        }

        return new FlowPattern(((Span<ulong>)key).ToArray(), ((Span<ulong>)mask).ToArray());
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
        other is not null && _hash == other._hash && _key.AsSpan().SequenceEqual(other._key) && _mask.AsSpan().SequenceEqual(other._mask);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as FlowPattern);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;
}
