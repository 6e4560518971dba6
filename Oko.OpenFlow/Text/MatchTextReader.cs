using Oko.OpenFlow.Match;

namespace Oko.OpenFlow.Text;

/// <summary>
/// Gathers the match fields of one flow and makes the match of them at the end, when the protocol is known that names such as
/// <c>tp_dst</c> depend on. The order of the parts does not matter. For one flow, one thread.
/// </summary>
internal sealed class MatchTextReader
{
    private const uint VlanPresent = 0x1000;
    private const uint VlanIdMask = 0x1FFF;

    private readonly Dictionary<OxmField, OxmEntry> _entries = [];
    private readonly List<TextToken> _generic = [];

    /// <summary>EtherType that the match asks for, or null; complete after <see cref="Build"/>.</summary>
    public ushort? EthType => _entries.TryGetValue(OxmCatalogue.EthType, out var entry) ? (ushort)entry.Value : null;

    /// <summary>IP protocol that the match asks for, or null; complete after <see cref="Build"/>.</summary>
    public byte? IpProto => _entries.TryGetValue(OxmCatalogue.IpProto, out var entry) ? (byte)entry.Value : null;

    /// <summary>Whether every packet that matches has a VLAN tag; complete after <see cref="Build"/>.</summary>
    public bool HasVlanTag => _entries.TryGetValue(OxmCatalogue.VlanVid, out var entry) && (entry.Value & VlanPresent) != 0;

    /// <summary>Takes one part of a flow; false when it is no match field.</summary>
    /// <exception cref="FormatException">A wrong value, or another value than an earlier part gave.</exception>
    public bool TryAdd(TextToken token)
    {
        if (token.Value is null && FieldNames.Word(token.Key) is { } word)
        {
            Put(token.Key, new OxmEntry(OxmCatalogue.EthType, word.EthType));
            if (word.IpProto is { } protocol)
            {
                Put(token.Key, new OxmEntry(OxmCatalogue.IpProto, protocol));
            }

            return true;
        }

        if (FieldNames.IsGeneric(token.Key))
        {
            _generic.Add(token);
            return true;
        }

        switch (token.Key)
        {
            case "dl_vlan":
                AddVlan(token.RequireValue("dl_vlan=10"));
                return true;
            case "vlan_tci" or "vlan_tci1":
                AddVlanTag(token.Key, token.RequireValue("vlan_tci=0x1000/0x1000"));
                return true;
            case "nw_tos":
                var tos = NumberText.Parse(token.Key, token.RequireValue("nw_tos=32"), 255);
                Put(token.Key, new OxmEntry(OxmCatalogue.IpDscp, tos >> 2));
                return true;
        }

        if (FieldNames.Find(token.Key) is not { } field)
        {
            return false;
        }

        Put(token.Key, field, token.RequireValue(field.Name + "=VALUE"));
        return true;
    }

    /// <summary>The match of all parts, fields in the order of their numbers, so that each stands after what it needs.</summary>
    /// <exception cref="FormatException">A field needs another that is missing.</exception>
    public FlowMatch Build()
    {
        // The protocol first, since the other names depend on it.
        foreach (var token in _generic.Where(token => token.Key == "nw_proto").Concat(_generic.Where(token => token.Key != "nw_proto")))
        {
            Put(token.Key, FieldNames.Resolve(token.Key, EthType, IpProto), token.RequireValue(token.Key + "=VALUE"));
        }

        _generic.Clear();
        if (_entries.ContainsKey(OxmCatalogue.VlanPcp) && !_entries.ContainsKey(OxmCatalogue.VlanVid))
        {
            // A priority without an identifier means any tagged packet, as with ovs-ofctl.
            Put("vlan_pcp", new OxmEntry(OxmCatalogue.VlanVid, VlanPresent, VlanPresent));
        }

        if (_entries.TryGetValue(OxmCatalogue.Filter, out var filter) && (filter.Value == 0 || filter.Value == uint.MaxValue))
        {
            throw new FormatException($"filter={filter.Value}: filter ids run from 1 to 4294967294");
        }

        var match = new FlowMatch([.. _entries.Values.OrderBy(entry => entry.Field.Class).ThenBy(entry => entry.Field.Number)]);
        foreach (var entry in match)
        {
            if (!MatchCodec.HasPrerequisite(match, entry.Field))
            {
                throw new FormatException($"{entry.Field} needs {Needed(entry.Field.Prerequisite!)} beside it; add that to the match");
            }
        }

        return match;
    }

    private static string Needed(OxmPrerequisite prerequisite)
    {
        var field = OxmCatalogue.Basics[prerequisite.Field];
        return prerequisite.Values.IsEmpty
            ? field.Name
            : string.Join(" or ", prerequisite.Values.Select(value => $"{field.Name}={FieldText.Format(field, value)}"));
    }

    private void AddVlan(string text)
    {
        var id = NumberText.Parse("dl_vlan", text, 0xFFFF, "a VLAN id from 0 to 4095, or 0xffff for packets without a tag");
        if (id is > 0xFFF and not 0xFFFF)
        {
            throw new FormatException($"dl_vlan={text}: a VLAN id from 0 to 4095, or 0xffff for packets without a tag, is expected");
        }

        Put("dl_vlan", new OxmEntry(OxmCatalogue.VlanVid, id == 0xFFFF ? 0 : VlanPresent | id));
    }

    /// <summary>The tag control word: 3 bits of priority, 1 bit "there is a tag", 12 bits of identifier.</summary>
    private void AddVlanTag(string key, string text)
    {
        var (value, maskOrAll) = NumberText.ParseMasked64(key, text);
        var mask = maskOrAll ?? 0xFFFF;
        if (value > 0xFFFF || mask is > 0xFFFF and not ulong.MaxValue)
        {
            throw new FormatException($"{key}={text}: 16 bits are expected, as 0x1005/0x1fff");
        }

        if (value == 0 && (ushort)mask == 0xFFFF)
        {
            // No tag at all: then there is no priority to compare.
            Put(key, new OxmEntry(OxmCatalogue.VlanVid, 0));
            return;
        }

        var idMask = (uint)mask & VlanIdMask;
        if (idMask != 0)
        {
            Put(key, new OxmEntry(OxmCatalogue.VlanVid, value & idMask, idMask == VlanIdMask ? null : idMask));
        }

        switch (((uint)mask >> 13) & 7)
        {
            case 0:
                break;
            case 7:
                Put(key, new OxmEntry(OxmCatalogue.VlanPcp, value >> 13));
                break;
            default:
                throw new FormatException($"{key}={text}: the three priority bits 0xe000 are matched all or not at all in OpenFlow 1.3");
        }
    }

    private void Put(string key, OxmField field, string text)
    {
        if (FieldText.ParseMasked(field, key, text) is { } entry)
        {
            Put(key, entry);
        }
    }

    private void Put(string key, OxmEntry entry)
    {
        if (!_entries.TryAdd(entry.Field, entry) && _entries[entry.Field] != entry)
        {
            throw new FormatException($"{key}: {entry.Field} has another value already, {FieldText.FormatMasked(_entries[entry.Field])}; keep one of the two");
        }
    }
}
