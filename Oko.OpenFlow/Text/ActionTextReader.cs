using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Text;

/// <summary>
/// Reads one action of <c>ovs-ofctl</c>'s syntax after the other. It knows the match, since <c>mod_tp_dst</c> means another field for
/// TCP than for UDP and since <c>mod_vlan_vid</c> pushes a tag first where the packet may have none. For one list, one thread.
/// </summary>
internal sealed class ActionTextReader
{
    private const uint VlanPresent = 0x1000;

    private readonly ushort? _ethType;
    private readonly byte? _ipProto;
    private readonly ImmutableArray<OfAction>.Builder _actions = ImmutableArray.CreateBuilder<OfAction>();
    private bool _hasVlanTag;
    private bool _drops;

    /// <summary>Starts a list for packets of that match.</summary>
    public ActionTextReader(MatchTextReader match)
    {
        _ethType = match.EthType;
        _ipProto = match.IpProto;
        _hasVlanTag = match.HasVlanTag;
    }

    /// <summary>Whether anything was read, <c>drop</c> included.</summary>
    public bool IsEmpty => _actions.Count == 0 && !_drops;

    /// <summary>The actions read.</summary>
    public ImmutableArray<OfAction> Actions => _actions.ToImmutable();

    /// <summary>Reads a list.</summary>
    /// <exception cref="FormatException">An unknown action or a wrong value.</exception>
    public static ImmutableArray<OfAction> ReadList(string text, MatchTextReader match)
    {
        var reader = new ActionTextReader(match);
        var tokens = new TextTokenizer(text);
        while (tokens.TryRead(out var token))
        {
            reader.Read(token);
        }

        return reader.Actions;
    }

    /// <summary>Reads one action.</summary>
    /// <exception cref="FormatException">An unknown action or a wrong value.</exception>
    public void Read(TextToken token)
    {
        if (_drops || (token.Key == "drop" && _actions.Count != 0))
        {
            throw new FormatException("drop stands beside other actions; it means \"no action\", so leave it out or write it alone");
        }

        if (token.Key == "drop")
        {
            _drops = true;
            return;
        }

        if (token.Value is null && NumberText.TryParse(token.Key, out _))
        {
            Output(FieldText.ParsePort("output", token.Key));
            return;
        }

        if (token.Key.Equals("controller", StringComparison.OrdinalIgnoreCase))
        {
            _actions.Add(new OutputAction(PortNumber.Controller, ControllerLength(token.Value)));
            return;
        }

        if (token.Value is null && FieldText.ReservedPort(token.Key) is { } reserved)
        {
            Output(reserved);
            return;
        }

        if (!ReadSetter(token) && !ReadOther(token))
        {
            throw new FormatException(
                $"action {token.Key} is unknown; OpenFlow 1.3 has output, group, set_queue, set_field, push/pop of vlan, mpls and pbb, "
                + "dec_ttl, mod_nw_ttl and drop (actions of Open vSwitch's own, such as resubmit or load, are not offered)");
        }
    }

    private static ushort ControllerLength(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return 0xFFFF;
        }

        if (NumberText.TryParse(text, out _))
        {
            return (ushort)NumberText.Parse("CONTROLLER", text, 0xFFFF);
        }

        ushort length = 0xFFFF;
        var tokens = new TextTokenizer(text);
        while (tokens.TryRead(out var token))
        {
            length = (token.Key, token.Value) switch
            {
                ("max_len", _) => (ushort)NumberText.Parse("max_len", token.RequireValue("max_len=128"), 0xFFFF),
                ("reason", "action") or ("id", "0") => length,
                _ => throw new FormatException($"CONTROLLER({text}): only max_len=N can be said in OpenFlow 1.3"),
            };
        }

        return length;
    }

    private static ushort EtherType(TextToken token, string example, params ReadOnlySpan<ushort> allowed)
    {
        var value = (ushort)NumberText.Parse(token.Key, token.RequireValue(example), 0xFFFF);
        return allowed.IsEmpty || allowed.Contains(value)
            ? value
            : throw new FormatException($"{token.Key}:{token.Value}: no EtherType of such a tag; write {example}");
    }

    private static void RefuseValue(TextToken token)
    {
        if (!string.IsNullOrEmpty(token.Value))
        {
            throw new FormatException($"{token.Key} takes no value, but \"{token.Value}\" follows it");
        }
    }

    private static uint Number32(TextToken token, string example) => (uint)NumberText.Parse(token.Key, token.RequireValue(example), uint.MaxValue);

    private static byte Ttl(TextToken token) => (byte)NumberText.Parse(token.Key, token.RequireValue(token.Key + ":64"), 255);

    private void Output(PortNumber port)
    {
        if (port == PortNumber.Any || port.Value == 0 || (port.Value > PortNumber.Max.Value && port.Value < PortNumber.InPort.Value))
        {
            throw new FormatException(
                $"output:{port}: no port to send to; ports run from 1 to {PortNumber.Max.Value}, or by name: IN_PORT, TABLE, NORMAL, FLOOD, ALL, CONTROLLER, LOCAL");
        }

        // The length is of use for the controller alone.
        _actions.Add(new OutputAction(port, port == PortNumber.Controller ? (ushort)0xFFFF : (ushort)0));
    }

    private bool ReadOther(TextToken token)
    {
        switch (token.Key)
        {
            case "output":
                Output(FieldText.ParsePort(token.Key, token.RequireValue("output:1")));
                return true;
            case "group":
                _actions.Add(new GroupAction(new GroupId(Number32(token, "group:1"))));
                return true;
            case "set_queue":
                _actions.Add(new SetQueueAction(new QueueId(Number32(token, "set_queue:1"))));
                return true;
            case "push_vlan":
                _actions.Add(new PushVlanAction(EtherType(token, "push_vlan:0x8100 (or 0x88a8)", 0x8100, 0x88A8)));
                _hasVlanTag = true;
                return true;
            case "pop_vlan" or "strip_vlan":
                RefuseValue(token);
                _actions.Add(new PopVlanAction());
                _hasVlanTag = false;
                return true;
            case "push_mpls":
                _actions.Add(new PushMplsAction(EtherType(token, "push_mpls:0x8847 (or 0x8848)", 0x8847, 0x8848)));
                return true;
            case "pop_mpls":
                _actions.Add(new PopMplsAction(EtherType(token, "pop_mpls:0x0800")));
                return true;
            case "push_pbb":
                _actions.Add(new PushPbbAction(EtherType(token, "push_pbb:0x88e7", 0x88E7)));
                return true;
            case "set_mpls_ttl":
                _actions.Add(new SetMplsTtlAction(Ttl(token)));
                return true;
            case "mod_nw_ttl" or "set_nw_ttl":
                _actions.Add(new SetNwTtlAction(Ttl(token)));
                return true;
        }

        OfAction? plain = token.Key switch
        {
            "pop_pbb" => new PopPbbAction(),
            "dec_mpls_ttl" => new DecMplsTtlAction(),
            "dec_ttl" or "dec_nw_ttl" => new DecNwTtlAction(),
            "copy_ttl_out" => new CopyTtlOutAction(),
            "copy_ttl_in" => new CopyTtlInAction(),
            _ => null,
        };
        if (plain is null)
        {
            return false;
        }

        RefuseValue(token);
        _actions.Add(plain);
        return true;
    }

    /// <summary>Actions that become a set-field.</summary>
    private bool ReadSetter(TextToken token)
    {
        switch (token.Key)
        {
            case "set_field":
                ReadSetField(token.RequireValue("set_field:10.0.0.1->ip_dst"));
                return true;
            case "mod_vlan_vid":
                PushMissingTag();
                Set(OxmCatalogue.VlanVid, VlanPresent | (uint)NumberText.Parse(token.Key, token.RequireValue("mod_vlan_vid:10"), 4095));
                return true;
            case "mod_vlan_pcp":
                PushMissingTag();
                Set(OxmCatalogue.VlanPcp, NumberText.Parse(token.Key, token.RequireValue("mod_vlan_pcp:3"), 7));
                return true;
            case "mod_nw_tos":
                var tos = NumberText.Parse(token.Key, token.RequireValue("mod_nw_tos:32"), 255);
                if ((tos & 3) != 0)
                {
                    throw new FormatException($"mod_nw_tos:{tos}: the two lowest bits belong to ECN; write a multiple of 4");
                }

                Set(OxmCatalogue.IpDscp, tos >> 2);
                return true;
        }

        var field = token.Key switch
        {
            "mod_dl_src" => OxmCatalogue.EthSrc,
            "mod_dl_dst" => OxmCatalogue.EthDst,
            "mod_nw_src" => OxmCatalogue.Ipv4Src,
            "mod_nw_dst" => OxmCatalogue.Ipv4Dst,
            "mod_nw_ecn" => OxmCatalogue.IpEcn,
            "mod_tp_src" => FieldNames.Resolve("tp_src", _ethType, _ipProto),
            "mod_tp_dst" => FieldNames.Resolve("tp_dst", _ethType, _ipProto),
            _ => null,
        };
        if (field is null)
        {
            return false;
        }

        Set(field, FieldText.ParseValue(field, token.Key, token.RequireValue(token.Key + ":VALUE")));
        return true;
    }

    private void ReadSetField(string text)
    {
        var arrow = text.LastIndexOf("->", StringComparison.Ordinal);
        if (arrow < 0)
        {
            throw new FormatException($"set_field:{text}: \"->\" and the field are missing; write for instance set_field:10.0.0.1->ip_dst");
        }

        var value = text[..arrow];
        var name = text[(arrow + 2)..];
        var field = name switch
        {
            // Where the match does not say, ICMP is that of IPv4, as with ovs-ofctl.
            "icmp_type" when _ipProto != FieldNames.Icmpv6 => OxmCatalogue.Icmpv4Type,
            "icmp_code" when _ipProto != FieldNames.Icmpv6 => OxmCatalogue.Icmpv4Code,
            _ when FieldNames.IsGeneric(name) => FieldNames.Resolve(name, _ethType, _ipProto),
            _ => FieldNames.Find(name),
        };
        if (name == "dl_vlan")
        {
            Set(OxmCatalogue.VlanVid, VlanPresent | (uint)NumberText.Parse(name, value, 4095));
            return;
        }

        if (field is null)
        {
            throw new FormatException($"set_field: {name} is no match field of OpenFlow 1.3");
        }

        // OpenFlow 1.3.5, 7.2.5 "Action Structures": these are no header fields, so set-field does not take them.
        if (field == OxmCatalogue.InPort || field == OxmCatalogue.InPhyPort || field == OxmCatalogue.Metadata || field == OxmCatalogue.Filter)
        {
            throw new FormatException($"set_field: {name} is no header field and cannot be set{(field == OxmCatalogue.Metadata ? "; use write_metadata" : string.Empty)}");
        }

        if (value.Contains('/'))
        {
            throw new FormatException($"set_field:{text}: OpenFlow 1.3 sets whole fields; leave the mask out");
        }

        var number = FieldText.ParseValue(field, name, value);
        if (field == OxmCatalogue.VlanVid && (number & VlanPresent) == 0)
        {
            throw new FormatException($"set_field:{text}: the value must hold the bit \"tag present\"; write set_field:{number | VlanPresent}->vlan_vid or mod_vlan_vid:{number}");
        }

        Set(field, number);
    }

    private void PushMissingTag()
    {
        if (!_hasVlanTag)
        {
            _actions.Add(new PushVlanAction(0x8100));
            _hasVlanTag = true;
        }
    }

    private void Set(OxmField field, UInt128 value) => _actions.Add(new SetFieldAction(new OxmEntry(field, value)));
}
