using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

public class PacketOutTests
{
    private static readonly PortNumber Controller = PortNumber.Controller;

    private RuleBench _bench = null!;

    [SetUp]
    public void SetUp() => _bench = new RuleBench();

    [TearDown]
    public void TearDown() => _bench.Dispose();

    [Test]
    public void PacketOut_SeveralOutputsWithSetField_LeaveInOrder()
    {
        Send(Controller, Output(1), new SetFieldAction(new OxmEntry(OxmCatalogue.EthDst, 0xAABBCCDDEEFF)), Output(2));
        _bench.Expect(1).Should().Equal(Udp());
        _bench.Expect(2)[..6].Should().Equal(0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF);
    }

    [Test]
    public void PacketOut_ToTable_RunsThroughTheTablesAsFromItsInPort()
    {
        _bench.Do(Add(1, Match((OxmCatalogue.InPort, 1)), Output(3)));
        Send(new PortNumber(1), new OutputAction(PortNumber.Table, 0));
        _bench.Expect(3).Should().Equal(Udp());
    }

    [Test]
    public void PacketOut_Flood_LeavesByAllButInPort()
    {
        Send(new PortNumber(1), new OutputAction(PortNumber.Flood, 0));
        _bench.Expect(2);
        _bench.Expect(3);
        _bench.Ports[0].Take(TimeSpan.FromMilliseconds(50)).Should().BeNull();
    }

    [Test]
    public void PacketOut_WithoutActions_IsDropped() => Send(Controller);

    [TestCase(0u)]
    [TestCase(0xFFFFFF01u)]
    [TestCase(0xFFFFFFF8u)]
    [TestCase(0xFFFFFFFBu)]
    public void PacketOut_FromNoPort_BadPort(uint inPort) =>
        Refuse(new PacketOut(BufferId.NoBuffer, new PortNumber(inPort), [Output(1)], Udp()), BadRequestCode.BadPort);

    [TestCase(1u)]
    [TestCase(0xFFFFFFFDu)]
    [TestCase(0xFFFFFFFEu)]
    [TestCase(0xFFFFFFFFu)]
    public void PacketOut_FromAPossiblePort_Leaves(uint inPort)
    {
        Send(new PortNumber(inPort), Output(2));
        _bench.Expect(2);
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(13)]
    public void PacketOut_ShorterThanAHeader_BadPacket(int length)
    {
        Refuse(new PacketOut(BufferId.NoBuffer, Controller, [new OutputAction(PortNumber.Table, 0)], new byte[length]), BadRequestCode.BadPacket);
        Send(Controller, Output(1));
        _bench.Expect(1).Should().Equal(Udp());
        SpinWait.SpinUntil(() => _bench.Datapath.GetBalance().IsBalanced, 5000).Should().BeTrue();
    }

    [Test]
    public void PacketOut_FromBuffer_BufferUnknown() =>
        Refuse(new PacketOut(new BufferId(1), Controller, [Output(1)], []), BadRequestCode.BufferUnknown);

    [Test]
    public void PacketOut_LargerThanAFrame_BadPacket() =>
        Refuse(new PacketOut(BufferId.NoBuffer, Controller, [Output(1)], new byte[16129]), BadRequestCode.BadPacket);

    [Test]
    public void PacketOut_ToAny_BadOutPort()
    {
        FluentActions.Invoking(() => Send(Controller, new OutputAction(PortNumber.Any, 0))).Should().Throw<OpenFlowErrorException>()
            .Where(error => error.Type == ErrorType.BadAction && error.Code == (ushort)BadActionCode.BadOutPort);
    }

    private void Send(PortNumber inPort, params OfAction[] actions) => Send(new PacketOut(BufferId.NoBuffer, inPort, [.. actions], Udp()));

    private void Send(PacketOut message) => _bench.Rules.RunAsync(() => _bench.Rules.SendPacketOut(message)).GetAwaiter().GetResult();

    private void Refuse(PacketOut message, BadRequestCode code) => FluentActions.Invoking(() => Send(message))
        .Should().Throw<OpenFlowErrorException>().Where(error => error.Type == ErrorType.BadRequest && error.Code == (ushort)code);
}
