using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Oko.Bpf.Maps;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;

namespace Oko.Datapath.Workers;

// The thread that forwards. A round: take what each port received, run it, take packet-outs, run them, send what was queued.
// It spins while there is work and for a while after; then it sleeps in poll on its ports and on an eventfd.
//
// Talking to it never makes it wait. A control thread leaves a request and wakes it; the worker takes requests between two
// rounds, which is also what gives "every worker has passed a batch boundary" its meaning (WorkerRounds): a control thread needs no
// answer from a worker that sleeps.
//
//   Synchronize: the changes were published before; a full fence; then either the worker is outside a round (and the next round
//   starts with its own fence, thus sees them), or the control thread waits until that round is over. Packet-outs that were
//   queued before the call are waited for in the same way.
//
// Packets for ports of other workers go through rings (HandOverRing), one in each direction between any two; a round looks into those
// that lead here.

/// <summary>A poll-mode thread that owns lanes of ports and frames. Started and stopped by <see cref="Datapath"/>.</summary>
internal sealed unsafe class ForwardingWorker : IDisposable
{
    private const int BatchSize = 64;
    private const int IdleRoundsBeforeSleep = 2000;
    private const int SleepMilliseconds = 100;
    private const int NicenessSteps = 10;

    private readonly PacketPipeline _pipeline;
    private readonly int _number;
    private readonly WorkerRounds _rounds;
    private readonly InjectRing? _injected;
    private readonly Umem _umem;
    private readonly int _cpu;
    private readonly Eventfd _wake = new();
    private readonly Thread _thread;
    private readonly Lock _control = new();
    private readonly MapReader _mapReader = MapReaders.Register();
    private readonly FrameDescriptor* _batch = (FrameDescriptor*)NativeMemory.Alloc(BatchSize, (nuint)sizeof(FrameDescriptor));
    private Action? _request;
    private PollFd[] _pollFds = [];
    private HandOverRing[] _incoming = [], _outgoing = [];
    private int _sleeping;
    private volatile bool _stopping;
    private bool _started;

    /// <param name="number">Number of the worker, from 0.</param>
    /// <param name="pipeline">Its pipeline.</param>
    /// <param name="rounds">Where it notes its rounds.</param>
    /// <param name="injected">Packet-outs, if this is the worker that executes them.</param>
    /// <param name="umem">Its memory.</param>
    /// <param name="cpu">Processor it is pinned to, -1 for none.</param>
    internal ForwardingWorker(int number, PacketPipeline pipeline, WorkerRounds rounds, InjectRing? injected, Umem umem, int cpu)
    {
        _number = number;
        _pipeline = pipeline;
        _rounds = rounds;
        _injected = injected;
        _umem = umem;
        _cpu = cpu;
        _thread = new Thread(Loop) { Name = $"oko-worker-{number}", IsBackground = true, Priority = ThreadPriority.Highest };
        RebuildPollSet();
    }

    /// <summary>Bytes that the worker thread has allocated since it started forwarding; 0 is the promise.</summary>
    internal long AllocatedBytes { get; private set; }

    /// <summary>Times from the start of one round to the start of the next, sleep left out: what stops this thread stops packets.</summary>
    internal PauseCounts Gaps { get; } = new();

    internal bool IsRunning => _started && _thread.IsAlive;

    internal PacketPipeline Pipeline => _pipeline;

    internal Umem Umem => _umem;

    /// <summary>Before the start: the rings that lead here and those that lead away.</summary>
    internal void Connect(HandOverRing[] incoming, HandOverRing[] outgoing) => (_incoming, _outgoing) = (incoming, outgoing);

    internal void Start()
    {
        _started = true;
        _thread.Start();
    }

    internal void Stop()
    {
        // The lock lets a request that was left for the worker be answered first.
        lock (_control)
        {
            _stopping = true;
            Wake();
            if (_started)
            {
                _thread.Join();
            }
        }
    }

    /// <summary>Wakes the worker if it sleeps.</summary>
    internal void Wake()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _sleeping) != 0)
        {
            _wake.Signal();
        }
    }

    /// <summary>Returns when the worker has passed a batch boundary and taken all earlier packet-outs since the call.</summary>
    internal void Synchronize()
    {
        if (_injected is { } injected)
        {
            var queued = injected.Written;
            var waiting = new SpinWait();
            while (injected.Taken < queued && IsRunning)
            {
                Wake();
                waiting.SpinOnce(sleep1Threshold: -1);
            }
        }

        _rounds.WaitFor(_number);
    }

    /// <summary>Runs something on the worker between two rounds and returns when it is done; inline when the worker does not run.</summary>
    internal void Execute(Action action)
    {
        lock (_control)
        {
            ExecuteAlone(action);
        }
    }

    /// <summary>Runs something on the calling thread while the worker stands between two rounds.</summary>
    internal void RunPaused(Action action)
    {
        using var paused = new ManualResetEventSlim();
        using var finished = new ManualResetEventSlim();
        var pause = Task.Run(() => Execute(() =>
        {
            paused.Set();
            finished.Wait();
        }));
        paused.Wait();
        try
        {
            action();
        }
        finally
        {
            finished.Set();
            pause.Wait();
        }
    }

    private void ExecuteAlone(Action action)
    {
        if (!IsRunning)
        {
            action();
            RebuildPollSet();
            return;
        }

        using var done = new ManualResetEventSlim();
        Exception? failure = null;
        var request = () =>
        {
            try
            {
                action();
            }
            catch (Exception problem)
            {
                failure = problem;
            }
            finally
            {
                done.Set();
            }
        };
        Volatile.Write(ref _request, request);
        Wake();
        done.Wait();
        if (failure is not null)
        {
            throw new InvalidOperationException(failure.Message, failure);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Loop()
    {
        if (_cpu >= 0)
        {
            _ = Sched.PinCurrentThread(_cpu);
        }

        // A thread of the control side that takes the worker's CPU keeps it for milliseconds, which is more packets than a ring holds. So the
        // worker comes first, by about ten to one: where there is but one CPU, the control side must go on under full load.
        _ = Sched.RaiseCurrentThread(NicenessSteps);

        var idle = 0;
        var baseline = GC.GetAllocatedBytesForCurrentThread();
        var begunAt = Stopwatch.GetTimestamp();
        while (!_stopping)
        {
            if (Volatile.Read(ref _request) is { } request)
            {
                // Control work may allocate; it is not the forwarding path's.
                var before = GC.GetAllocatedBytesForCurrentThread();
                _request = null;
                request();
                RebuildPollSet();
                baseline += GC.GetAllocatedBytesForCurrentThread() - before;
            }

            var now = Stopwatch.GetTimestamp();
            Gaps.Note(now - begunAt);
            begunAt = now;
            _rounds.Begin(_number);
            var work = Round(now);
            _rounds.End(_number);
            if (work != 0)
            {
                idle = 0;
            }
            else if (++idle > IdleRoundsBeforeSleep)
            {
                AllocatedBytes = GC.GetAllocatedBytesForCurrentThread() - baseline;
                // What only the clock woke looks once and sleeps on, so that an idle switch uses next to no CPU.
                idle = Sleep() ? 0 : IdleRoundsBeforeSleep;
                begunAt = Stopwatch.GetTimestamp();
            }
        }

        AllocatedBytes = GC.GetAllocatedBytesForCurrentThread() - baseline;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Round(long now)
    {
        var work = 0;
        var begun = false;
        foreach (var ring in _outgoing)
        {
            ring.Reclaim();
        }

        foreach (var lane in _pipeline.Ports.Lanes)
        {
            lane.Reap();
            var count = lane.Receive(_batch, BatchSize);
            if (count == 0)
            {
                continue;
            }

            Begin(ref begun, now);
            _pipeline.ProcessReceived(lane, _batch, count);
            work += count;
        }

        foreach (var ring in _incoming)
        {
            if (!ring.IsEmpty)
            {
                Begin(ref begun, now);
                work += TakeOver(ring);
            }
        }

        for (var budget = BatchSize; budget > 0 && _injected?.TryRead() is { } request; budget--)
        {
            Begin(ref begun, now);
            Inject(request);
            work++;
        }

        if (begun)
        {
            _pipeline.Flush();
            _mapReader.Exit();
        }

        return work;
    }

    /// <summary>Before the first packet of a round: filters may run from here on, on one clock reading.</summary>
    private void Begin(ref bool begun, long now)
    {
        if (begun)
        {
            return;
        }

        begun = true;
        _mapReader.Enter();
        _pipeline.BeginBatch(now);
    }

    /// <summary>Takes packets that another worker forwarded to ports of this one. Returns how many.</summary>
    private int TakeOver(HandOverRing ring)
    {
        var taken = 0;
        for (; taken < BatchSize && ring.TryTake(out var packet); taken++)
        {
            // All workers have as many chunks, so that an address means the same in their memories.
            var offset = _umem.OffsetInFrame(packet.Frame.Address);
            if (!_umem.TryAllocate(offset + (int)packet.Frame.Length, out var address))
            {
                _pipeline.CountHandedOverWithoutFrame();
                continue;
            }

            // SAFETY: the frame has room for the packet behind the same offset. The sender leaves its frame alone until Release.
            address += (uint)offset;
            Buffer.MemoryCopy(ring.Source.Memory + packet.Frame.Address, _umem.Memory + address, packet.Frame.Length, packet.Frame.Length);
            _pipeline.ProcessHandedOver(packet.Port, packet.Queue, address, (int)packet.Frame.Length);
        }

        ring.Release();
        return taken;
    }

    private void Inject(InjectRequest request)
    {
        if (!_umem.TryAllocate(Umem.Headroom + request.Frame.Length, out var address))
        {
            _pipeline.CountInjectedWithoutFrame();
            return;
        }

        address += Umem.Headroom;
        // SAFETY: the frame has room for the packet behind its headroom; Datapath.TryInject refuses what a jumbo buffer does not hold.
        request.Frame.CopyTo(new Span<byte>(_umem.Memory + address, request.Frame.Length));
        var packet = new PacketView { Data = _umem.Memory + address, Address = address, Length = request.Frame.Length, InPort = request.InPort };
        _pipeline.ProcessInjected(ref packet, request.Actions);
    }

    /// <summary>Waits for packets or a call; false when the time was over.</summary>
    private bool Sleep()
    {
        var woken = 1;
        Volatile.Write(ref _sleeping, 1);
        Interlocked.MemoryBarrier();
        if (!_stopping && Volatile.Read(ref _request) is null && (_injected is null || _injected.IsEmpty) && HasNothingIncoming())
        {
            fixed (PollFd* fds = _pollFds)
            {
                woken = Poll.Wait(fds, (nuint)_pollFds.Length, SleepMilliseconds);
            }
        }

        Volatile.Write(ref _sleeping, 0);
        _wake.Clear();
        return woken != 0;
    }

    private bool HasNothingIncoming()
    {
        foreach (var ring in _incoming)
        {
            if (!ring.IsEmpty)
            {
                return false;
            }
        }

        return true;
    }

    private void RebuildPollSet()
    {
        _pollFds =
        [
            new PollFd { Fd = _wake.Fd, Events = Poll.In },
            .. _pipeline.Ports.Lanes.Where(lane => lane.PollHandle >= 0).Select(lane => new PollFd { Fd = lane.PollHandle, Events = Poll.In }),
        ];
    }

    public void Dispose()
    {
        Stop();
        _mapReader.Dispose();
        _wake.Dispose();
        NativeMemory.Free(_batch);
    }
}
