using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Oko.OpenFlow.Protocol;

/// <summary>
/// Every error of OpenFlow 1.3 by type and code: its name, what the specification says it means, and what the sender of the
/// refused request can do about it. Static facts; any thread.
/// </summary>
/// <remarks>Source: OpenFlow 1.3.5, 7.4.4 "Error Message". The codes of an experimenter are its own and do not stand here.</remarks>
public static class ErrorCatalogue
{
    private const string PermissionRemedy = "ask whoever runs the switch for the permission";

    /// <summary>All errors, by type and code.</summary>
    public static ImmutableArray<ErrorDescription> All { get; } =
    [
        .. Of<HelloFailedCode>(ErrorType.HelloFailed, "OFPHFC",
            (HelloFailedCode.Incompatible, "no compatible version", "offer OpenFlow 1.3 (0x04) in HELLO"),
            (HelloFailedCode.Eperm, "permissions error", PermissionRemedy)),

        .. Of<BadRequestCode>(ErrorType.BadRequest, "OFPBRC",
            (BadRequestCode.BadVersion, "version of the header not supported", "send 0x04 in every header after HELLO"),
            (BadRequestCode.BadType, "type of the header not supported", "send messages of OpenFlow 1.3 that go to a switch"),
            (BadRequestCode.BadMultipart, "type of the multipart request not supported", "send multipart types of OpenFlow 1.3"),
            (BadRequestCode.BadExperimenter, "experimenter id not supported", "do without this experimenter's messages"),
            (BadRequestCode.BadExpType, "experimenter type not supported", "send types that the switch's version of the extension has"),
            (BadRequestCode.Eperm, "permissions error", PermissionRemedy),
            (BadRequestCode.BadLen, "wrong length for the type", "compare the lengths in the message with the specification"),
            (BadRequestCode.BufferEmpty, "the buffer has been used already", "send the packet itself, with OFP_NO_BUFFER"),
            (BadRequestCode.BufferUnknown, "the buffer does not exist", "send the packet itself, with OFP_NO_BUFFER"),
            (BadRequestCode.BadTableId, "the table id is invalid or does not exist", "name a table that FEATURES_REPLY counts, or OFPTT_ALL"),
            (BadRequestCode.IsSlave, "denied since the controller is slave", "ask for the role EQUAL or MASTER first"),
            (BadRequestCode.BadPort, "invalid port", "name a port of the port description, or OFPP_ANY where it is allowed"),
            (BadRequestCode.BadPacket, "invalid packet in a packet-out", "send a whole Ethernet frame that fits the ports' MTU"),
            (BadRequestCode.MultipartBufferOverflow, "the multipart request is larger than the switch can hold", "send a shorter request")),

        .. Of<BadActionCode>(ErrorType.BadAction, "OFPBAC",
            (BadActionCode.BadType, "unknown or unsupported action type", "use actions that the table features list"),
            (BadActionCode.BadLen, "length problem in the actions", "compare the lengths in the actions with the specification"),
            (BadActionCode.BadExperimenter, "unknown experimenter id", "do without this experimenter's actions"),
            (BadActionCode.BadExpType, "unknown action of the experimenter", "use actions that the switch's version of the extension has"),
            (BadActionCode.BadOutPort, "problem with the output port", "output to a port number or to a reserved port that is allowed here"),
            (BadActionCode.BadArgument, "bad argument of an action", "look at the range of the action's argument"),
            (BadActionCode.Eperm, "permissions error", PermissionRemedy),
            (BadActionCode.TooMany, "more actions than the switch can hold", "split the list over tables or groups"),
            (BadActionCode.BadQueue, "problem with the output queue", "name a queue that QUEUE_GET_CONFIG lists"),
            (BadActionCode.BadOutGroup, "invalid group id in a group action", "add the group first"),
            (BadActionCode.MatchInconsistent, "the action cannot apply to this match, or a set-field lacks its prerequisite",
                "add the prerequisite to the match, such as eth_type for IP fields"),
            (BadActionCode.UnsupportedOrder, "the order of the actions is not supported in apply-actions", "order the actions as the switch supports it"),
            (BadActionCode.BadTag, "the action uses an unsupported tag or encapsulation", "use the tags of OpenFlow 1.3"),
            (BadActionCode.BadSetType, "unsupported field in a set-field action", "set fields that the table features list"),
            (BadActionCode.BadSetLen, "length problem in a set-field action", "give the field its length, without a mask"),
            (BadActionCode.BadSetArgument, "bad value in a set-field action", "keep the value in the range of the field")),

        .. Of<BadInstructionCode>(ErrorType.BadInstruction, "OFPBIC",
            (BadInstructionCode.UnknownInst, "unknown instruction", "use instructions of OpenFlow 1.3, each at most once in an entry"),
            (BadInstructionCode.UnsupInst, "the switch or table does not support the instruction", "use instructions that the table features list"),
            (BadInstructionCode.BadTableId, "invalid table id", "go to a later table that exists"),
            (BadInstructionCode.UnsupMetadata, "metadata value not supported", "write bits that the table features allow"),
            (BadInstructionCode.UnsupMetadataMask, "metadata mask not supported", "write bits that the table features allow"),
            (BadInstructionCode.BadExperimenter, "unknown experimenter id", "do without this experimenter's instructions"),
            (BadInstructionCode.BadExpType, "unknown instruction of the experimenter", "use instructions that the switch's version of the extension has"),
            (BadInstructionCode.BadLen, "length problem in the instructions", "compare the lengths in the instructions with the specification"),
            (BadInstructionCode.Eperm, "permissions error", PermissionRemedy)),

        .. Of<BadMatchCode>(ErrorType.BadMatch, "OFPBMC",
            (BadMatchCode.BadType, "unsupported type of match", "send a match of type OFPMT_OXM (1)"),
            (BadMatchCode.BadLen, "length problem in the match", "compare the lengths in the match and its padding with the specification"),
            (BadMatchCode.BadTag, "the match uses an unsupported tag or encapsulation", "match the tags of OpenFlow 1.3"),
            (BadMatchCode.BadDlAddrMask, "mask of a datalink address not supported", "match whole addresses"),
            (BadMatchCode.BadNwAddrMask, "mask of a network address not supported", "match prefixes"),
            (BadMatchCode.BadWildcards, "unsupported combination of fields masked or omitted", "clear the bits of the value that the mask leaves out"),
            (BadMatchCode.BadField, "unsupported field in the match", "match fields that the table features list"),
            (BadMatchCode.BadValue, "unsupported value of a match field", "keep the value in the range of the field"),
            (BadMatchCode.BadMask, "unsupported mask, not of a datalink or network address", "match the whole field"),
            (BadMatchCode.BadPrereq, "a prerequisite is not met", "add the prerequisite to the match, such as eth_type for IP fields"),
            (BadMatchCode.DupField, "a field is there twice", "name each field once"),
            (BadMatchCode.Eperm, "permissions error", PermissionRemedy)),

        .. Of<FlowModFailedCode>(ErrorType.FlowModFailed, "OFPFMFC",
            (FlowModFailedCode.Unknown, "unspecified error", "look into the log of the switch"),
            (FlowModFailedCode.TableFull, "not added, the table is full", "delete entries or use another table"),
            (FlowModFailedCode.BadTableId, "the table does not exist", "name a table that FEATURES_REPLY counts; OFPTT_ALL is for deletes"),
            (FlowModFailedCode.Overlap, "the entry overlaps another and the overlap check was asked for", "change its priority or delete the other entry"),
            (FlowModFailedCode.Eperm, "permissions error", PermissionRemedy),
            (FlowModFailedCode.BadTimeout, "idle or hard timeout not supported", "send timeouts of 0"),
            (FlowModFailedCode.BadCommand, "unsupported or unknown command", "send a command of 0 to 4"),
            (FlowModFailedCode.BadFlags, "unsupported or unknown flags", "send flags of OpenFlow 1.3 only")),

        .. Of<GroupModFailedCode>(ErrorType.GroupModFailed, "OFPGMFC",
            (GroupModFailedCode.GroupExists, "not added, the group is there already", "modify the group or delete it first"),
            (GroupModFailedCode.InvalidGroup, "not added, the group is invalid", "use a group id up to OFPG_MAX"),
            (GroupModFailedCode.WeightUnsupported, "unequal load sharing with select groups is not supported", "look at the rules for weights of this group type"),
            (GroupModFailedCode.OutOfGroups, "the group table is full", "delete groups"),
            (GroupModFailedCode.OutOfBuckets, "more action buckets than the switch supports", "use fewer buckets"),
            (GroupModFailedCode.ChainingUnsupported, "groups that forward to groups are not supported", "output to ports"),
            (GroupModFailedCode.WatchUnsupported, "the group cannot watch this port or group", "watch something else"),
            (GroupModFailedCode.Loop, "the group would cause a loop", "do not lead a group back to itself"),
            (GroupModFailedCode.UnknownGroup, "not modified, the group does not exist", "add the group first"),
            (GroupModFailedCode.ChainedGroup, "not deleted, another group forwards to it", "delete or change the other group first"),
            (GroupModFailedCode.BadType, "unsupported or unknown group type", "use a type of OpenFlow 1.3 (0 to 3)"),
            (GroupModFailedCode.BadCommand, "unsupported or unknown command", "send a command of 0 to 2"),
            (GroupModFailedCode.BadBucket, "error in a bucket", "compare the bucket with the rules for this group type"),
            (GroupModFailedCode.BadWatch, "error in a watched port or group", "watch a port or group that exists, or OFPP_ANY and OFPG_ANY"),
            (GroupModFailedCode.Eperm, "permissions error", PermissionRemedy)),

        .. Of<PortModFailedCode>(ErrorType.PortModFailed, "OFPPMFC",
            (PortModFailedCode.BadPort, "the port does not exist", "name a port of the port description"),
            (PortModFailedCode.BadHwAddr, "the hardware address is not that of the port", "take the address from the port description"),
            (PortModFailedCode.BadConfig, "invalid config", "set PORT_DOWN, NO_RECV, NO_FWD and NO_PACKET_IN only"),
            (PortModFailedCode.BadAdvertise, "invalid advertise", "send 0, or what the port advertises already"),
            (PortModFailedCode.Eperm, "permissions error", PermissionRemedy)),

        .. Of<TableModFailedCode>(ErrorType.TableModFailed, "OFPTMFC",
            (TableModFailedCode.BadTable, "the table does not exist", "name a table that FEATURES_REPLY counts, or OFPTT_ALL"),
            (TableModFailedCode.BadConfig, "invalid config", "send a config of 0"),
            (TableModFailedCode.Eperm, "permissions error", PermissionRemedy)),

        .. Of<QueueOpFailedCode>(ErrorType.QueueOpFailed, "OFPQOFC",
            (QueueOpFailedCode.BadPort, "invalid port, or it does not exist", "name a port of the port description, or OFPP_ANY"),
            (QueueOpFailedCode.BadQueue, "the queue does not exist", "name a queue that QUEUE_GET_CONFIG lists, or OFPQ_ALL"),
            (QueueOpFailedCode.Eperm, "permissions error", PermissionRemedy)),

        .. Of<SwitchConfigFailedCode>(ErrorType.SwitchConfigFailed, "OFPSCFC",
            (SwitchConfigFailedCode.BadFlags, "the flags are invalid", "send flags that the switch's capabilities allow"),
            (SwitchConfigFailedCode.BadLen, "miss_send_len is invalid", "send up to OFPCML_MAX (0xffe5), or OFPCML_NO_BUFFER (0xffff)"),
            (SwitchConfigFailedCode.Eperm, "permissions error", PermissionRemedy)),

        .. Of<RoleRequestFailedCode>(ErrorType.RoleRequestFailed, "OFPRRFC",
            (RoleRequestFailedCode.Stale, "stale message: the generation id is old", "ask for the role again with a newer generation id"),
            (RoleRequestFailedCode.Unsup, "the switch does not support roles", "do without roles"),
            (RoleRequestFailedCode.BadRole, "invalid role", "ask for a role of 0 to 3")),

        .. Of<MeterModFailedCode>(ErrorType.MeterModFailed, "OFPMMFC",
            (MeterModFailedCode.Unknown, "unspecified error", "look into the log of the switch"),
            (MeterModFailedCode.MeterExists, "not added, the meter is there already", "modify the meter or delete it first"),
            (MeterModFailedCode.InvalidMeter, "not added, the meter is invalid", "use a meter id from 1 to OFPM_MAX"),
            (MeterModFailedCode.UnknownMeter, "the meter does not exist", "add the meter first"),
            (MeterModFailedCode.BadCommand, "unsupported or unknown command", "send a command of 0 to 2"),
            (MeterModFailedCode.BadFlags, "unsupported flags", "choose either KBPS or PKTPS; BURST and STATS may be added"),
            (MeterModFailedCode.BadRate, "rate not supported", "look at the range of rates"),
            (MeterModFailedCode.BadBurst, "burst size not supported", "look at the range of burst sizes"),
            (MeterModFailedCode.BadBand, "band not supported", "use bands that the meter features list"),
            (MeterModFailedCode.BadBandValue, "value of a band not supported", "look at the range of the band's value"),
            (MeterModFailedCode.OutOfMeters, "no more meters available", "delete meters"),
            (MeterModFailedCode.OutOfBands, "more bands than a meter can have", "use fewer bands")),

        .. Of<TableFeaturesFailedCode>(ErrorType.TableFeaturesFailed, "OFPTFFC",
            (TableFeaturesFailedCode.BadTable, "the table does not exist", "name a table that FEATURES_REPLY counts"),
            (TableFeaturesFailedCode.BadMetadata, "invalid metadata mask", "ask for metadata bits that the table features list"),
            (TableFeaturesFailedCode.BadType, "unknown type of property", "send properties of OpenFlow 1.3"),
            (TableFeaturesFailedCode.BadLen, "length problem in the properties", "compare the lengths in the properties with the specification"),
            (TableFeaturesFailedCode.BadArgument, "unsupported value of a property", "ask for what the table features list, or less"),
            (TableFeaturesFailedCode.Eperm, "permissions error", PermissionRemedy)),
    ];

    private static readonly FrozenDictionary<(ErrorType, ushort), ErrorDescription> ByCode =
        All.ToFrozenDictionary(error => (error.Type, error.Code));

    /// <summary>The error of a type and code, or null when OpenFlow 1.3 has no such error.</summary>
    public static ErrorDescription? Find(ErrorType type, ushort code) => ByCode.GetValueOrDefault((type, code));

    /// <summary>Name and meaning of an error, for logs; errors that are not in the catalogue by their numbers.</summary>
    /// <param name="type">OFPET, any number.</param>
    /// <param name="code">Code of that type; the experimenter's type for OFPET_EXPERIMENTER.</param>
    /// <param name="experimenter">Experimenter id, for OFPET_EXPERIMENTER only.</param>
    public static string Describe(ErrorType type, ushort code, uint experimenter = 0) => type == ErrorType.Experimenter
        ? string.Create(CultureInfo.InvariantCulture, $"error {code} of experimenter 0x{experimenter:x8}")
        : Find(type, code)?.ToString() ?? string.Create(CultureInfo.InvariantCulture, $"error type {(ushort)type} code {code}, unknown in OpenFlow 1.3");

    private static IEnumerable<ErrorDescription> Of<TCode>(
        ErrorType type, string prefix, params (TCode Code, string Meaning, string Remedy)[] codes)
        where TCode : struct, Enum =>
        codes.Select(entry => new ErrorDescription(
            type, Convert.ToUInt16(entry.Code, CultureInfo.InvariantCulture), prefix + SpecificationName(entry.Code.ToString()), entry.Meaning, entry.Remedy));

    /// <summary>BadType becomes _BAD_TYPE.</summary>
    private static string SpecificationName(string member)
    {
        var name = new StringBuilder();
        foreach (var letter in member)
        {
            if (char.IsUpper(letter))
            {
                name.Append('_');
            }

            name.Append(char.ToUpperInvariant(letter));
        }

        return name.ToString();
    }
}
