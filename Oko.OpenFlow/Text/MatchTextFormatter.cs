using Oko.OpenFlow.Match;

namespace Oko.OpenFlow.Text;

/// <summary>Matches as <c>ovs-ofctl dump-flows</c> prints them: protocol word first, then fields in its order, ours last. Stateless.</summary>
internal static class MatchTextFormatter
{
    private const uint VlanPresent = 0x1000;
    private const uint VlanIdMask = 0x0FFF;

    /// <summary>Numbers of the standard fields in the order of printing; VLAN id and priority, EtherType and protocol are printed with care.</summary>
    private static readonly byte[] Order =
    [
        38, 2, 0, 1, 6, 4, 3, 5, 11, 12, 26, 27, 28, 22, 23, 21, 10, 24, 25, 8, 9, 34, 35, 36, 37, 39,
        13, 14, 15, 16, 17, 18, 19, 20, 29, 30, 31, 32, 33,
    ];

    /// <summary>The parts of a match; none when it matches everything.</summary>
    public static IEnumerable<string> Parts(FlowMatch match)
    {
        var ethType = (ushort?)match.Find(OxmCatalogue.EthType)?.Value;
        var ipProto = (byte?)match.Find(OxmCatalogue.IpProto)?.Value;
        var word = ethType is { } type ? FieldNames.Word(type, ipProto) : null;
        if (word is not null)
        {
            yield return word.Name;
        }

        foreach (var number in Order)
        {
            var field = OxmCatalogue.Basics[number];
            if (field == OxmCatalogue.VlanVid)
            {
                foreach (var part in Vlan(match.Find(field), match.Find(OxmCatalogue.VlanPcp)))
                {
                    yield return part;
                }

                continue;
            }

            var said = (field == OxmCatalogue.EthType && word is not null) || (field == OxmCatalogue.IpProto && word?.IpProto is not null);
            if (!said && match.Find(field) is { } entry)
            {
                yield return entry.Field == OxmCatalogue.IpDscp
                    ? $"nw_tos={(uint)entry.Value << 2}"
                    : $"{FieldNames.InMatch(field)}={FieldText.FormatMasked(entry)}";
            }
        }

        if (match.FilterId is { } filter)
        {
            yield return $"filter={filter}";
        }
    }

    /// <summary>Identifier and priority by name where they are whole and the tag is there, else as tag control word.</summary>
    private static IEnumerable<string> Vlan(OxmEntry? id, OxmEntry? priority)
    {
        if (id is not { } entry)
        {
            yield break;
        }

        var mask = (uint)entry.EffectiveMask;
        var value = (uint)entry.Value;
        var idMask = mask & VlanIdMask;
        if ((mask & value & VlanPresent) != 0 && idMask is 0 or VlanIdMask && (idMask != 0 || priority is not null))
        {
            if (idMask != 0)
            {
                yield return $"dl_vlan={value & VlanIdMask}";
            }

            if (priority is { } pcp)
            {
                yield return $"dl_vlan_pcp={(uint)pcp.Value}";
            }

            yield break;
        }

        if (priority is { } bits)
        {
            mask |= 0xE000;
            value |= (uint)bits.Value << 13;
        }

        yield return $"vlan_tci=0x{value:x4}/0x{mask:x4}";
    }
}
