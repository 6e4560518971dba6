using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using Oko.Agent.Controllers;
using Oko.Agent.Rules;
using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Text;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using Oko.Datapath.Workers;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Tests.Rules;

/// <summary>A rule manager on a running datapath with in-memory ports 1 to 3, filters 1 (always matches) and 2 (never does),
/// and a clock that can be moved forward.</summary>
public sealed class RuleBench : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Dictionary<uint, FilterSlot> _filters;
    private readonly List<FlowRemoved> _removed = [];
    private long _clockOffset;

    public RuleBench(int maxRulesPerTable = 1_000_000)
    {
        Datapath = new Oko.Datapath.Workers.Datapath(new DatapathOptions { FrameCount = 512 });
        Ports = [.. Enumerable.Range(1, 3).Select(number => new MemoryPort(Datapath.Umem, (uint)number, $"m{number}"))];
        foreach (var port in Ports)
        {
            Datapath.AddPort(port);
        }

        _filters = new Dictionary<uint, FilterSlot> { [1] = Filter(1, "1"), [2] = Filter(2, "0") };
        var options = new RuleManagerOptions
        {
            MaxRulesPerTable = maxRulesPerTable,
            ExpiryInterval = TimeSpan.FromMilliseconds(5),
            Clock = () => Oko.Datapath.Workers.Datapath.NowNanoseconds + Volatile.Read(ref _clockOffset),
        };
        Rules = new RuleManager(Datapath, options, NullLogger<RuleManager>.Instance) { FindFilter = id => _filters.GetValueOrDefault(id) };
        Rules.RuleRemoved += message =>
        {
            lock (_removed)
            {
                _removed.Add(message);
            }
        };
        Datapath.Start();
        Rules.Start();
    }

    public Oko.Datapath.Workers.Datapath Datapath { get; }

    public MemoryPort[] Ports { get; }

    public RuleManager Rules { get; }

    public static FlowMatch Match(params (OxmField Field, ulong Value)[] fields) =>
        new([.. fields.Select(field => new OxmEntry(field.Field, field.Value))]);

    public static FlowMatch Filtered(uint filterId, params (OxmField Field, ulong Value)[] fields) =>
        new([new OxmEntry(OxmCatalogue.Filter, filterId), .. Match(fields).Entries]);

    public static ImmutableArray<Instruction> Apply(params OfAction[] actions) => [new ApplyActionsInstruction([.. actions])];

    public static OfAction Output(uint port) => new OutputAction(new PortNumber(port), 0xFFFF);

    public static FlowMod Mod(FlowModCommand command, ushort priority, FlowMatch match, ImmutableArray<Instruction> instructions = default) => new()
    {
        Command = command,
        Priority = priority,
        Match = match,
        Instructions = instructions.IsDefault ? [] : instructions,
        Table = new TableId(0),
        Buffer = BufferId.NoBuffer,
        OutPort = PortNumber.Any,
        OutGroup = GroupId.Any,
    };

    public static FlowMod Add(ushort priority, FlowMatch match, params OfAction[] actions) =>
        Mod(FlowModCommand.Add, priority, match, actions.Length == 0 ? [] : Apply(actions));

    public void Do(FlowMod mod, ConnectionView? view = null) =>
        Rules.RunAsync(() => Rules.ApplyFlowMod(mod, view ?? ConnectionView.Everything)).GetAwaiter().GetResult();

    public void Refuse(FlowMod mod, Enum code, ConnectionView? view = null)
    {
        var before = Dump();
        var error = FluentActions.Invoking(() => Do(mod, view)).Should().Throw<OpenFlowErrorException>().Which;
        (error.Type, error.Code).Should().Be((TypeOf(code), Convert.ToUInt16(code)), "{0}", error.Message);
        Dump().Should().BeEquivalentTo(before, "a refused flow-mod changes nothing");
    }

    public ImmutableArray<FlowStatsEntry> Stats(FlowStatsRequest? request = null, ConnectionView? view = null) =>
        Rules.RunAsync(() => Rules.GetFlowStats(request ?? AllFlows(), view ?? ConnectionView.Everything)).GetAwaiter().GetResult();

    public static FlowStatsRequest AllFlows(FlowMatch? match = null) =>
        new(TableId.All, PortNumber.Any, GroupId.Any, new Cookie(0), 0, match ?? FlowMatch.Any);

    /// <summary>Priority, cookie and filter of all entries, in a fixed order.</summary>
    public List<(byte Table, ushort Priority, ulong Cookie, uint? Filter)> Dump() =>
        [.. Stats().Select(entry => (entry.Table.Value, entry.Priority, entry.Cookie.Value, entry.Match.FilterId)).Order()];

    public IReadOnlyList<FlowRemoved> Removed
    {
        get
        {
            lock (_removed)
            {
                return [.. _removed];
            }
        }
    }

    public FlowRemoved ExpectRemoved()
    {
        SpinWait.SpinUntil(() => Removed.Count > 0, Patience).Should().BeTrue("a flow-removed message is due");
        return Removed[0];
    }

    public void AdvanceSeconds(double seconds) => Interlocked.Add(ref _clockOffset, (long)(seconds * 1e9));

    /// <summary>Waits until the timeouts have been looked at since this call.</summary>
    public void LetExpiryRun()
    {
        for (var round = 0; round < 2; round++)
        {
            Thread.Sleep(10);
            Rules.RunAsync(() => { }).GetAwaiter().GetResult();
        }
    }

    public void Send(uint port, byte[]? frame = null) => Ports[port - 1].Push(frame ?? Udp());

    public byte[] Expect(uint port) =>
        Ports[port - 1].Take(Patience) ?? throw new AssertionException($"nothing was sent on port {port}");

    /// <summary>Sends a frame into a port that an entry forwards to another, and waits for it.</summary>
    public void Forward(uint from, uint to, int count = 1)
    {
        for (var i = 0; i < count; i++)
        {
            Send(from);
            Expect(to);
        }
    }

    /// <summary>A 60-byte UDP packet over IPv4 (checksum not computed).</summary>
    public static byte[] Udp(byte lastSource = 1, byte lastDestination = 2)
    {
        var frame = new byte[60];
        frame[0] = frame[6] = 2;
        frame[5] = lastDestination;
        frame[11] = lastSource;
        frame[12] = 8;
        frame[14] = 0x45;
        frame[17] = 46;
        frame[22] = 64;
        frame[23] = 17;
        frame[26] = frame[30] = 10;
        frame[29] = lastSource;
        frame[33] = lastDestination;
        frame[39] = 26;
        return frame;
    }

    public void Dispose()
    {
        Rules.Dispose();
        Datapath.Dispose();
    }

    private static FilterSlot Filter(uint id, string result)
    {
        var program = new VerifiedProgram
        {
            Name = $"constant_{result}",
            Instructions = Assembler.Assemble($"mov %r0, {result}\nexit"),
            Convention = EntryConvention.Oko,
            Reachable = [true, true],
            WorstCaseInstructions = 2,
            StackBytes = 0,
            MapAtCall = [-1, -1],
            Maps = [],
            OkoHelpers = false,
            FunctionStarts = [0],
        };
        return new FilterSlot(id, LoadedFilter.Create(program));
    }

    private static ErrorType TypeOf(Enum code) => code switch
    {
        BadRequestCode => ErrorType.BadRequest,
        BadActionCode => ErrorType.BadAction,
        BadInstructionCode => ErrorType.BadInstruction,
        BadMatchCode => ErrorType.BadMatch,
        FlowModFailedCode => ErrorType.FlowModFailed,
        _ => throw new ArgumentOutOfRangeException(nameof(code)),
    };
}
