using Microsoft.Extensions.Logging.Abstractions;
using Oko.Agent.Configuration;
using Oko.Agent.Ports;
using Oko.Agent.Tests.Rules;
using Oko.Datapath.Interop;
using Oko.Datapath.Ports;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Ports;

public sealed class SwitchPortsTests
{
    private readonly List<(PortChangeKind Kind, uint Number)> _changes = [];
    private RuleBench _bench = null!;
    private SwitchPorts _ports = null!;
    private string? _refusal;

    [SetUp]
    public void SetUp()
    {
        _changes.Clear();
        _refusal = null;
        _bench = new RuleBench();
        _ports = new SwitchPorts(_bench.Rules, _bench.Datapath, Open, NullLogger<SwitchPorts>.Instance);
        _ports.Changed += change => _changes.Add((change.Kind, change.Port.Number));
        _ports.Open(new PortOptions("eth7", 7));
    }

    [TearDown]
    public void TearDown() => _bench.Dispose();

    [Test]
    public void Interface_GoneAndBack_IsDeletedAndAddedWithItsNumberAndConfiguration()
    {
        _ports.Find(7)!.ConfigBits = Port.ConfigNoForward;

        Report(LinkEventKind.Removed, "eth7");
        _bench.Datapath.Ports.Should().NotContain(port => port.Number == 7);
        _ports.All.Should().ContainSingle().Which.Port.Should().BeNull();

        Report(LinkEventKind.Added, "eth7");
        _changes.Should().Equal((PortChangeKind.Removed, 7u), (PortChangeKind.Added, 7u));
        _ports.Find(7)!.ConfigBits.Should().Be(Port.ConfigNoForward);
    }

    [Test]
    public void Interface_Back_ForwardsAgain()
    {
        _bench.Do(Add(1, Match(), Output(7)));
        Report(LinkEventKind.Removed, "eth7");
        Report(LinkEventKind.Added, "eth7");

        _bench.Send(1);

        ((MemoryPort)_ports.Find(7)!).Take(TimeSpan.FromSeconds(5)).Should().NotBeNull();
    }

    [Test]
    public void Interface_BackButRefused_IsTriedAgainAtTheNextChange()
    {
        Report(LinkEventKind.Removed, "eth7");
        _refusal = "MTU 9000 is too large";
        Report(LinkEventKind.Added, "eth7");
        _ports.Find(7).Should().BeNull();

        _refusal = null;
        Report(LinkEventKind.Changed, "eth7");

        _changes.Should().Equal((PortChangeKind.Removed, 7u), (PortChangeKind.Added, 7u));
    }

    [Test]
    public void Interface_NotOurs_IsIgnored()
    {
        Report(LinkEventKind.Removed, "eth8");
        Report(LinkEventKind.Added, "eth8");

        _changes.Should().BeEmpty();
        _ports.Find(7).Should().NotBeNull();
    }

    [Test]
    public void Interface_RemovedTwice_IsReportedOnce()
    {
        Report(LinkEventKind.Removed, "eth7");
        Report(LinkEventKind.Removed, "eth7");

        _changes.Should().Equal((PortChangeKind.Removed, 7u));
    }

    private Port Open(PortOptions options) => _refusal is null
        ? new MemoryPort(_bench.Datapath.Umem, options.Number, options.InterfaceName)
        : throw new PortOpenException(options.InterfaceName, _refusal);

    private void Report(LinkEventKind kind, string name)
    {
        _ports.OnLinkEvent(new LinkEvent(kind, new LinkInfo(42, name)));
        _bench.Rules.RunAsync(() => { }).Wait();
    }
}
