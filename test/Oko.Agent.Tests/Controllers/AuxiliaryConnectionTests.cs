using System.Net;
using System.Net.Sockets;
using Socket = System.Net.Sockets.Socket;
using Oko.Agent.Tests.Rules;
using Oko.Datapath.Interop;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

/// <summary>Auxiliary connections of a controller that wants them (OpenFlow 1.3.5, 6.3.7).</summary>
public sealed class AuxiliaryConnectionTests
{
    private Socket _listener = null!;
    private SwitchBench _bench = null!;
    private ControllerSimulator _main = null!;
    private ControllerSimulator[] _auxiliaries = null!;

    [SetUp]
    public async Task ConnectAll()
    {
        _listener = ControllerSimulator.Listen();
        _bench = await SwitchBench.StartAsync(controllers: $"tcp:{(IPEndPoint)_listener.LocalEndPoint!}?aux=2");
        _main = await ControllerSimulator.AcceptAsync(_listener);
        _listener.Poll(TimeSpan.FromMilliseconds(100), SelectMode.SelectRead).Should().BeFalse("the main connection is not agreed on yet");
        await _main.HelloAsync();
        _auxiliaries = [await ControllerSimulator.AcceptAsync(_listener), await ControllerSimulator.AcceptAsync(_listener)];
        foreach (var auxiliary in _auxiliaries)
        {
            await auxiliary.HelloAsync();
            await auxiliary.BarrierAsync();
        }
    }

    [TearDown]
    public async Task CloseAll()
    {
        await _bench.DisposeAsync();
        await _main.DisposeAsync();
        foreach (var auxiliary in _auxiliaries)
        {
            await auxiliary.DisposeAsync();
        }

        _listener.Dispose();
    }

    [Test]
    public async Task Features_OfEach_HaveOneDatapathIdAndDifferentAuxiliaryIds()
    {
        var main = await _main.RequestAsync<FeaturesReply>(new FeaturesRequest());
        main.AuxiliaryId.Should().Be(0);
        var others = new List<FeaturesReply>();
        foreach (var auxiliary in _auxiliaries)
        {
            others.Add(await auxiliary.RequestAsync<FeaturesReply>(new FeaturesRequest()));
        }

        others.Select(features => features.AuxiliaryId).Should().BeEquivalentTo([1, 2]);
        others.Should().OnlyContain(features => features.DatapathId == main.DatapathId);
    }

    [Test]
    public async Task Role_TakenOnTheMainConnection_HoldsForAll()
    {
        await using var other = await _bench.ConnectAsync();
        await _main.RequestAsync<RoleReply>(new RoleRequest(ControllerRole.Master, 1));
        (await _auxiliaries[0].RequestAsync<RoleReply>(new RoleRequest(ControllerRole.Nochange, 0))).Role.Should().Be(ControllerRole.Master);
        await other.RequestAsync<RoleReply>(new RoleRequest(ControllerRole.Master, 2));
        await _auxiliaries[1].RefusedAsync(new PortMod(new PortNumber(1), 0, PortConfig.None, PortConfig.None, PortFeatures.None), ErrorType.BadRequest, BadRequestCode.IsSlave);
    }

    // Packets of port n go to the connection at place n modulo the number of them.
    [Test]
    public async Task Events_PacketsGoToAnAuxiliaryAndTheRestToTheMain()
    {
        await _auxiliaries[0].DoAsync(new FlowMod { Instructions = [new ApplyActionsInstruction([new OutputAction(PortNumber.Controller, 128)])] });
        _bench.Port(1).Push(RuleBench.Udp());
        await _auxiliaries[1].ExpectAsync<PacketIn>();
        _bench.ChangeLink(LinkEventKind.Removed, "m2", isRunning: false);
        await _main.ExpectAsync<PortStatus>();
        foreach (var auxiliary in _auxiliaries)
        {
            await auxiliary.BarrierAsync();
            auxiliary.PeekReceived().Should().NotContain(frame => frame[1] == (byte)MessageType.PortStatus);
        }

        await _main.BarrierAsync();
        _main.PeekReceived().Should().NotContain(frame => frame[1] == (byte)MessageType.PacketIn);
    }

    [Test]
    public async Task MainConnection_Broken_ClosesTheAuxiliariesBeforeItComesBack()
    {
        await _main.DisposeAsync();
        foreach (var auxiliary in _auxiliaries)
        {
            await auxiliary.ExpectClosedAsync();
        }

        await using var again = await ControllerSimulator.AcceptAsync(_listener);
        await again.HelloAsync();
        (await again.RequestAsync<FeaturesReply>(new FeaturesRequest())).AuxiliaryId.Should().Be(0);
    }

    [Test]
    public async Task AuxiliaryConnection_Broken_ComesBackByItself()
    {
        await _auxiliaries[0].DisposeAsync();
        await using var again = await ControllerSimulator.AcceptAsync(_listener);
        await again.HelloAsync();
        (await again.RequestAsync<FeaturesReply>(new FeaturesRequest())).AuxiliaryId.Should().BeInRange(1, 2);
        _main.IsClosedByPeer.Should().BeFalse();
    }
}
