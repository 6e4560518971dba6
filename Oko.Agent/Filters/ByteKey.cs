namespace Oko.Agent.Filters;

/// <summary>A key of a map, compared by its bytes, which nobody changes. Immutable.</summary>
internal readonly struct ByteKey(byte[] bytes) : IEquatable<ByteKey>
{
    /// <summary>The key as the program sees it.</summary>
    public byte[] Bytes { get; } = bytes;

    /// <inheritdoc/>
    public bool Equals(ByteKey other) => Bytes.AsSpan().SequenceEqual(other.Bytes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ByteKey other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }
}
