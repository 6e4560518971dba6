using Oko.Agent.Configuration;
using Oko.Datapath.AfXdp;

namespace Oko.Agent.Tests.Configuration;

public sealed class AgentOptionsValidatorTests
{
    private static readonly string[] Interfaces = ["lo", "eth1", "eth2", "eth3"];

    [Test]
    public void Quotas_WithSuffixes_AreTaken()
    {
        var quotas = AgentOptionsValidator.Validate(new AgentSettings { MaxFilters = "3", MaxMapMemory = "2G", MaxObjectSize = "64k" }, []).Quotas;
        quotas.MaxFilters.Should().Be(3);
        quotas.MaxMapBytes.Should().Be(2L << 30);
        quotas.MaxObjectBytes.Should().Be(64 << 10);
    }

    [TestCase("0", null, null, "--max-filters 0: allowed are 1 to 65536")]
    [TestCase(null, "12", null, "--max-map-memory 12: allowed are 1048576 to")]
    [TestCase(null, "99999999999999999G", null, "--max-map-memory")]
    [TestCase(null, null, "17M", "--max-object-size 17M: allowed are 1024 to 16777216")]
    [TestCase(null, null, "-1", "--max-object-size -1")]
    public void Quotas_OutOfRange_AreRefused(string? filters, string? memory, string? size, string fault) =>
        FluentActions.Invoking(() => AgentOptionsValidator.Validate(new AgentSettings { MaxFilters = filters, MaxMapMemory = memory, MaxObjectSize = size }, []))
            .Should().Throw<ConfigurationException>().Which.Faults.Should().ContainSingle().Which.Should().Contain(fault);

    [Test]
    public void FilterAdmins_ByWordAndAddress_AreThoseConnections()
    {
        var settings = new AgentSettings { Controllers = ["tcp:One.example?oko=aware", "ssl:192.0.2.2"], Listeners = ["ptcp:6654:127.0.0.1"], PrivateKey = "key", Certificate = "certificate", AuthorityCertificates = "ca" };
        Included().Should().Equal(true, true, true);
        Included("all").Should().Equal(true, true, true);
        Included("none").Should().Equal(false, false, false);
        Included("tls").Should().Equal(false, true, false);
        Included("tcp:one.example:6653").Should().Equal(true, false, false);
        Included("tls", "ptcp:6654:127.0.0.1").Should().Equal(false, true, true);

        IEnumerable<bool> Included(params string[] texts)
        {
            var options = Validate(settings with { FilterAdmins = texts });
            return [.. options.Controllers.Concat(options.Listeners).Select(options.FilterAdmins.Include)];
        }
    }

    [TestCase("tcp:192.0.2.9", "--filter-admins tcp:192.0.2.9: not an address of this switch; allowed are all, tls, none, and addresses given with --controller or --listen: ptcp:6654:0.0.0.0.")]
    [TestCase("me", "--filter-admins me: allowed are all, tls, none, and addresses given with --controller or --listen.")]
    [TestCase("tls,none", "--filter-admins none: stands alone; leave out tls, or 'none'.")]
    public void FilterAdmins_OfNoConnection_AreRefused(string texts, string fault) =>
        Fault(new AgentSettings { Listeners = ["ptcp:6654"], FilterAdmins = texts.Split(',') }).Should().Equal(fault);

    [Test]
    public void Validate_NothingGiven_IsALearningSwitchWithDefaults()
    {
        var options = Validate(new AgentSettings());

        options.FailMode.Should().Be(FailMode.Standalone);
        options.ManagementPath.Should().Be("/run/oko/oko.sock");
        options.DatapathId.Should().BeNull();
        options.Ports.Should().BeEmpty();
    }

    [TestCase(null, 8192)]
    [TestCase("64", 64)]
    [TestCase("32768", 32768)]
    public void Validate_RingSize_IsTaken(string? text, int size) =>
        Validate(new AgentSettings { RingSize = text }).RingSize.Should().Be(size);

    [TestCase("0")]
    [TestCase("32")]
    [TestCase("3000")]
    [TestCase("65536")]
    [TestCase("-64")]
    [TestCase("many")]
    public void Validate_RingSizeOutsideItsRange_IsRefusedWithTheRange(string text) =>
        FluentActions.Invoking(() => Validate(new AgentSettings { RingSize = text }))
            .Should().Throw<ConfigurationException>().Which.Faults.Should().ContainSingle().Which.Should().Contain($"--ring-size {text}: allowed are the powers of two from 64 to 32768");

    [TestCase(null, 0)]
    [TestCase("0", 0)]
    [TestCase("10000", 10000)]
    public void Validate_BusyPoll_IsTaken(string? text, int microseconds) =>
        Validate(new AgentSettings { BusyPoll = text }).BusyPollMicroseconds.Should().Be(microseconds);

    [TestCase("10001")]
    [TestCase("-1")]
    [TestCase("long")]
    public void Validate_BusyPollOutsideItsRange_IsRefusedWithTheRange(string text) =>
        FluentActions.Invoking(() => Validate(new AgentSettings { BusyPoll = text }))
            .Should().Throw<ConfigurationException>().Which.Faults.Should().ContainSingle().Which.Should().Contain($"--busy-poll {text}: allowed are 0 (none) to 10000 microseconds");

    [TestCase(null, TransmitMode.Automatic)]
    [TestCase("auto", TransmitMode.Automatic)]
    [TestCase("ring", TransmitMode.Ring)]
    public void Validate_Transmit_IsTaken(string? text, TransmitMode mode) =>
        Validate(new AgentSettings { Transmit = text }).Transmit.Should().Be(mode);

    [Test]
    public void Validate_ControllerWithoutFailMode_IsSecure() =>
        Validate(new AgentSettings { Controllers = ["tcp:127.0.0.1:6653"] }).FailMode.Should().Be(FailMode.Secure);

    [Test]
    public void Validate_PortsWithoutNumbers_TakeTheLowestFreeOnes()
    {
        var options = Validate(new AgentSettings { Ports = ["eth1", "eth2=1", "eth3"] });

        options.Ports.Should().Equal(new PortOptions("eth1", 2), new PortOptions("eth2", 1), new PortOptions("eth3", 3));
    }

    [Test]
    public void Validate_SecureEndpoint_NeedsAllThreeFiles()
    {
        var settings = new AgentSettings { Listeners = ["pssl:"], PrivateKey = "key", AuthorityCertificates = "ca" };

        Fault(settings).Should().Equal("pssl:6653:0.0.0.0: TLS needs --certificate as well, each with the name of a PEM file.");
        Fault(settings with { Listeners = [] }).Should().Equal("--private-key: --certificate must be given as well; without all three there is no TLS.");
        Validate(settings with { Certificate = "certificate" }).Tls.Should().Be(new TlsFiles("key", "certificate", "ca"));
    }

    [Test]
    public void Validate_SeveralFaults_NamesThemAll()
    {
        var settings = new AgentSettings
        {
            DatapathId = "xyz",
            Controllers = ["http://1.2.3.4", "ptcp:6653"],
            Listeners = ["tcp:1.2.3.4"],
            Ports = ["nosuch0", "eth1=1", "eth2=1", "eth3=0", "eth1=65280"],
            FailMode = "open",
            Management = "/tmp/",
            Cpus = "-1",
            Transmit = "fast",
            LogLevel = "loud",
        };

        var faults = Fault(settings);

        faults.Should().HaveCount(13);
        faults.Should().ContainSingle(fault => fault.Contains("--datapath-id xyz") && fault.Contains("16 hex digits"));
        faults.Should().ContainSingle(fault => fault.Contains("http://1.2.3.4"));
        faults.Should().ContainSingle(fault => fault.StartsWith("--controller ptcp:6653") && fault.Contains("--listen"));
        faults.Should().ContainSingle(fault => fault.StartsWith("--listen tcp:1.2.3.4") && fault.Contains("--controller"));
        faults.Should().ContainSingle(fault => fault.Contains("nosuch0") && fault.Contains("eth1, eth2, eth3"));
        faults.Should().ContainSingle(fault => fault.Contains("--port eth2=1") && fault.Contains("taken by --port eth1=1"));
        faults.Should().Contain(fault => fault.Contains("'0' is not a port number") && fault.Contains("1 to 65279"));
        faults.Should().Contain(fault => fault.Contains("'65280' is not a port number"));
        faults.Should().ContainSingle(fault => fault.Contains("--fail-mode open"));
        faults.Should().ContainSingle(fault => fault.Contains("--management /tmp/"));
        faults.Should().ContainSingle(fault => fault.Contains("--cpus -1"));
        faults.Should().ContainSingle(fault => fault.Contains("--transmit fast: allowed are auto"));
        faults.Should().ContainSingle(fault => fault.Contains("--log-level loud"));
    }

    [TestCase("")]
    [TestCase("=1")]
    [TestCase("a-name-of-sixteen")]
    public void Validate_ImpossibleInterfaceName_ShowsTheForm(string port) =>
        Fault(new AgentSettings { Ports = [port] }).Should().ContainSingle().Which.Should().Contain("IFNAME=NUMBER");

    [Test]
    public void Validate_InterfaceNamedTwice_IsRefused() =>
        Fault(new AgentSettings { Ports = ["eth1", "eth1=4"] }).Should().ContainSingle().Which.Should().Contain("named twice");

    [TestCase("0000000000000000")]
    [TestCase("00000000000000001")]
    [TestCase("1")]
    [TestCase("+00000000000001a")]
    public void Validate_DatapathIdNot16HexDigits_IsRefused(string id) =>
        Fault(new AgentSettings { DatapathId = id }).Should().ContainSingle().Which.Should().Contain(id);

    [Test]
    public void Validate_DatapathId_IsReadAsHex() =>
        Validate(new AgentSettings { DatapathId = "00000000000000c1" }).DatapathId.Should().Be(0xc1);

    [Test]
    public void Validate_ManagementPathTooLongForASocket_SaysTheLimit() =>
        Fault(new AgentSettings { Management = "/tmp/" + new string('a', 120) }).Should().ContainSingle().Which.Should().Contain("107");

    private static AgentOptions Validate(AgentSettings settings) => AgentOptionsValidator.Validate(settings, Interfaces);

    private static IEnumerable<string> Fault(AgentSettings settings)
    {
        var act = () => Validate(settings);
        return act.Should().Throw<ConfigurationException>().Which.Faults;
    }
}
