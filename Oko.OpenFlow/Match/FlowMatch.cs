using System.Collections.Immutable;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Match;

/// <summary><c>struct ofp_match</c> of type OFPMT_OXM: the fields in the order of the message. Immutable, with value equality; any thread.
/// Source: OpenFlow 1.3.5, 7.2.3.</summary>
/// <remarks>Kept as the bytes of the message, a fifth of what entries take: each flow-mod brings a match, and what is not allocated is not collected.
/// <c>foreach</c> reads the entries one by one without an array of them.</remarks>
public sealed class FlowMatch : IEquatable<FlowMatch>
{
    private const uint MaskAndLength = 0x1FF;

    private readonly byte[] _fields;

    /// <summary>Makes a match of fields. Whether they go together is checked by who reads it.</summary>
    public FlowMatch(ImmutableArray<OxmEntry> entries)
    {
        var writer = new WireWriter();
        foreach (var entry in entries)
        {
            MatchCodec.WriteEntry(writer, entry);
        }

        _fields = writer.ToArray();
    }

    private FlowMatch(ReadOnlySpan<byte> fields) => _fields = fields.ToArray();

    /// <summary>Matches everything.</summary>
    public static FlowMatch Any { get; } = new(ReadOnlySpan<byte>.Empty);

    /// <summary>Whether there is no field.</summary>
    public bool IsEmpty => _fields.Length == 0;

    /// <summary>The fields as they stand in messages, network byte order, without type, length and padding.</summary>
    public ReadOnlySpan<byte> Fields => _fields;

    /// <summary>The fields, read anew each time.</summary>
    public ImmutableArray<OxmEntry> Entries
    {
        get
        {
            var entries = ImmutableArray.CreateBuilder<OxmEntry>();
            foreach (var entry in this)
            {
                entries.Add(entry);
            }

            return entries.DrainToImmutable();
        }
    }

    /// <summary>Id of the filter that the match names, or null.</summary>
    public uint? FilterId => Find(OxmCatalogue.Filter) is { } entry ? (uint)entry.Value : null;

    /// <summary>The match whose <see cref="Fields"/> these are.</summary>
    public static FlowMatch OfFields(ReadOnlySpan<byte> fields) => fields.IsEmpty ? Any : new FlowMatch(fields);

    /// <summary>Reads the fields one by one.</summary>
    public Enumerator GetEnumerator() => new(_fields);

    /// <summary>The match without the filter field.</summary>
    public FlowMatch WithoutFilter() =>
        FilterId is null ? this : new FlowMatch(Entries.RemoveAll(entry => ReferenceEquals(entry.Field, OxmCatalogue.Filter)));

    /// <summary>The entry of a field, or null.</summary>
    public OxmEntry? Find(OxmField field)
    {
        var rest = new WireReader(_fields);
        while (rest.Remaining > 0)
        {
            var start = rest.Offset;
            var header = rest.U32();
            if ((header | MaskAndLength) == (field.Header | MaskAndLength))
            {
                var found = new WireReader(_fields.AsSpan(start));
                return MatchCodec.ReadEntry(ref found);
            }

            rest.Skip((byte)header);
        }

        return null;
    }

    /// <inheritdoc/>
    public bool Equals(FlowMatch? other) => other is not null && Fields.SequenceEqual(other.Fields);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as FlowMatch);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(_fields);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public override string ToString() => string.Join(',', Entries);

    /// <summary>Reads the fields of a match one by one.</summary>
    public ref struct Enumerator
    {
        private WireReader _rest;

        internal Enumerator(ReadOnlySpan<byte> fields) => _rest = new WireReader(fields, ErrorType.BadMatch, (ushort)BadMatchCode.BadLen);

        /// <summary>The field read last.</summary>
        public OxmEntry Current { get; private set; }

        /// <summary>Reads the next field; false if there is none.</summary>
        public bool MoveNext()
        {
            if (_rest.Remaining == 0)
            {
                return false;
            }

            Current = MatchCodec.ReadEntry(ref _rest);
            return true;
        }
    }
}
