using System.Collections.Concurrent;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;
using Oko.Datapath.Ports;

namespace Oko.System.Tests.Lab;

/// <summary>A thread in the switch's namespace that floods between its ports, and owns them.</summary>
internal sealed unsafe class Bounce : IDisposable
{
    private const int FrameCount = 8192;

    private readonly Umem _umem = new(FrameCount);
    private readonly AfXdpOptions _options;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _ready = new();
    private Action? _request;
    private Exception? _failure;
    private volatile bool _stopping;

    public Bounce(Network network, AfXdpOptions options, params string[] names)
    {
        _options = options;
        _thread = new Thread(() =>
        {
            try
            {
                Namespace.Run(network.SwitchSpace, () => Loop(names.Length == 0 ? ["p1", "p2"] : names));
            }
            catch (Exception exception)
            {
                _failure = exception;
                _ready.Set();
            }
        });
        _thread.Start();
        _ready.Wait();
        Check();
    }

    public List<AfXdpPort> Ports { get; } = [];

    /// <summary>Chunks that neither are free nor come back from the closed ports.</summary>
    public int LostFrames { get; private set; }

    /// <summary>Jumbo buffers that are not free at the end.</summary>
    public int LostBuffers { get; private set; }

    public void Open(string name) => Ports.Add(AfXdpPort.Open(name, (uint)Ports.Count + 1, [_umem], _options));

    public void Close(int index)
    {
        Ports[index].Dispose();
        Ports.RemoveAt(index);
    }

    /// <summary>Runs on the thread between two rounds.</summary>
    public void Do(Action action)
    {
        using var done = new ManualResetEventSlim();
        _request = () =>
        {
            action();
            done.Set();
        };
        Await.Until(() => done.IsSet || _failure is not null, 10, "the forwarding thread did it");
        Check();
    }

    public void Stop()
    {
        _stopping = true;
        _thread.Join();
        Check();
    }

    public void Dispose()
    {
        _stopping = true;
        _thread.Join();
        _umem.Dispose();
        _ready.Dispose();
    }

    private void Check()
    {
        if (_failure is not null)
        {
            throw new InvalidOperationException("the forwarding thread failed: " + _failure.Message, _failure);
        }
    }

    private void Loop(string[] names)
    {
        foreach (var name in names)
        {
            Open(name);
        }

        var events = new ConcurrentQueue<LinkEvent>();
        using var watcher = new LinkWatcher(events.Enqueue);
        _ready.Set();
        var batch = stackalloc FrameDescriptor[64];
        while (!_stopping)
        {
            foreach (var port in Ports)
            {
                port.Lanes[0].Reap();
                Forward(port, batch, port.Lanes[0].Receive(batch, 64));
            }

            while (events.TryDequeue(out var happened))
            {
                Apply(happened);
            }

            Interlocked.Exchange(ref _request, null)?.Invoke();
        }

        while (Ports.Count > 0)
        {
            Close(Ports.Count - 1);
        }

        // Closed ports hand their chunks over; a port that is opened and asked collects them.
        Open(names[^1]);
        Ports[0].Lanes[0].Reap();
        Close(0);
        using var last = AfXdpPort.Open(names[^1], 1, [_umem], _options with { RingSize = AfXdpOptions.MinRingSize });
        last.Lanes[0].Reap();
        LostFrames = FrameCount - AfXdpOptions.MinRingSize - _umem.Frames.FreeCount;
        LostBuffers = Umem.JumboCount - _umem.Frames.FreeJumboCount;
    }

    private void Apply(LinkEvent happened)
    {
        foreach (var port in Ports)
        {
            _ = happened.Kind == LinkEventKind.Removed && happened.Link.Index == port.InterfaceIndex
                ? port.ApplyRemoval()
                : port.ApplyLink(happened.Link);
        }
    }

    private void Forward(AfXdpPort from, FrameDescriptor* batch, int count)
    {
        if (Ports.Count == 2 && count > 0)
        {
            for (var sent = Ports[from == Ports[0] ? 1 : 0].Lanes[0].Transmit(0, batch, count); sent < count; sent++)
            {
                _umem.Frames.Free(batch[sent].Address);
            }

            return;
        }

        for (var index = 0; index < count; index++)
        {
            // The first port but one that takes it gets it by descriptor, the others a copy.
            var original = batch[index];
            var isGone = false;
            foreach (var port in Ports)
            {
                if (port == from)
                {
                    continue;
                }

                var sent = original;
                if (isGone && !Copy(original, out sent))
                {
                    continue;
                }

                if (port.Lanes[0].Transmit(0, &sent, 1) == 1)
                {
                    isGone = true;
                }
                else if (sent.Address != original.Address)
                {
                    _umem.Frames.Free(sent.Address);
                }
            }

            if (!isGone)
            {
                _umem.Frames.Free(original.Address);
            }
        }
    }

    private bool Copy(FrameDescriptor original, out FrameDescriptor copy)
    {
        copy = original;
        if (!_umem.Frames.TryAllocate(out var address))
        {
            return false;
        }

        copy.Address = address + Umem.Headroom;
        new ReadOnlySpan<byte>(_umem.Memory + original.Address, (int)original.Length)
            .CopyTo(new Span<byte>(_umem.Memory + copy.Address, (int)original.Length));
        return true;
    }
}
