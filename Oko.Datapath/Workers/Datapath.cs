using System.Collections.Immutable;
using System.Diagnostics;
using Oko.Bpf.Maps;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Meters;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using Oko.Datapath.Tables;

namespace Oko.Datapath.Workers;

/// <summary>What a datapath is made of.</summary>
public sealed record DatapathOptions
{
    /// <summary>Number of flow tables, 1 to 254.</summary>
    public int TableCount { get; init; } = 64;

    /// <summary>Number of UMEM frames of each worker.</summary>
    public int FrameCount { get; init; } = 16384;

    /// <summary>Bytes per UMEM frame: 2048 or 4096.</summary>
    public int FrameSize { get; init; } = 2048;

    /// <summary>Number of workers, 1 to <see cref="BpfMap.Workers"/>. Each has packet memory of its own.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>Address of memory for the frames of the one worker, at the start of a page, which the caller frees after the datapath; 0 = the
    /// datapath makes it.</summary>
    public nint FrameMemory { get; init; }

    /// <summary>CPU that each worker is pinned to, by number of the worker; a worker without one goes where the kernel puts it.</summary>
    public ImmutableArray<int> Cpus { get; init; } = [];

    /// <summary>Packets of each worker that can wait for the controllers.</summary>
    public int PacketInSlots { get; init; } = 2048;
}

/// <summary>
/// The forwarding half of the switch: ports, flow tables and the workers that run packets through them. Tables and ports are
/// changed by one control thread; statistics may be read by any thread.
/// </summary>
/// <remarks>Each worker has packet memory, counters and lanes of ports of its own; tables, groups, meters, filters and what NORMAL has learned
/// are shared. A packet is run to its end by the worker that received it; if it leaves by a port that another worker has, that one gets it
/// through a ring.</remarks>
public sealed class Datapath : IDisposable
{
    private readonly FlowTable[] _tables;
    private readonly PacketInRing[] _packetIns;
    private readonly PacketInBell _packetInBell = new();
    private readonly InjectRing _injected = new();
    private readonly ForwardingWorker[] _workers;
    private readonly HandOverRing?[,] _rings;
    private int _lastRead;

    /// <summary>Makes a datapath without ports; nothing runs yet.</summary>
    public Datapath(DatapathOptions options)
    {
        if (options.TableCount is < 1 or > 254)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.TableCount, "there can be 1 to 254 flow tables");
        }

        if (options.Workers < 1 || options.Workers > BpfMap.Workers)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Workers, $"there can be 1 to {BpfMap.Workers} workers in this process (BpfMap.Workers)");
        }

        if (options.FrameMemory != 0 && options.Workers != 1)
        {
            throw new ArgumentException($"frame memory of the caller's serves one worker, not {options.Workers}", nameof(options));
        }

        Umems = [.. Enumerable.Range(0, options.Workers).Select(_ => new Umem(options.FrameCount, options.FrameSize, options.FrameMemory))];
        var rounds = new WorkerRounds(options.Workers);
        var entries = new EntryMemory(options.Workers, rounds);
        _tables = [.. Enumerable.Range(0, options.TableCount).Select(_ => new FlowTable(options.Workers, entries))];
        _packetIns = [.. Enumerable.Range(0, options.Workers).Select(_ => new PacketInRing(options.PacketInSlots, Umem.JumboSize, _packetInBell))];
        var learned = new LearningTable();
        _workers =
        [
            .. Enumerable.Range(0, options.Workers).Select(number => new ForwardingWorker(
                number,
                new PacketPipeline(_tables, Umems[number], _packetIns[number], learned, number),
                rounds,
                number == 0 ? _injected : null,
                Umems[number],
                number < options.Cpus.Length ? options.Cpus[number] : -1)),
        ];
        _rings = ConnectWorkers();
    }

    /// <summary>The packet memory of the first worker.</summary>
    public Umem Umem => Umems[0];

    /// <summary>The packet memory of each worker, by number; ports are opened on them.</summary>
    public ImmutableArray<Umem> Umems { get; }

    /// <summary>Number of workers.</summary>
    public int WorkerCount => _workers.Length;

    /// <summary>Number of flow tables.</summary>
    public int TableCount => _tables.Length;

    /// <summary>The ports, in the order in which they were added.</summary>
    public IReadOnlyList<Port> Ports => [.. First.Ports.All.Select(queue => queue.Port)];

    /// <summary>The datapath's monotonic clock.</summary>
    public static long NowNanoseconds => Stopwatch.GetTimestamp();

    /// <summary>Packets whose transport checksum had to be completed (<see cref="Packet.Checksums.CompletePartial"/>).</summary>
    public long CompletedChecksums => _workers.Sum(worker => worker.Pipeline.CompletedChecksums);

    /// <summary>Bytes the workers' threads allocated while forwarding, as of their last idle moments; 0 is the promise.</summary>
    public long WorkerAllocatedBytes => _workers.Sum(worker => worker.AllocatedBytes);

    /// <summary>Of each worker, how often and how long packets waited for it, though it did not sleep.</summary>
    public ImmutableArray<PauseCounts> WorkerGaps => [.. _workers.Select(worker => worker.Gaps)];

    /// <summary>The meter that all packets to the controllers pass (OFPM_CONTROLLER), or null.</summary>
    public Meter? ControllerMeter
    {
        get => First.ControllerMeter;
        set => Array.ForEach(_workers, worker => worker.Pipeline.ControllerMeter = value);
    }

    /// <summary>Whether IP fragments are dropped as they come in (OFPC_FRAG_DROP).</summary>
    public bool DropsFragments
    {
        get => First.DropsFragments;
        set => Array.ForEach(_workers, worker => worker.Pipeline.DropsFragments = value);
    }

    /// <summary>What all workers have the same of: ports, settings.</summary>
    private PacketPipeline First => _workers[0].Pipeline;

    /// <summary>Starts forwarding.</summary>
    public void Start() => Array.ForEach(_workers, worker => worker.Start());

    /// <summary>Ends forwarding; ports stay.</summary>
    public void Stop() => Array.ForEach(_workers, worker => worker.Stop());

    /// <summary>Adds a port at a batch boundary; returns after it.</summary>
    /// <exception cref="ArgumentException">The number is taken, or the port is open on another datapath's memory.</exception>
    public void AddPort(Port port)
    {
        if (First.Ports.Find(port.Number) is { } taken)
        {
            throw new ArgumentException($"port number {port.Number} is taken by {taken.Port.Name}; give {port.Name} another one", nameof(port));
        }

        if (port.Lanes.FirstOrDefault(lane => !Umems.Contains(lane.Umem)) is not null)
        {
            throw new ArgumentException($"port {port.Name} is open on packet memory of another datapath; open it on this one's", nameof(port));
        }

        // Who has lanes of the port first: what the others hand over finds it there.
        foreach (var number in InOrderOfOwnership(port))
        {
            var (worker, pipeline) = (_workers[number], _workers[number].Pipeline);
            var queue = PortQueue.Open(port, worker.Umem, umem => _rings[number, Umems.IndexOf(umem)]!);
            worker.Execute(() => pipeline.Ports = new PortSet([.. pipeline.Ports.All, queue], worker.Umem));
        }
    }

    /// <summary>Removes a port at a batch boundary and returns it, or null if there is none; the caller disposes it.</summary>
    public Port? RemovePort(uint number)
    {
        if (First.Ports.Find(number) is not { Port: var port })
        {
            return null;
        }

        foreach (var each in InOrderOfOwnership(port).Reverse())
        {
            var (worker, pipeline) = (_workers[each], _workers[each].Pipeline);
            var queue = pipeline.Ports.Find(number)!;
            worker.Execute(() => pipeline.Ports = new PortSet([.. pipeline.Ports.All.Where(other => other != queue)], worker.Umem));
            queue.Dispose();
        }

        return port;
    }

    /// <summary>Adds an entry; the workers see it soon, certainly after <see cref="Synchronize"/>. Costs microseconds.</summary>
    /// <exception cref="ArgumentException">There is no such table, or its goto-table does not lead to a later one.</exception>
    public void AddEntry(FlowEntry entry)
    {
        // The worker trusts both: packets go forward only, so each ends.
        var next = entry.Instructions.GotoTable;
        if (entry.TableId >= _tables.Length || (next != -1 && (next <= entry.TableId || next >= _tables.Length)))
        {
            throw new ArgumentException($"an entry of table {entry.TableId} cannot go on to table {next}; tables are 0 to {_tables.Length - 1}, and only a later one can follow", nameof(entry));
        }

        _tables[entry.TableId].Add(entry);
    }

    /// <summary>Removes an entry that was added; likewise.</summary>
    public void RemoveEntry(FlowEntry entry) => _tables[entry.TableId].Remove(entry);

    /// <summary>Returns when all workers run on tables that include every change made before the call, and have taken every
    /// packet injected before it, also where one handed it over to another.</summary>
    public void Synchronize()
    {
        Array.ForEach(_workers, worker => worker.Synchronize());
        foreach (var ring in _rings)
        {
            ring?.WaitUntilTaken();
        }

        if (_workers.Length > 1)
        {
            // What was taken is sent at the end of the round.
            Array.ForEach(_workers, worker => worker.Synchronize());
        }
    }

    /// <summary>Runs something while all workers stand between two batches; packets wait in the rings of the ports meanwhile. It must
    /// not wait for a worker (<see cref="Synchronize"/>). Its exception comes back as it is.</summary>
    public void RunPaused(Action action)
    {
        var paused = action;
        foreach (var worker in _workers)
        {
            var inner = paused;
            paused = () => worker.RunPaused(inner);
        }

        paused();
    }

    /// <summary>Statistics of a table.</summary>
    public TableStatistics GetTableStatistics(byte table) => _tables[table].Statistics;

    /// <summary>Where all packets went.</summary>
    public DatapathBalance GetBalance() => _workers.Select(worker => worker.Pipeline.Balance).Aggregate(DatapathBalance.Add);

    /// <summary>
    /// Queues a packet-out for the worker. Any thread. False when the frame has more than <see cref="Umem.MaxJumboPacketSize"/> bytes or the ring is full.
    /// </summary>
    public bool TryInject(ReadOnlySpan<byte> frame, uint inPort, ImmutableArray<DatapathAction> actions)
    {
        if (frame.Length > Umem.MaxJumboPacketSize || !_injected.TryWrite(new InjectRequest(frame.ToArray(), inPort, actions)))
        {
            return false;
        }

        _workers[0].Wake();
        return true;
    }

    /// <summary>One reader thread: waits until packets for the controllers may be there; false when the time is over.</summary>
    public bool WaitForPacketIn(TimeSpan timeout, CancellationToken cancellation = default) =>
        _packetInBell.Wait(_packetIns, timeout, cancellation);

    /// <summary>The same reader thread: the next packet for the controllers. The workers take turns.</summary>
    public bool TryReadPacketIn([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out PacketInRecord? record)
    {
        for (var asked = 0; asked < _packetIns.Length; asked++)
        {
            _lastRead = (_lastRead + 1) % _packetIns.Length;
            if (_packetIns[_lastRead].TryRead(out record))
            {
                return true;
            }
        }

        record = null;
        return false;
    }

    /// <summary>Stops, closes the ports and frees the packet memory.</summary>
    public void Dispose()
    {
        Stop();
        foreach (var port in Ports)
        {
            port.Dispose();
        }

        foreach (var worker in _workers)
        {
            worker.Dispose();
            Array.ForEach(worker.Pipeline.Ports.All, queue => queue.Dispose());
        }

        foreach (var ring in _rings)
        {
            ring?.Dispose();
        }

        Array.ForEach(_packetIns, ring => ring.Dispose());
        _packetInBell.Dispose();
        foreach (var umem in Umems)
        {
            umem.Dispose();
        }
    }

    /// <summary>A ring from each worker to each other one, by numbers.</summary>
    private HandOverRing?[,] ConnectWorkers()
    {
        var count = _workers.Length;
        var rings = new HandOverRing?[count, count];
        foreach (var from in Enumerable.Range(0, count))
        {
            foreach (var to in Enumerable.Range(0, count).Where(other => other != from))
            {
                rings[from, to] = new HandOverRing(Umems[from], _workers[to]);
            }
        }

        for (var number = 0; number < count; number++)
        {
            var others = Enumerable.Range(0, count).Where(other => other != number).ToList();
            _workers[number].Connect([.. others.Select(other => rings[other, number]!)], [.. others.Select(other => rings[number, other]!)]);
        }

        return rings;
    }

    /// <summary>Numbers of the workers, those with a lane of the port first.</summary>
    private IEnumerable<int> InOrderOfOwnership(Port port) =>
        Enumerable.Range(0, _workers.Length).OrderBy(number => port.Lanes.Any(lane => lane.Umem == Umems[number]) ? 0 : 1);
}
