using Microsoft.Extensions.Logging.Abstractions;
using Oko.Agent.Controllers;
using Oko.Agent.Rules;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Benchmark;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using Oko.Datapath.Workers;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Text;

namespace Oko.Agent.Benchmark;

/// <summary>One setup of <see cref="ChainBenchmark"/>, ready to be played: a switch with source and sink in memory, the entries, and the
/// neighbour if there is one. One thread, which waits for the worker's.</summary>
internal sealed class ChainSwitch : IDisposable
{
    private const uint InPort = 1, OutPort = 2, RingPortNumber = 3;
    private const uint FilterId = 1;
    private const int UndisturbedPart = 10;

    private static readonly TimeSpan RoundLimit = TimeSpan.FromSeconds(60);

    private readonly Stack<IDisposable> _owned = new();
    private readonly Oko.Datapath.Workers.Datapath _datapath;
    private readonly PlayingPort _source;
    private readonly NeighbourRegion? _region;
    private readonly NeighbourPort? _ring;
    private readonly List<double> _nanoseconds = [], _segments = [];
    private readonly Port _sink;
    private long _packets, _passed, _allocated;
    private NeighbourCounters _neighbour;

    public ChainSwitch(ChainSetup setup, PacketTrace trace, ChainBenchmarkOptions options)
    {
        Setup = setup;
        try
        {
            var filter = setup == ChainSetup.Switch && options.Filter is { } spec ? Own(spec.Load()) : null;
            var frames = options.UsesDevices ? DeviceReplayPort.FrameCount : ReplayPort.FrameCount;
            var bytes = setup == ChainSetup.Process ? (nuint)frames * ChainBenchmark.FrameBytes : (nuint)options.RingEntries * CopyPort.SlotBytes;
            _region = setup == ChainSetup.Switch ? null : Own(NeighbourRegion.Create(options.RingEntries, bytes));
            _datapath = Own(new Oko.Datapath.Workers.Datapath(new DatapathOptions
            {
                FrameCount = frames, FrameSize = ChainBenchmark.FrameBytes, Cpus = [options.Cpu], FrameMemory = setup == ChainSetup.Process ? _region!.PacketsAddress : 0,
            }));
            var rules = Own(new RuleManager(_datapath, new RuleManagerOptions(), NullLogger<RuleManager>.Instance));
            if (filter is not null)
            {
                var slot = new FilterSlot(FilterId, filter);
                rules.FindFilter = id => id == FilterId ? slot : null;
            }

            foreach (var entry in Entries(setup, options))
            {
                rules.ApplyFlowMod(FlowTextParser.ParseFlow(entry, FlowModCommand.Add), ConnectionView.Everything);
            }

            _ring = setup switch
            {
                ChainSetup.Process => new RingPort(_datapath.Umem, RingPortNumber, _region!),
                ChainSetup.Copies => new CopyPort(_datapath.Umem, RingPortNumber, _region!),
                _ => null,
            };
            if (options.UsesDevices)
            {
                var output = AfXdpPort.Open(DeviceOf(setup, "out"), OutPort, _datapath.Umems, new AfXdpOptions());
                _datapath.AddPort(_sink = output);
                _datapath.AddPort(_source = new DeviceReplayPort(_datapath.Umem, InPort, trace, DeviceOf(setup, "src"), DeviceOf(setup, "in"), output, _ring));
            }
            else
            {
                _datapath.AddPort(_sink = new NullPort(_datapath.Umems, OutPort));
                _datapath.AddPort(_source = new ReplayPort(_datapath.Umem, InPort, trace, _ring));
            }

            if (_ring is not null)
            {
                _datapath.AddPort(_ring);
                Own(NeighbourProcess.Start(_region!, options));
            }

            _datapath.Start();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public ChainSetup Setup { get; }

    /// <summary>The flow entries of a setup, as <c>ovs-ofctl</c> writes them.</summary>
    public static IReadOnlyList<string> Entries(ChainSetup setup, ChainBenchmarkOptions options) => setup switch
    {
        ChainSetup.Switch when options.Filter is null => ["priority=10,in_port=1,actions=output:2"],
        ChainSetup.Switch when options.Policy == NeighbourPolicy.PassMatch => ["priority=10,in_port=1,filter=1,actions=output:2"],
        ChainSetup.Switch => ["priority=20,in_port=1,filter=1,actions=drop", "priority=10,in_port=1,actions=output:2"],
        _ => ["priority=10,in_port=1,actions=output:3", "priority=10,in_port=3,actions=output:2"],
    };

    /// <summary>The device of a setup that the trace is sent by (src), that receives it (in), or that packets leave by (out).</summary>
    public static string DeviceOf(ChainSetup setup, string role) => $"{ChainBenchmark.NameOf(setup)}-{role}";

    /// <summary>Plays packets; figures of measured ones are kept.</summary>
    public void Play(long packets, bool isMeasured)
    {
        var sent = _sink.Counters.SentPackets;
        var before = _region?.Counters ?? default;
        SetNeighbour(isWanted: true);
        var round = _source.Play(packets, RoundLimit);
        SetNeighbour(isWanted: false);
        if (!isMeasured)
        {
            return;
        }

        var after = _region?.Counters ?? default;
        _nanoseconds.Add((double)round.Nanoseconds / round.Packets);
        _segments.AddRange(_source.SegmentNanoseconds);
        _packets += round.Packets;
        _allocated += round.AllocatedBytes;
        _passed += _sink.Counters.SentPackets - sent;
        _neighbour = new NeighbourCounters(
            _neighbour.Packets + after.Packets - before.Packets, _neighbour.Passed + after.Passed - before.Passed,
            _neighbour.Batches + after.Batches - before.Batches, _neighbour.TimedPackets + after.TimedPackets - before.TimedPackets,
            _neighbour.TimedNanoseconds + after.TimedNanoseconds - before.TimedNanoseconds);
    }

    /// <summary>What was measured.</summary>
    public ChainFigures Figures() => new()
    {
        Setup = Setup, Nanoseconds = _nanoseconds, UndisturbedNanoseconds = _segments.Order().ElementAt(_segments.Count / UndisturbedPart), Packets = _packets, Passed = _passed, Refused = _ring?.Refused ?? 0,
        NeighbourNanoseconds = (double)_neighbour.TimedNanoseconds / Math.Max(1, _neighbour.TimedPackets),
        NeighbourBatch = (double)_neighbour.Packets / Math.Max(1, _neighbour.Batches),
        IsHuge = _region?.IsHuge ?? true, AllocatedBytes = _allocated,
    };

    /// <summary>Ends worker and neighbour.</summary>
    public void Dispose()
    {
        while (_owned.TryPop(out var thing))
        {
            thing.Dispose();
        }
    }

    /// <summary>Wakes the neighbour, and returns when it spins; or lets it sleep.</summary>
    private void SetNeighbour(bool isWanted)
    {
        if (_region is null)
        {
            return;
        }

        _region.IsWanted = isWanted;
        if (isWanted && !SpinWait.SpinUntil(() => _region.State == NeighbourState.Running, RoundLimit))
        {
            throw new TimeoutException($"the neighbouring process did not wake within {RoundLimit.TotalSeconds} seconds");
        }
    }

    private T Own<T>(T thing)
        where T : IDisposable
    {
        _owned.Push(thing);
        return thing;
    }
}
