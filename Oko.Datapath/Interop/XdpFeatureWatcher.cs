namespace Oko.Datapath.Interop;

/// <summary>
/// Follows whether devices of one network namespace send XDP frames that are redirected to them. On veth that changes with
/// what the other end does (an XDP program, GRO). One background thread calls the handlers; the rest may be called by any thread.
/// </summary>
internal sealed unsafe class XdpFeatureWatcher : IDisposable
{
    private readonly Netdev? _netdev;
    private readonly Eventfd _stop = new();
    private readonly Thread? _thread;
    private readonly Lock _lock = new();
    private readonly Dictionary<uint, Action<bool>> _handlers = [];

    /// <summary>Starts watching in the namespace of the calling thread; on kernels before 6.3 it never calls anyone.</summary>
    internal XdpFeatureWatcher()
    {
        _netdev = Netdev.TryOpen();
        if (_netdev is not null)
        {
            _thread = new Thread(Run) { IsBackground = true, Name = "XDP features" };
            _thread.Start();
        }
    }

    /// <summary>Reports soon, and at each change, whether a device sends redirected frames.</summary>
    /// <param name="interfaceIndex">The device.</param>
    /// <param name="handler">Called on the watcher's thread, or the caller's.</param>
    internal void Add(uint interfaceIndex, Action<bool> handler)
    {
        lock (_lock)
        {
            _handlers[interfaceIndex] = handler;
        }

        // The answer wakes the watcher's thread, which is the only one that reads.
        _netdev?.Request(interfaceIndex);
    }

    /// <summary>Ends the reports about a device; none comes after it.</summary>
    internal void Remove(uint interfaceIndex)
    {
        lock (_lock)
        {
            _handlers.Remove(interfaceIndex);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Signal();
        _thread?.Join();
        _netdev?.Dispose();
        _stop.Dispose();
    }

    private void Run()
    {
        // SAFETY: the array lives on this stack for as long as poll reads it.
        var entries = stackalloc PollFd[2];
        entries[0] = new PollFd { Fd = _stop.Fd, Events = Poll.In };
        entries[1] = new PollFd { Fd = _netdev!.Handle, Events = Poll.In };
        while (true)
        {
            _ = Poll.Wait(entries, 2, -1);
            if ((entries[0].Returned & Poll.In) != 0)
            {
                return;
            }

            if (!_netdev.Receive(Report))
            {
                AskAgain();
            }
        }
    }

    private void Report(Netdev.Device device)
    {
        lock (_lock)
        {
            if (_handlers.TryGetValue(device.InterfaceIndex, out var handler))
            {
                handler((device.XdpFeatures & Netdev.FeatureTransmit) != 0);
            }
        }
    }

    private void AskAgain()
    {
        uint[] all;
        lock (_lock)
        {
            all = [.. _handlers.Keys];
        }

        foreach (var index in all)
        {
            _netdev!.Request(index);
        }
    }
}
