using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

public class HandshakeTests
{
    private SwitchBench _bench = null!;
    private ControllerSimulator _controller = null!;

    [SetUp]
    public async Task SetUp()
    {
        _bench = await SwitchBench.StartAsync();
        _controller = await _bench.ConnectAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        await _controller.DisposeAsync();
        await _bench.DisposeAsync();
    }

    [Test]
    public async Task Features_Asked_PromiseWhatIsAnswered()
    {
        var features = await _controller.RequestAsync<FeaturesReply>(new FeaturesRequest());
        features.DatapathId.Should().Be(SwitchBench.DatapathId);
        features.BufferCount.Should().Be(0);
        features.TableCount.Should().Be(64);
        features.AuxiliaryId.Should().Be(0);
        features.Capabilities.Should().Be(Capabilities.FlowStats | Capabilities.TableStats | Capabilities.PortStats | Capabilities.GroupStats | Capabilities.QueueStats);
    }

    [Test]
    public async Task Config_Set_IsReadBackByThatConnectionOnly()
    {
        (await _controller.RequestAsync<GetConfigReply>(new GetConfigRequest())).MissSendLength.Should().Be(128);
        await _controller.SendAsync(new SetConfig(ConfigFlags.FragNormal, 0xFFFF));
        (await _controller.RequestAsync<GetConfigReply>(new GetConfigRequest())).MissSendLength.Should().Be(0xFFFF);
        await using var other = await _bench.ConnectAsync();
        (await other.RequestAsync<GetConfigReply>(new GetConfigRequest())).MissSendLength.Should().Be(128);
        await _controller.RefusedAsync(new SetConfig(ConfigFlags.FragReasm, 0), ErrorType.SwitchConfigFailed, SwitchConfigFailedCode.BadFlags);
    }

    [Test]
    public async Task Config_DropFragments_HoldsForTheSwitch()
    {
        await using var other = await _bench.ConnectAsync();
        await _controller.DoAsync(new SetConfig(ConfigFlags.FragDrop, 128));
        (await other.RequestAsync<GetConfigReply>(new GetConfigRequest())).Flags.Should().Be(ConfigFlags.FragDrop);
        _bench.Datapath.DropsFragments.Should().BeTrue();
        await other.RequestAsync<RoleReply>(new RoleRequest(ControllerRole.Slave, 1));
        await other.RefusedAsync(new SetConfig(ConfigFlags.FragNormal, 128), ErrorType.BadRequest, BadRequestCode.IsSlave);
        await other.DoAsync(new SetConfig(ConfigFlags.FragDrop, 64));
        await _controller.DoAsync(new SetConfig(ConfigFlags.FragNormal, 128));
        _bench.Datapath.DropsFragments.Should().BeFalse();
    }

    [Test]
    public async Task Queues_OfAPort_AreDescribedAndCounted()
    {
        var queues = await _controller.RequestAsync<QueueGetConfigReply>(new QueueGetConfigRequest(new PortNumber(2)));
        queues.Queues.Select(queue => (queue.Port.Value, queue.Queue.Value, queue.Properties.Length)).Should().Equal((2u, 0u, 0), (2u, 1u, 0));
        await _controller.DoAsync(new FlowMod { Instructions = [new ApplyActionsInstruction([new SetQueueAction(new QueueId(1)), new OutputAction(new PortNumber(2))])] });
        _bench.Port(1).Push(new byte[60]);
        _bench.Port(2).Take(TimeSpan.FromSeconds(5)).Should().NotBeNull();
        await _controller.BarrierAsync();
        var all = (await _controller.AskAsync<QueueStatsReply>(new MultipartRequest(new QueueStatsRequest(PortNumber.Any, QueueId.All)))).Queues;
        all.Should().HaveCount(6);
        var one = (await _controller.AskAsync<QueueStatsReply>(new MultipartRequest(new QueueStatsRequest(new PortNumber(2), new QueueId(1))))).Queues.Single();
        (one.Port.Value, one.Queue.Value, one.SentPackets, one.SentBytes, one.Errors).Should().Be((2u, 1u, 1ul, 60ul, 0ul));
        one.Duration.Should().BePositive();
    }

    [Test]
    public async Task Description_Asked_HasNoEmptyString()
    {
        var description = await _controller.AskAsync<DescriptionReply>(new MultipartRequest(new EmptyRequest(MultipartType.Desc)));
        description.Should().Be(new DescriptionReply("OkoSwitch", "OkoSwitch software switch", "0.1.0", "None", "bench"));
    }

    [Test]
    public async Task PortDescription_Asked_ComesInOnePart()
    {
        var ports = await _controller.AskAsync<PortDescriptionReply>(new MultipartRequest(new EmptyRequest(MultipartType.PortDesc)));
        ports.Ports.Select(port => (port.Number.Value, port.Name, port.HardwareAddress)).Should().Equal(
            (1u, "m1", 0x020000000001UL), (2u, "m2", 0x020000000002UL), (3u, "m3", 0x020000000003UL));
    }

    [Test]
    public async Task TableFeatures_Asked_WriteEverythingOut()
    {
        var tables = await ReadTablesAsync();
        tables.Should().HaveCount(64);
        tables.Select(table => table.Table.Value).Should().Equal(Enumerable.Range(0, 64).Select(number => (byte)number));
        foreach (var table in tables)
        {
            table.Name.Should().Be($"table{table.Table.Value}");
            table.Properties.Select(property => property.Type).Should().BeEquivalentTo(
                Enum.GetValues<TableFeatureType>().Where(type => type is not (TableFeatureType.Experimenter or TableFeatureType.ExperimenterMiss)));
            Values(table, TableFeatureType.ApplyActionsMiss).Should().Contain((uint)ActionType.Output);
            Values(table, TableFeatureType.NextTables).Should().Equal(Enumerable.Range(table.Table.Value + 1, 63 - table.Table.Value).Select(next => (uint)next));
        }

        Values(tables[0], TableFeatureType.Match).Should().Contain([0x80000004u, 0x8000070C, 0x80000A02, 0x80000D04, 0x80001708])
            .And.NotContain(OxmCatalogue.Filter.Header);
        Values(tables[0], TableFeatureType.Instructions).Should().Contain((uint)InstructionType.GotoTable);
        Values(tables[63], TableFeatureType.Instructions).Should().NotContain((uint)InstructionType.GotoTable);
    }

    [Test]
    public async Task TableFeatures_ForAnAwareConnection_NameTheFilterField()
    {
        await _controller.AskAsync<FilterDescriptionReply>(new MultipartRequest(new FilterDescriptionRequest(OkoExperimenter.AllFilters)));
        var match = Values((await ReadTablesAsync())[0], TableFeatureType.Match);
        match.Should().ContainInConsecutiveOrder(OxmCatalogue.Filter.Header, OkoExperimenter.Id);
    }

    [Test]
    public async Task TableFeatures_NamesAndCapacities_AreTakenOver()
    {
        var tables = await ReadTablesAsync();
        var wanted = tables.Select(table => table.Table.Value == 5 ? table with { Name = "acl", MaxEntries = 1, Properties = [.. table.Properties.Reverse()] } : table).ToList();
        (await WriteTablesAsync(wanted))[5].Should().BeEquivalentTo(tables[5] with { Name = "acl", MaxEntries = 1 });
        (await ReadTablesAsync())[5].Name.Should().Be("acl");
        await _controller.DoAsync(new FlowMod { Table = new TableId(5), Priority = 1 });
        await _controller.RefusedAsync(new FlowMod { Table = new TableId(5), Priority = 2 }, ErrorType.FlowModFailed, FlowModFailedCode.TableFull);
        await WriteTablesAsync(tables);
        await _controller.DoAsync(new FlowMod { Table = new TableId(5), Priority = 2 });
    }

    [Test]
    public async Task TableFeatures_OfSomeTables_AreRefused()
    {
        var tables = await ReadTablesAsync();
        await _controller.RefusedAsync(new MultipartRequest(new TableFeatures([tables[0]])), ErrorType.TableFeaturesFailed, TableFeaturesFailedCode.Eperm);
        await _controller.RefusedAsync(new MultipartRequest(new TableFeatures([tables[0], tables[0]])), ErrorType.TableFeaturesFailed, TableFeaturesFailedCode.BadTable);
        var less = tables[0] with { Properties = [.. tables[0].Properties.Select(property => property with { Values = [.. property.Values.Skip(1)] })] };
        await _controller.RefusedAsync(new MultipartRequest(new TableFeatures([less])), ErrorType.TableFeaturesFailed, TableFeaturesFailedCode.Eperm);
    }

    [Test]
    public async Task Errors_OfAnyRequest_CarryItsXidAndAllOfIt()
    {
        var mod = new FlowMod { Xid = 0x1234, Table = new TableId(99), Match = FlowMatch.Any };
        await _controller.SendAsync(mod);
        var error = await _controller.ExpectAsync<ErrorMessage>();
        error.Xid.Should().Be(0x1234);
        error.ErrorType.Should().Be(ErrorType.FlowModFailed);
        error.Data.Should().Equal(MessageCodec.Encode(mod));
    }

    [TestCase(MessageType.FeaturesReply)]
    [TestCase(MessageType.PacketIn)]
    [TestCase((MessageType)30)]
    public async Task Message_ThatNoControllerSends_IsABadType(MessageType type)
    {
        var body = type == MessageType.FeaturesReply ? new byte[24] : type == MessageType.PacketIn ? new byte[26] : [];
        if (type == MessageType.PacketIn)
        {
            body = MessageCodec.Encode(new PacketIn(BufferId.NoBuffer, 0, PacketInReason.Action, new TableId(0), new Cookie(0), FlowMatch.Any, []))[8..];
        }

        await _controller.SendRawAsync(ControllerSimulator.Frame(4, (byte)type, 9, body));
        var error = await _controller.ExpectAsync<ErrorMessage>();
        (error.Xid, error.ErrorType, error.Code).Should().Be((9u, ErrorType.BadRequest, (ushort)BadRequestCode.BadType));
    }

    [Test]
    public async Task Experimenter_OfSomebodyElse_IsRefused()
    {
        await _controller.RefusedAsync(new ExperimenterMessage(0x00666666, 1, []), ErrorType.BadRequest, BadRequestCode.BadExperimenter);
        await _controller.RefusedAsync(
            new MultipartRequest(new ExperimenterMultipart(0x00666666, 1, [])), ErrorType.BadRequest, BadRequestCode.BadExperimenter);
        await _controller.BarrierAsync();
    }

    [Test]
    public async Task Multipart_OfUnknownType_IsRefused()
    {
        await _controller.SendRawAsync(ControllerSimulator.Frame(4, (byte)MessageType.MultipartRequest, 5, 0, 77, 0, 0, 0, 0, 0, 0));
        var error = await _controller.ExpectAsync<ErrorMessage>();
        (error.Xid, error.ErrorType, error.Code).Should().Be((5u, ErrorType.BadRequest, (ushort)BadRequestCode.BadMultipart));
    }

    [Test]
    public async Task Multipart_RequestInParts_IsAnsweredOnceItIsWhole()
    {
        var xid = await _controller.SendAsync(new MultipartRequest(new EmptyRequest(MultipartType.Desc), More: true));
        await _controller.BarrierAsync();
        _controller.PeekReceived().Should().BeEmpty();
        await _controller.SendAsync(new MultipartRequest(new EmptyRequest(MultipartType.Desc)) { Xid = xid });
        (await _controller.ExpectAsync<MultipartReply>()).Xid.Should().Be(xid);
    }

    [Test]
    public async Task GroupsMetersQueues_OnANewSwitch_AreAnsweredTruthfully()
    {
        await _controller.AskAsync<GroupStatsReply>(new MultipartRequest(new GroupStatsRequest(GroupId.All)));
        await _controller.AskAsync<GroupDescriptionReply>(new MultipartRequest(new EmptyRequest(MultipartType.GroupDesc)));
        await _controller.AskAsync<MeterStatsReply>(new MultipartRequest(new MeterRequest(MultipartType.Meter, MeterId.All)));
        await _controller.AskAsync<MeterConfigurationReply>(new MultipartRequest(new MeterRequest(MultipartType.MeterConfig, MeterId.All)));
        await _controller.AskAsync<QueueStatsReply>(new MultipartRequest(new QueueStatsRequest(PortNumber.Any, QueueId.All)));
        (await _controller.AskAsync<MeterFeaturesReply>(new MultipartRequest(new EmptyRequest(MultipartType.MeterFeatures)))).Should().Be(
            new MeterFeaturesReply(65_536, 0b110, MeterFlags.Kbps | MeterFlags.Pktps | MeterFlags.Burst | MeterFlags.Stats, 16, 0));
        (await _controller.AskAsync<GroupFeaturesReply>(new MultipartRequest(new EmptyRequest(MultipartType.GroupFeatures)))).MaxGroups.Should().Equal(65_536, 65_536, 65_536, 65_536);
        await _controller.RequestAsync<QueueGetConfigReply>(new QueueGetConfigRequest(PortNumber.Any));
        await _controller.DoAsync(
            new GroupMod(GroupModCommand.Delete, GroupType.All, GroupId.All, []),
            new GroupMod(GroupModCommand.Delete, (GroupType)3, GroupId.All, []),
            new MeterMod(MeterModCommand.Delete, 0, MeterId.All, []));
        await _controller.RefusedAsync(new GroupMod(GroupModCommand.Modify, GroupType.All, new GroupId(1), []), ErrorType.GroupModFailed, GroupModFailedCode.UnknownGroup);
        await _controller.RefusedAsync(new MeterMod(MeterModCommand.Modify, 0, new MeterId(1), []), ErrorType.MeterModFailed, MeterModFailedCode.UnknownMeter);
        await _controller.RefusedAsync(new MultipartRequest(new MeterRequest(MultipartType.Meter, new MeterId(1))), ErrorType.MeterModFailed, MeterModFailedCode.UnknownMeter);
        await _controller.RefusedAsync(new MultipartRequest(new QueueStatsRequest(new PortNumber(1), new QueueId(3))), ErrorType.QueueOpFailed, QueueOpFailedCode.BadQueue);
        await _controller.RefusedAsync(new MultipartRequest(new QueueStatsRequest(new PortNumber(9), QueueId.All)), ErrorType.QueueOpFailed, QueueOpFailedCode.BadPort);
        await _controller.RefusedAsync(new QueueGetConfigRequest(new PortNumber(9)), ErrorType.QueueOpFailed, QueueOpFailedCode.BadPort);
    }

    [Test]
    public async Task TableMod_WithDeprecatedBits_IsAcceptedAndOthersAreNot()
    {
        await _controller.DoAsync(new TableMod(TableId.All, 3), new TableMod(new TableId(5), 0));
        await _controller.RefusedAsync(new TableMod(new TableId(64), 0), ErrorType.TableModFailed, TableModFailedCode.BadTable);
        await _controller.RefusedAsync(new TableMod(TableId.All, 4), ErrorType.TableModFailed, TableModFailedCode.BadConfig);
    }

    private static IEnumerable<uint> Values(TableFeaturesEntry table, TableFeatureType type) =>
        table.Properties.Single(property => property.Type == type).Values;

    private async Task<List<TableFeaturesEntry>> ReadTablesAsync()
    {
        var xid = await _controller.SendAsync(new MultipartRequest(new TableFeatures([])));
        return await ReceiveTablesAsync(xid);
    }

    /// <summary>Sends the features of all tables, a few to a part, and reads those that are in force then.</summary>
    private async Task<List<TableFeaturesEntry>> WriteTablesAsync(List<TableFeaturesEntry> tables)
    {
        var xid = _controller.NextXid();
        foreach (var part in tables.Chunk(16))
        {
            await _controller.SendAsync(new MultipartRequest(new TableFeatures([.. part]), More: part[^1] != tables[^1]) { Xid = xid });
        }

        return await ReceiveTablesAsync(xid);
    }

    private async Task<List<TableFeaturesEntry>> ReceiveTablesAsync(uint xid)
    {
        var tables = new List<TableFeaturesEntry>();
        MultipartReply part;
        do
        {
            part = await _controller.ExpectAsync<MultipartReply>(reply => reply.Xid == xid);
            tables.AddRange(((TableFeatures)part.Body).Entries);
        }
        while (part.More);
        return tables;
    }
}
