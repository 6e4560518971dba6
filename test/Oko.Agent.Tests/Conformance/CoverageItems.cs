using System.Reflection;
using System.Text.RegularExpressions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Tests.Conformance;

/// <summary>What OpenFlow 1.3.5 consists of, by the names of the specification, read off the enumerations of the codec; and what else is promised.</summary>
internal static partial class CoverageItems
{
    /// <summary>Prefix of the names of set-field actions: "OFPAT_SET_FIELD:ETH_DST".</summary>
    public const string SetField = "OFPAT_SET_FIELD:";

    /// <summary>Headings, and the names under each; errors have a table of their own.</summary>
    public static IReadOnlyList<(string Title, string[] Names)> Sections { get; } =
    [
        ("Messages", Members<MessageType>("OFPT")),
        ("Multipart types", Members<MultipartType>("OFPMP")),
        ("Match fields", [.. OxmCatalogue.Basics.Select(MatchField)]),
        ("Instructions", Members<InstructionType>("OFPIT")),
        ("Actions", Members<ActionType>("OFPAT")),
        ("Fields of set-field", [.. OxmCatalogue.Basics.Select(SetFieldOf)]),
        ("Reserved ports", [.. typeof(PortNumber).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => Name("OFPP", field.Name))]),
        ("Group types", Members<GroupType>("OFPGT")),
        ("Group commands", Members<GroupModCommand>("OFPGC")),
        ("Group capabilities", Members<GroupCapabilities>("OFPGFC")),
        ("Meter bands", Members<MeterBandType>("OFPMBT")),
        ("Meter flags", Members<MeterFlags>("OFPMF")),
        ("Meter commands", Members<MeterModCommand>("OFPMC")),
        ("Flow-mod commands", Members<FlowModCommand>("OFPFC")),
        ("Flow-mod flags", Members<FlowModFlags>("OFPFF")),
        ("Table features properties", Members<TableFeatureType>("OFPTFPT")),
        ("Switch capabilities", Members<Capabilities>("OFPC")),
        ("Switch configuration flags", Members<ConfigFlags>("OFPC")),
        ("Port configuration", Members<PortConfig>("OFPPC")),
        ("Port state", Members<PortState>("OFPPS")),
        ("Port features", Members<PortFeatures>("OFPPF")),
        ("Roles", Members<ControllerRole>("OFPCR_ROLE")),
        ("Packet-in reasons", Members<PacketInReason>("OFPR")),
        ("Flow-removed reasons", Members<FlowRemovedReason>("OFPRR")),
        ("Port-status reasons", Members<PortReason>("OFPPR")),
        ("Connections and extensions", ["TLS", "AUXILIARY_CONNECTIONS", "SEVERAL_CONTROLLERS", "EXT-230_BUNDLES", "OKO_FILTERS"]),
        ("Needs of controllers", NeedsOfControllers),
    ];

    /// <summary>What ONOS, Floodlight, os-ken, Ryu, Faucet and OpenDaylight rely on beyond the letter of the specification.</summary>
    private static string[] NeedsOfControllers =>
    [
        "HELLO_FIRST", "HELLO_OF_OTHER_VERSIONS", "ECHO_BEFORE_AGREEMENT", "HANDSHAKE_WITHIN_1_S", "ECHO_WITHIN_2_S", "OWN_ECHO", "NO_BUFFERS",
        "MISS_SEND_LEN", "DESCRIPTIONS_IN_ONE_MESSAGE", "METER_FEATURES_ANSWERED", "TABLE_FEATURES_WITH_MISS", "TABLE_FEATURES_WITH_BODY",
        "GENERATION_IDS", "GENERATION_ID_FORGOTTEN", "IS_SLAVE", "ASYNC_PER_CONNECTION", "FLOWS_READ_AS_WRITTEN", "OUT_PORT_IGNORED_ON_ADD",
        "COOKIE_MASK_IGNORED_ON_ADD", "DELETE_IN_ALL_TABLES", "BARRIER_LAST", "ERRORS_WITH_THE_REQUEST", "EVERY_MULTIPART_ANSWERED",
        "CAPABILITIES_KEPT", "PARTS_IN_ORDER", "COUNTERS_FRESH", "BUCKET_COUNTERS_IN_ORDER", "PACKET_IN_COMPLETE", "PACKET_OUT_PORTS",
        "LINK_LOCAL_FRAMES", "EXTENSION_KEPT_FROM_THE_UNAWARE", "DESCRIPTION_NOT_EMPTY", "ONE_CONNECTION_AND_BACK_OFF", "READING_UNDER_LOAD",
    ];

    /// <summary>Name of a field in a match.</summary>
    public static string MatchField(OxmField field) => "OFPXMT_OFB_" + field.Name.ToUpperInvariant();

    /// <summary>Name of a field in a set-field action.</summary>
    public static string SetFieldOf(OxmField field) => SetField + field.Name.ToUpperInvariant();

    /// <summary>Name of a member in the specification: PortDown is OFPPC_PORT_DOWN; members cannot begin with a digit, hence "Speed".</summary>
    public static string Name(string prefix, string member) =>
        $"{prefix}_" + WordStart().Replace(member.StartsWith("Speed", StringComparison.Ordinal) ? member[5..] : member, "$1_$2").ToUpperInvariant();

    private static string[] Members<T>(string prefix)
        where T : struct, Enum => [.. Enum.GetNames<T>().Where(name => name != "None").Select(name => Name(prefix, name))];

    [GeneratedRegex("([a-z])([A-Z])")]
    private static partial Regex WordStart();
}
