using Oko.Bpf.Loading;

namespace Oko.Agent.Filters;

/// <summary>An entry of a map that is not as it was when it was looked at before. Immutable.</summary>
/// <param name="Map">The map's definition.</param>
/// <param name="Key">The key.</param>
/// <param name="Value">The value now; null: the entry is gone.</param>
/// <param name="OldValue">The value before; null: the entry is new.</param>
public sealed record MapChange(MapSpec Map, byte[] Key, byte[]? Value, byte[]? OldValue)
{
    /// <summary><c>added</c>, <c>changed</c> or <c>deleted</c>.</summary>
    public string Kind => OldValue is null ? "added" : Value is null ? "deleted" : "changed";
}
