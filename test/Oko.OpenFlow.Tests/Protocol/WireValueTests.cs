using System.Globalization;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Tests.Protocol;

/// <summary>Every number of the wire equals that of another implementation; none is missing.</summary>
public sealed class WireValueTests
{
    private static readonly Dictionary<string, Type[]> EnumsByPrefix = new()
    {
        ["OFPT"] = [typeof(MessageType)],
        ["OFPET"] = [typeof(ErrorType)],
        ["OFPHFC"] = [typeof(HelloFailedCode)],
        ["OFPBRC"] = [typeof(BadRequestCode)],
        ["OFPBAC"] = [typeof(BadActionCode)],
        ["OFPBIC"] = [typeof(BadInstructionCode)],
        ["OFPBMC"] = [typeof(BadMatchCode)],
        ["OFPFMFC"] = [typeof(FlowModFailedCode)],
        ["OFPGMFC"] = [typeof(GroupModFailedCode)],
        ["OFPPMFC"] = [typeof(PortModFailedCode)],
        ["OFPTMFC"] = [typeof(TableModFailedCode)],
        ["OFPQOFC"] = [typeof(QueueOpFailedCode)],
        ["OFPSCFC"] = [typeof(SwitchConfigFailedCode)],
        ["OFPRRFC"] = [typeof(RoleRequestFailedCode)],
        ["OFPMMFC"] = [typeof(MeterModFailedCode)],
        ["OFPTFFC"] = [typeof(TableFeaturesFailedCode)],
        ["OFPFC"] = [typeof(FlowModCommand)],
        ["OFPFF"] = [typeof(FlowModFlags)],
        ["OFPC"] = [typeof(ConfigFlags), typeof(Capabilities)],
        ["OFPPC"] = [typeof(PortConfig)],
        ["OFPPS"] = [typeof(PortState)],
        ["OFPPF"] = [typeof(PortFeatures)],
        ["OFPMP"] = [typeof(MultipartType)],
        ["OFPR"] = [typeof(PacketInReason)],
        ["OFPRR"] = [typeof(FlowRemovedReason)],
        ["OFPPR"] = [typeof(PortReason)],
        ["OFPCR"] = [typeof(ControllerRole)],
        ["OFPGC"] = [typeof(GroupModCommand)],
        ["OFPGT"] = [typeof(GroupType)],
        ["OFPMC"] = [typeof(MeterModCommand)],
        ["OFPAT"] = [typeof(ActionType)],
        ["OFPIT"] = [typeof(InstructionType)],
        ["OFPTFPT"] = [typeof(TableFeatureType)],
    };

    [Test]
    public void Enums_AllMembers_EqualThoseOfOsKen()
    {
        var expected = Constants().Where(constant => EnumsByPrefix.ContainsKey(constant.Prefix)).ToArray();
        foreach (var (prefix, name, value) in expected)
        {
            EnumsByPrefix[prefix].Should().Contain(
                type => HasMember(type, name, value), $"{prefix}_{name} = {value} is a constant of OpenFlow 1.3");
        }

        // "None" stands for no flag at all and is in no specification.
        var ours = EnumsByPrefix.Values.SelectMany(types => types).Sum(type => Enum.GetNames(type).Count(name => name != "None"));
        ours.Should().Be(expected.Length, "no member may be there that OpenFlow 1.3 does not have");
    }

    [Test]
    public void ReservedNumbers_EqualThoseOfOsKen()
    {
        var values = Constants().ToDictionary(constant => $"{constant.Prefix}_{constant.Name}", constant => constant.Value);

        values["OFPP_MAX"].Should().Be(PortNumber.Max.Value);
        values["OFPP_IN_PORT"].Should().Be(PortNumber.InPort.Value);
        values["OFPP_TABLE"].Should().Be(PortNumber.Table.Value);
        values["OFPP_NORMAL"].Should().Be(PortNumber.Normal.Value);
        values["OFPP_FLOOD"].Should().Be(PortNumber.Flood.Value);
        values["OFPP_ALL"].Should().Be(PortNumber.All.Value);
        values["OFPP_CONTROLLER"].Should().Be(PortNumber.Controller.Value);
        values["OFPP_LOCAL"].Should().Be(PortNumber.Local.Value);
        values["OFPP_ANY"].Should().Be(PortNumber.Any.Value);
        values["OFPG_MAX"].Should().Be(GroupId.Max.Value);
        values["OFPG_ALL"].Should().Be(GroupId.All.Value);
        values["OFPG_ANY"].Should().Be(GroupId.Any.Value);
        values["OFPM_MAX"].Should().Be(MeterId.Max.Value);
        values["OFPM_ALL"].Should().Be(MeterId.All.Value);
        values["OFPTT_MAX"].Should().Be(TableId.Max.Value);
        values["OFPTT_ALL"].Should().Be(TableId.All.Value);
        values["OFPQ_ALL"].Should().Be(QueueId.All.Value);
        values["OFPXMC_OPENFLOW_BASIC"].Should().Be(OxmCatalogue.BasicClass);
        values["OFPXMC_EXPERIMENTER"].Should().Be(OxmCatalogue.ExperimenterClass);
    }

    [Test]
    public void OxmCatalogue_EveryField_StandsAtItsNumber()
    {
        OxmCatalogue.Basics.Should().HaveCount(40);
        for (var number = 0; number < OxmCatalogue.Basics.Length; number++)
        {
            OxmCatalogue.Basics[number].Number.Should().Be((byte)number);
            OxmCatalogue.Find(OxmCatalogue.BasicClass, (byte)number, 0).Should().BeSameAs(OxmCatalogue.Basics[number]);
        }
    }

    [TestCaseSource(nameof(OxmHeaders))]
    public void OxmCatalogue_Field_HasTheHeaderOfOsKen(string name, uint header) => OxmCatalogue.Find(name)!.Header.Should().Be(header);

    private static IEnumerable<TestCaseData> OxmHeaders() =>
        File.ReadLines(Path.Combine(TestFiles.Folder, "oxm-headers.txt")).Where(line => line.Length != 0 && line[0] != '#')
            .Select(line => line.Split(' ')).Select(parts => new TestCaseData(parts[0], uint.Parse(parts[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture)));

    private static IEnumerable<(string Prefix, string Name, uint Value)> Constants()
    {
        foreach (var line in File.ReadLines(Path.Combine(TestFiles.Folder, "wire-values.txt")).Where(line => line[0] != '#'))
        {
            var parts = line.Split(' ');
            var underscore = parts[0].IndexOf('_', StringComparison.Ordinal);
            yield return (parts[0][..underscore], parts[0][(underscore + 1)..], uint.Parse(parts[1], CultureInfo.InvariantCulture));
        }
    }

    private static bool HasMember(Type type, string specificationName, uint value) =>
        Enum.GetNames(type).Any(name => Normalise(name) == Normalise(specificationName) && Convert.ToUInt32(Enum.Parse(type, name), CultureInfo.InvariantCulture) == value);

    /// <summary>Member names may not begin with a digit, hence "Speed"; the roles leave out their second prefix.</summary>
    private static string Normalise(string name)
    {
        var plain = name.Replace("_", string.Empty, StringComparison.Ordinal).ToUpperInvariant();
        plain = plain.StartsWith("SPEED", StringComparison.Ordinal) ? plain["SPEED".Length..] : plain;
        return plain.StartsWith("ROLE", StringComparison.Ordinal) && plain.Length is > 8 and < 13 && !plain.StartsWith("ROLERE", StringComparison.Ordinal) ? plain["ROLE".Length..] : plain;
    }
}
