using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Oko.Agent.Rules;

/// <summary>The <see cref="Oko.OpenFlow.Match.FlowMatch.Fields"/> of a match. Immutable.</summary>
/// <remarks>Each rule keeps those of its match. What most matches need (port, addresses, protocol and ports of an IPv4 flow have 47 bytes) stands in the
/// rule itself: so a rule is one object for collections to go through.</remarks>
internal readonly struct MatchBytes
{
    private const int RoomBytes = 55;

    private readonly byte[]? _many;
    private readonly Room _few;
    private readonly byte _count;

    /// <summary>Copies the bytes.</summary>
    public MatchBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > RoomBytes)
        {
            _many = bytes.ToArray();
            return;
        }

        bytes.CopyTo(_few);
        _count = (byte)bytes.Length;
    }

    /// <summary>The bytes.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> Span => _many ?? ((ReadOnlySpan<byte>)_few)[.._count];

    [InlineArray(RoomBytes)]
    private struct Room
    {
        private byte _first;
    }
}
