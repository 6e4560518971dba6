using System.Collections.Immutable;
using Oko.Agent.Tests.Filters;
using Oko.Agent.Tests.Rules;
using Oko.Bpf.Loading;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

/// <summary>The messages of the Oko extension, and what waits for them.</summary>
public class FilterMessageTests
{
    private readonly ManualResetEventSlim _mayVerify = new(true);
    private SwitchBench _bench = null!;
    private ControllerSimulator _controller = null!;

    [SetUp]
    public async Task SetUp()
    {
        _mayVerify.Set();
        _bench = await SwitchBench.StartAsync(verify: VerifyWhenAllowed);
        _controller = await _bench.ConnectAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        _mayVerify.Set();
        await _controller.DisposeAsync();
        await _bench.DisposeAsync();
    }

    [OneTimeTearDown]
    public void OneTimeTearDown() => _mayVerify.Dispose();

    [Test]
    public async Task Upload_InParts_IsAnsweredOnceAtItsEnd()
    {
        var whole = SwitchBench.Upload(7, "1 a:hash:16 b:array:4");
        for (var offset = 0; offset < whole.Data.Length - 1; offset++)
        {
            await _controller.SendAsync(whole with { Offset = (uint)offset, Data = [whole.Data[offset]] });
        }

        await _controller.BarrierAsync();
        _controller.PeekReceived().Should().NotContain(frame => frame[1] == (byte)MessageType.Experimenter);
        var status = await _controller.RequestAsync<FilterStatus>(whole with { Offset = (uint)whole.Data.Length - 1, Data = [whole.Data[^1]] });
        status.Should().BeEquivalentTo(new { FilterId = 7u, Generation = 1u, Instructions = 2u, WorstCaseInstructions = 2u, MapCount = (ushort)2, MapsKept = (ushort)0 });
    }

    [Test]
    public async Task Upload_OfAnIdInUse_IsRefusedUnlessItReplaces()
    {
        await _controller.RequestAsync<FilterStatus>(SwitchBench.Upload(7, "1 a:hash:16"));
        await RefuseAsync(SwitchBench.Upload(7, "0 a:hash:16"), OkoErrorType.FilterExists);
        var status = await _controller.RequestAsync<FilterStatus>(SwitchBench.Upload(7, "0 a:hash:16", FilterUploadFlags.Replace | FilterUploadFlags.KeepMaps));
        (status.Generation, status.MapsKept).Should().Be((2u, (ushort)1));
        (await _controller.RequestAsync<FilterStatus>(SwitchBench.Upload(8, "0", FilterUploadFlags.DryRun))).Generation.Should().Be(0);
    }

    [Test]
    public async Task Upload_TheVerifierRefuses_GetsItsReport()
    {
        var error = await RefuseAsync(SwitchBench.Upload(7, "refuse reads past the packet"), OkoErrorType.ProgramRefused);
        (error.InstructionSlot, error.Verdict, error.Text).Should().Be((7u, OkoVerdict.Unsafe, "reads past the packet"));
    }

    [Test]
    public async Task Upload_OutOfSequence_IsRefused() =>
        await RefuseAsync(SwitchBench.Upload(7, "1") with { Offset = 1 }, OkoErrorType.UploadSequence);

    [Test]
    public async Task Barrier_BehindAnUploadInWork_WaitsForItAndOtherConnectionsDoNot()
    {
        await using var other = await _bench.ConnectAsync();
        _mayVerify.Reset();
        var uploadXid = await _controller.SendAsync(SwitchBench.Upload(7, "1"));
        var modXid = await _controller.SendAsync(new FlowMod { Priority = 5, Match = RuleBench.Filtered(7) });
        var barrierXid = await _controller.SendAsync(new BarrierRequest());

        // Two rounds on another connection: what was sent before has reached the switch, and it is alive.
        await other.DoAsync(new FlowMod { Priority = 1 });
        await other.BarrierAsync();
        _controller.PeekReceived().Should().NotContain(frame => frame[1] == (byte)MessageType.BarrierReply);
        await _controller.SendRawAsync(ControllerSimulator.Frame(4, (byte)MessageType.EchoRequest, 99));
        await _controller.ExpectRawAsync(frame => frame[1] == (byte)MessageType.EchoReply);

        _mayVerify.Set();
        await _controller.ExpectAsync<BarrierReply>(reply => reply.Xid == barrierXid);
        var before = _controller.PeekReceived().Select(frame => (Type: (MessageType)frame[1], Xid: ControllerSimulator.XidOf(frame))).ToList();
        before.Should().Contain((MessageType.Experimenter, uploadXid)).And.NotContain(reply => reply.Xid == modXid, "the filter was there in time");
        (await _controller.FlowsAsync()).Entries.Should().HaveCount(2);
    }

    [Test]
    public async Task Connection_ThatEndsDuringItsUpload_HarmsNobody()
    {
        _mayVerify.Reset();
        var leaving = await _bench.ConnectAsync();
        await leaving.SendAsync(SwitchBench.Upload(7, "1"));
        await leaving.SendAsync(new FlowMod { Priority = 5, Match = RuleBench.Filtered(7) });
        await leaving.SendRawAsync(ControllerSimulator.Frame(4, (byte)MessageType.EchoRequest, 99));
        await leaving.ExpectRawAsync(frame => frame[1] == (byte)MessageType.EchoReply);
        await leaving.DisposeAsync();
        SpinWait.SpinUntil(() => _bench.Hub.ConnectionCount == 1, TimeSpan.FromSeconds(5)).Should().BeTrue();
        _mayVerify.Set();
        await _controller.RequestAsync<FilterStatus>(SwitchBench.Upload(8, "1"));
        (await DescribeAsync()).Select(filter => filter.FilterId).Should().Equal(7, 8);
        (await _controller.FlowsAsync()).Entries.Should().BeEmpty("its requests behind the upload went with it");
    }

    [Test]
    public async Task Unload_OfAFilterInUse_NeedsForce()
    {
        await _controller.RequestAsync<FilterStatus>(SwitchBench.Upload(7, "1"));
        await _controller.DoAsync(new FlowMod { Priority = 5, Match = RuleBench.Filtered(7), Flags = FlowModFlags.SendFlowRem });
        await RefuseAsync(new FilterUnload(7, Force: false), OkoErrorType.FilterInUse);
        await _controller.DoAsync(new FilterUnload(7, Force: true));
        (await _controller.ExpectAsync<FlowRemoved>()).Reason.Should().Be(FlowRemovedReason.Delete);
        await RefuseAsync(new FilterUnload(7, Force: true), OkoErrorType.FilterUnknown);
    }

    [Test]
    public async Task Maps_UpdatedAndDeleted_AreDumpedSo()
    {
        await _controller.RequestAsync<FilterStatus>(SwitchBench.Upload(7, "1 a:hash:16"));
        await _controller.DoAsync(Update(0, 4, 8, ([1, 0, 0, 0], [9, 0, 0, 0, 0, 0, 0, 0]), ([2, 0, 0, 0], [8, 0, 0, 0, 0, 0, 0, 0])));
        await _controller.DoAsync(new MapDelete(7, 0, 4, [[1, 0, 0, 0]]));
        var dump = await DumpAsync();
        (dump.KeySize, dump.ValueSize).Should().Be((4u, 8u));
        dump.Entries.Should().ContainSingle().Which.Key.Should().Equal(2, 0, 0, 0);
        await _controller.DoAsync(new MapDelete(7, 0, 0, []));
        (await DumpAsync()).Entries.Should().BeEmpty();
    }

    [Test]
    public async Task Maps_WrongRequests_AreRefused()
    {
        await _controller.RequestAsync<FilterStatus>(SwitchBench.Upload(7, "1 a:hash:16"));
        await RefuseAsync(Update(0, 4, 4, ([1, 0, 0, 0], [9, 0, 0, 0])), OkoErrorType.MapSize);
        await RefuseAsync(Update(1, 4, 8, ([1, 0, 0, 0], new byte[8])), OkoErrorType.MapUnknown);
        await RefuseAsync(new MapDelete(7, 0, 4, [[1, 0, 0, 0]]), OkoErrorType.MapEntry);
        await RefuseAsync(new MapDelete(9, 0, 4, [[1, 0, 0, 0]]), OkoErrorType.FilterUnknown);
        await RefuseAsync(new MultipartRequest(new MapDumpRequest(7, 0, 1)), OkoErrorType.MapOperation);
        await RefuseAsync(new MultipartRequest(new FilterDescriptionRequest(9)), OkoErrorType.FilterUnknown);
        await _controller.RefusedAsync(new FilterStatus { FilterId = 7 }, ErrorType.BadRequest, BadRequestCode.BadExpType);
    }

    [Test]
    public async Task DescriptionAndStatistics_OfALoadedFilter_TellItsState()
    {
        await _controller.RequestAsync<FilterStatus>(SwitchBench.Upload(7, "1 a:hash:16 b:array:4") with { Name = "firewall" });
        await _controller.DoAsync(new FlowMod { Priority = 5, Match = RuleBench.Filtered(7) });
        var filter = (await DescribeAsync()).Single();
        filter.Should().BeEquivalentTo(new { FilterId = 7u, Generation = 1u, Instructions = 2u, WorstCaseInstructions = 2u, References = 1u, Name = "firewall" });
        filter.Maps.Select(map => (map.Name, map.Type, map.KeySize, map.ValueSize, map.MaxEntries, map.Flags)).Should().Equal(
            ("a", 1u, 4u, 8u, 16u, 3u), ("b", 2u, 4u, 8u, 4u, 3u));
        _bench.Port(1).Push(RuleBench.Udp());
        SpinWait.SpinUntil(() => _bench.Datapath.GetTableStatistics(0).LookupCount == 1, TimeSpan.FromSeconds(5)).Should().BeTrue();
        await _controller.BarrierAsync();
        var statistics = await _controller.AskAsync<FilterStatsReply>(new MultipartRequest(new FilterStatsRequest(7)));
        (statistics.Entries.Single().Runs, statistics.Entries.Single().Matches).Should().Be((1UL, 1UL));
    }

    private static MapUpdate Update(ushort map, uint keySize, uint valueSize, params (byte[] Key, byte[] Value)[] entries) =>
        new(7, map, 0, keySize, valueSize, [.. entries.Select(entry => new MapItem(entry.Key, entry.Value))]);

    private VerifiedProgram VerifyWhenAllowed(uint filterId, byte[] elf, string? entry)
    {
        _mayVerify.Wait(TimeSpan.FromSeconds(10));
        return TextObject.Verify(filterId, elf, entry);
    }

    private async Task<ImmutableArray<FilterDescription>> DescribeAsync() =>
        (await _controller.AskAsync<FilterDescriptionReply>(new MultipartRequest(new FilterDescriptionRequest(OkoExperimenter.AllFilters)))).Entries;

    private async Task<MapDumpReply> DumpAsync() => await _controller.AskAsync<MapDumpReply>(new MultipartRequest(new MapDumpRequest(7, 0, 0)));

    private async Task<OkoError> RefuseAsync(OpenFlowMessage message, OkoErrorType type)
    {
        var error = await _controller.RefusedAsync(message, ErrorType.Experimenter, type);
        return OkoError.Parse(error.Code, error.Data);
    }
}
