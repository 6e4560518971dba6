using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Tests.Messages;

public sealed class MultipartSplitterTests
{
    [Test]
    public void Split_NoEntries_IsOneEmptyPart()
    {
        var part = MultipartSplitter.Split(new FlowStatsReply([]), 9).Should().ContainSingle().Which;

        part.More.Should().BeFalse();
        part.Xid.Should().Be(9);
        MessageCodec.Encode(part).Should().HaveCount(16);
    }

    [Test]
    public void Split_ManyFlows_CutsBetweenEntriesAndLosesNone()
    {
        var flows = Enumerable.Range(0, 10_000).Select(Flow).ToImmutableArray();

        var parts = MultipartSplitter.Split(new FlowStatsReply(flows), 7).ToArray();

        parts.Should().HaveCountGreaterThan(10);
        parts[..^1].Should().OnlyContain(part => part.More);
        parts[^1].More.Should().BeFalse();
        parts.Should().OnlyContain(part => part.Xid == 7 && MessageCodec.Encode(part).Length < 65536);
        var read = parts.SelectMany(part => ((FlowStatsReply)((MultipartReply)MessageCodec.Decode(MessageCodec.Encode(part))).Body).Entries);
        read.Select(flow => flow.Cookie).Should().Equal(flows.Select(flow => flow.Cookie));
    }

    [Test]
    public void Split_PortDescriptions_StayWholeUpToManyPorts()
    {
        var ports = Enumerable.Range(1, 1023).Select(number => new PortDescription { Number = new PortNumber((uint)number), Name = $"p{number}" });

        MultipartSplitter.Split(new PortDescriptionReply([.. ports]), 1).Should().ContainSingle("Floodlight takes one part only");
    }

    [Test]
    public void Split_TableFeaturesOf64Tables_CutsBetweenTables()
    {
        var values = Enumerable.Range(0, 64).Select(value => (uint)value).ToImmutableArray();
        var tables = Enumerable.Range(0, 64).Select(table => new TableFeaturesEntry(
            new TableId((byte)table), $"table {table}", 0, 0, 0, 100, [.. Enum.GetValues<TableFeatureType>().Select(type => new TableFeatureProperty(type, values))]));

        var parts = MultipartSplitter.Split(new TableFeatures([.. tables]), 1).ToArray();

        parts.Should().HaveCountGreaterThan(1);
        parts.SelectMany(part => ((TableFeatures)((MultipartReply)MessageCodec.Decode(MessageCodec.Encode(part))).Body).Entries).Should().HaveCount(64);
    }

    [Test]
    public void Split_MapDump_RepeatsItsHeadInEachPart()
    {
        var entries = Enumerable.Range(0, 20_000).Select(value => new MapItem(BitConverter.GetBytes(value), new byte[8])).ToImmutableArray();

        var parts = MultipartSplitter.Split(new MapDumpReply(7, 1, 4, 8, entries), 1).Select(part => (MapDumpReply)((MultipartReply)MessageCodec.Decode(MessageCodec.Encode(part))).Body).ToArray();

        parts.Should().HaveCountGreaterThan(1).And.OnlyContain(part => part.FilterId == 7 && part.MapIndex == 1 && part.KeySize == 4 && part.ValueSize == 8);
        parts.Sum(part => part.Entries.Length).Should().Be(20_000);
    }

    [Test]
    public void Split_EntryLargerThanAMessage_IsRefused()
    {
        var actions = Enumerable.Repeat<OfAction>(new OutputAction(new PortNumber(1)), 4089).ToImmutableArray();
        var flow = new FlowStatsEntry { Instructions = [new ApplyActionsInstruction(actions)] };

        FluentActions.Invoking(() => MultipartSplitter.Split(new FlowStatsReply([flow]), 1).ToArray()).Should().Throw<ArgumentException>();
    }

    private static FlowStatsEntry Flow(int number) => new()
    {
        Cookie = new Cookie((ulong)number),
        Match = new FlowMatch([new(OxmCatalogue.EthDst, (uint)number)]),
        Instructions = [new ApplyActionsInstruction([.. Enumerable.Repeat<OfAction>(new OutputAction(new PortNumber(1)), number % 5)])],
    };
}
