using System.Collections.Immutable;
using System.Diagnostics;
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

    /// <summary>Number of UMEM frames.</summary>
    public int FrameCount { get; init; } = 16384;

    /// <summary>Bytes per UMEM frame: 2048 or 4096.</summary>
    public int FrameSize { get; init; } = 2048;

    /// <summary>CPU the worker is pinned to, -1 for none.</summary>
    public int Cpu { get; init; } = -1;

    /// <summary>Packets that can wait for the controllers.</summary>
    public int PacketInSlots { get; init; } = 2048;
}

/// <summary>
/// The forwarding half of the switch: ports, flow tables and the worker that runs packets through them. Tables and ports are
/// changed by one control thread; statistics may be read by any thread.
/// </summary>
public sealed class Datapath : IDisposable
{
    private readonly FlowTable[] _tables;
    private readonly PacketInRing _packetIns;
    private readonly InjectRing _injected = new();
    private readonly PacketPipeline _pipeline;
    private readonly ForwardingWorker _worker;

    /// <summary>Makes a datapath without ports; nothing runs yet.</summary>
    public Datapath(DatapathOptions options)
    {
        if (options.TableCount is < 1 or > 254)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.TableCount, "there can be 1 to 254 flow tables");
        }

        Umem = new Umem(options.FrameCount, options.FrameSize);
        _tables = [.. Enumerable.Range(0, options.TableCount).Select(_ => new FlowTable())];
        _packetIns = new PacketInRing(options.PacketInSlots, options.FrameSize);
        _pipeline = new PacketPipeline(_tables, Umem, _packetIns);
        _worker = new ForwardingWorker(_pipeline, _injected, Umem, options.Cpu);
    }

    /// <summary>The packet memory that ports are opened on.</summary>
    public Umem Umem { get; }

    /// <summary>Number of flow tables.</summary>
    public int TableCount => _tables.Length;

    /// <summary>The ports, in the order in which they were added.</summary>
    public IReadOnlyList<Port> Ports => [.. _pipeline.Ports.All.Select(queue => queue.Port)];

    /// <summary>The datapath's monotonic clock.</summary>
    public static long NowNanoseconds => Stopwatch.GetTimestamp();

    /// <summary>Packets whose transport checksum had to be completed (<see cref="Packet.Checksums.CompletePartial"/>).</summary>
    public long CompletedChecksums => _pipeline.CompletedChecksums;

    /// <summary>Bytes the worker thread allocated while forwarding, as of its last idle moment; 0 is the promise.</summary>
    public long WorkerAllocatedBytes => _worker.AllocatedBytes;

    /// <summary>How often and how long packets waited for the worker, though it did not sleep.</summary>
    public PauseCounts WorkerGaps => _worker.Gaps;

    /// <summary>The meter that all packets to the controllers pass (OFPM_CONTROLLER), or null.</summary>
    public Meter? ControllerMeter
    {
        get => _pipeline.ControllerMeter;
        set => _pipeline.ControllerMeter = value;
    }

    /// <summary>Whether IP fragments are dropped as they come in (OFPC_FRAG_DROP).</summary>
    public bool DropsFragments
    {
        get => _pipeline.DropsFragments;
        set => _pipeline.DropsFragments = value;
    }

    /// <summary>Starts forwarding.</summary>
    public void Start() => _worker.Start();

    /// <summary>Ends forwarding; ports stay.</summary>
    public void Stop() => _worker.Stop();

    /// <summary>Adds a port at a batch boundary; returns after it.</summary>
    /// <exception cref="ArgumentException">The number is taken.</exception>
    public void AddPort(Port port)
    {
        if (_pipeline.Ports.Find(port.Number) is { } taken)
        {
            throw new ArgumentException($"port number {port.Number} is taken by {taken.Port.Name}; give {port.Name} another one", nameof(port));
        }

        _worker.Execute(() => _pipeline.Ports = new PortSet([.. _pipeline.Ports.All, PortQueue.Open(port)]));
    }

    /// <summary>Removes a port at a batch boundary and returns it, or null if there is none; the caller disposes it.</summary>
    public Port? RemovePort(uint number)
    {
        if (_pipeline.Ports.Find(number) is not { } queue)
        {
            return null;
        }

        _worker.Execute(() => _pipeline.Ports = new PortSet([.. _pipeline.Ports.All.Where(other => other != queue)]));
        queue.Dispose();
        return queue.Port;
    }

    /// <summary>Adds an entry; the worker sees it soon, certainly after <see cref="Synchronize"/>. Costs microseconds.</summary>
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

    /// <summary>Returns when the worker runs on tables that include every change made before the call, and has taken every
    /// packet injected before it.</summary>
    public void Synchronize() => _worker.Synchronize();

    /// <summary>Runs something while the worker stands between two batches; packets wait in the rings of the ports meanwhile. It must
    /// not wait for the worker (<see cref="Synchronize"/>). Its exception comes back as it is.</summary>
    public void RunPaused(Action action) => _worker.RunPaused(action);

    /// <summary>Statistics of a table.</summary>
    public TableStatistics GetTableStatistics(byte table) => _tables[table].Statistics;

    /// <summary>Where all packets went.</summary>
    public DatapathBalance GetBalance() => _pipeline.Balance;

    /// <summary>
    /// Queues a packet-out for the worker. Any thread. False when the frame is larger than a UMEM frame or the ring is full.
    /// </summary>
    public bool TryInject(ReadOnlySpan<byte> frame, uint inPort, ImmutableArray<DatapathAction> actions)
    {
        if (frame.Length > Umem.MaxPacketSize || !_injected.TryWrite(new InjectRequest(frame.ToArray(), inPort, actions)))
        {
            return false;
        }

        _worker.Wake();
        return true;
    }

    /// <summary>One reader thread: waits until packets for the controllers may be there; false when the time is over.</summary>
    public bool WaitForPacketIn(TimeSpan timeout, CancellationToken cancellation = default) => _packetIns.Wait(timeout, cancellation);

    /// <summary>The same reader thread: the next packet for the controllers.</summary>
    public bool TryReadPacketIn([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out PacketInRecord? record) => _packetIns.TryRead(out record);

    /// <summary>Stops, closes the ports and frees the packet memory.</summary>
    public void Dispose()
    {
        _worker.Dispose();
        foreach (var queue in _pipeline.Ports.All)
        {
            queue.Port.Dispose();
            queue.Dispose();
        }

        _packetIns.Dispose();
        Umem.Dispose();
    }
}
