using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>The masks of a table that differ in nothing but the length of an IPv4 prefix. The control thread's.</summary>
/// <param name="name">What they have in common.</param>
internal sealed class PrefixFamily(PrefixFamily.Name name)
{
    private const int LowHalf = 32;

    /// <summary>What they have in common, by which the family is found.</summary>
    internal Name Common => name;

    /// <summary>Masks in use.</summary>
    internal int MaskCount { get; set; }

    /// <summary>Entries with these masks.</summary>
    internal int EntryCount { get; set; }

    /// <summary>From so many entries on it is to be asked whether they would be found better in a trie.</summary>
    internal int AsksFrom { get; set; }

    /// <summary>Where those of them stand that fit, or null.</summary>
    internal PrefixTrie? Trie { get; set; }

    /// <summary>The family of a mask, by the destination address if that is a prefix, else by the source address; null if neither is.</summary>
    internal static Name? NameOf(FlowMask mask) => NameOf(mask, FlowField.Ipv4Dst) ?? NameOf(mask, FlowField.Ipv4Src);

    private static Name? NameOf(FlowMask mask, FlowField field)
    {
        var word = FieldPlace.Of(field).Word;
        if (PrefixTrie.LengthOf(mask, word) is < PrefixTrie.Shortest or > PrefixTrie.Longest)
        {
            return null;
        }

        Span<ulong> others = stackalloc ulong[FlowKey.WordCount];
        mask.Words.CopyTo(others);
        others[word] = others[word] >> LowHalf << LowHalf;
        return new Name(FlowMask.Of(others), word);
    }

    /// <summary>What masks of a family have in common.</summary>
    /// <param name="Others">All but the prefix.</param>
    /// <param name="Word">Where the address stands in a key.</param>
    internal readonly record struct Name(FlowMask Others, byte Word);
}
