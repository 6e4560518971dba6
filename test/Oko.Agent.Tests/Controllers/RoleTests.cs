using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

public class RoleTests
{
    private SwitchBench _bench = null!;
    private ControllerSimulator _one = null!;
    private ControllerSimulator _other = null!;

    [SetUp]
    public async Task SetUp()
    {
        _bench = await SwitchBench.StartAsync();
        _one = await _bench.ConnectAsync();
        _other = await _bench.ConnectAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        await _one.DisposeAsync();
        await _other.DisposeAsync();
        await _bench.DisposeAsync();
    }

    [Test]
    public async Task Role_NobodyAsked_IsEqualWithAnUndefinedGeneration() =>
        (await AskAsync(_one, ControllerRole.Nochange, 0)).Should().Be((ControllerRole.Equal, ulong.MaxValue));

    [Test]
    public async Task Role_SameGenerationForEver_IsNeverStale()
    {
        for (var round = 0; round < 3; round++)
        {
            (await AskAsync(_one, ControllerRole.Master, 0)).Should().Be((ControllerRole.Master, 0UL));
            (await AskAsync(_one, ControllerRole.Equal, 0)).Should().Be((ControllerRole.Equal, 0UL));
        }
    }

    [Test]
    public async Task Role_OlderGeneration_IsStaleForMasterAndSlaveOnly()
    {
        await AskAsync(_one, ControllerRole.Master, 10);
        await _other.RefusedAsync(new RoleRequest(ControllerRole.Master, 9), ErrorType.RoleRequestFailed, RoleRequestFailedCode.Stale);
        await _other.RefusedAsync(new RoleRequest(ControllerRole.Slave, 9), ErrorType.RoleRequestFailed, RoleRequestFailedCode.Stale);
        (await AskAsync(_other, ControllerRole.Equal, 9)).Should().Be((ControllerRole.Equal, 10UL));
        (await AskAsync(_other, ControllerRole.Nochange, 9)).Should().Be((ControllerRole.Equal, 10UL));
        (await AskAsync(_one, ControllerRole.Nochange, 0)).Should().Be((ControllerRole.Master, 10UL));
    }

    [Test]
    public async Task Role_GenerationThatWrapsAround_IsNewer()
    {
        await AskAsync(_one, ControllerRole.Master, ulong.MaxValue);
        (await AskAsync(_other, ControllerRole.Master, 0)).Should().Be((ControllerRole.Master, 0UL));
    }

    [Test]
    public async Task Role_Unknown_IsRefused() =>
        await _one.RefusedAsync(new RoleRequest((ControllerRole)4, 0), ErrorType.RoleRequestFailed, RoleRequestFailedCode.BadRole);

    [Test]
    public async Task Master_Taken_MakesTheOldOneASlaveThatMayReadButNotWrite()
    {
        await AskAsync(_one, ControllerRole.Master, 1);
        await AskAsync(_other, ControllerRole.Master, 2);
        (await AskAsync(_one, ControllerRole.Nochange, 0)).Role.Should().Be(ControllerRole.Slave);
        OpenFlowMessage[] writes =
        [
            new FlowMod(), new GroupMod(GroupModCommand.Delete, GroupType.All, GroupId.All, []), new MeterMod(MeterModCommand.Delete, 0, MeterId.All, []),
            new PortMod(new PortNumber(1), 0x020000000001, PortConfig.None, PortConfig.None, PortFeatures.None), new TableMod(TableId.All, 0),
            new PacketOut(BufferId.NoBuffer, PortNumber.Controller, [], new byte[60]), SwitchBench.Upload(1, "1"),
            new MultipartRequest(new TableFeatures([new TableFeaturesEntry(new TableId(0), "x", 0, 0, 0, 0, [])])),
        ];
        foreach (var write in writes)
        {
            await _one.RefusedAsync(write, ErrorType.BadRequest, BadRequestCode.IsSlave);
        }

        (await _one.FlowsAsync()).Entries.Should().BeEmpty();
        await _one.BarrierAsync();
        await _other.DoAsync(new FlowMod());
    }

    [Test]
    public async Task Slave_OfAsynchronousMessages_GetsPortStatusOnly()
    {
        await AskAsync(_one, ControllerRole.Slave, 1);
        await _other.DoAsync(
            new FlowMod { Flags = FlowModFlags.SendFlowRem, Match = FlowMatch.Any },
            new PortMod(new PortNumber(1), 0x020000000001, PortConfig.NoFwd, PortConfig.NoFwd, PortFeatures.None),
            new FlowMod { Command = FlowModCommand.Delete, Table = TableId.All });
        await _other.ExpectAsync<FlowRemoved>();
        await _other.ExpectAsync<PortStatus>();
        await _one.ExpectAsync<PortStatus>();
        await _one.BarrierAsync();
        _one.PeekReceived().Should().NotContain(frame => frame[1] == (byte)MessageType.FlowRemoved);
    }

    [Test]
    public async Task Generation_AfterAllWhoTookPartAreGone_IsForgotten()
    {
        await AskAsync(_one, ControllerRole.Master, 1000);
        await _one.DisposeAsync();
        SpinWait.SpinUntil(() => _bench.Hub.ConnectionCount == 1, TimeSpan.FromSeconds(5)).Should().BeTrue();
        (await AskAsync(_other, ControllerRole.Master, 0)).Should().Be((ControllerRole.Master, 0UL));
    }

    private static async Task<(ControllerRole Role, ulong Generation)> AskAsync(ControllerSimulator controller, ControllerRole role, ulong generation)
    {
        var reply = await controller.RequestAsync<RoleReply>(new RoleRequest(role, generation));
        return (reply.Role, reply.GenerationId);
    }
}
