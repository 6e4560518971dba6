namespace Oko.Datapath.Interop;

/// <summary>What happened to a link.</summary>
public enum LinkEventKind
{
    /// <summary>It was made, came into this namespace, or got this name.</summary>
    Added,

    /// <summary>Its state, address, MTU or XDP program changed.</summary>
    Changed,

    /// <summary>It was removed, left this namespace, or lost this name.</summary>
    Removed,
}

/// <summary>An event of <see cref="LinkWatcher"/>.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Link">The link as it now is, or last was when removed.</param>
public readonly record struct LinkEvent(LinkEventKind Kind, LinkInfo Link);

/// <summary>
/// Tells when network interfaces come, go and change, so that ports can be plugged while the switch runs. One
/// background thread of its own calls the handler; <see cref="List"/> may be called by any thread.
/// </summary>
/// <remarks>
/// Events are differences between what the kernel says now and what it said before. So nothing is missed when the
/// kernel drops messages in a storm (ENOBUFS): the watcher then reads all links again and reports what differs.
/// A renamed link is reported as removed and added, since ports are known by name. It watches the network
/// namespace of the thread that makes it.
/// </remarks>
public sealed unsafe class LinkWatcher : IDisposable
{
    private readonly Action<LinkEvent> _handler;
    private readonly Netlink _netlink;
    private readonly Eventfd _stop;
    private readonly Thread _thread;
    private readonly Lock _lock = new();
    private readonly Dictionary<uint, LinkInfo> _links = [];
    private HashSet<uint>? _dumped;

    /// <summary>Reads all links, reports none of them, then reports each change.</summary>
    /// <param name="handler">Called on the watcher's thread; must not throw. May be called before the constructor returns.</param>
    /// <exception cref="IOException">The kernel refuses a netlink socket.</exception>
    public LinkWatcher(Action<LinkEvent> handler)
    {
        _handler = handler;
        _netlink = new Netlink(Netlink.GroupLink);
        _stop = new Eventfd();
        // The socket listens before the list is read: a link that comes in between is then in both, never in none.
        foreach (var link in Netlink.ListLinks())
        {
            _links[link.Index] = link;
        }

        _thread = new Thread(Run) { IsBackground = true, Name = "link watcher" };
        _thread.Start();
    }

    /// <summary>The link of that name in the namespace of the calling thread, asked from the kernel; null if there is none.</summary>
    /// <param name="name">Interface name.</param>
    /// <exception cref="IOException">The kernel refuses a netlink socket.</exception>
    public static LinkInfo? Find(string name) => Netlink.ListLinks().Find(link => link.Name == name);

    /// <summary>All links known, by index.</summary>
    public IReadOnlyList<LinkInfo> List()
    {
        lock (_lock)
        {
            return [.. _links.Values.OrderBy(link => link.Index)];
        }
    }

    /// <summary>Ends the thread; no event comes after it.</summary>
    public void Dispose()
    {
        _stop.Signal();
        if (Thread.CurrentThread != _thread)
        {
            _thread.Join();
        }

        _netlink.Dispose();
        _stop.Dispose();
    }

    private void Run()
    {
        // SAFETY: the array lives on this stack for as long as poll reads it.
        var entries = stackalloc PollFd[2];
        entries[0] = new PollFd { Fd = _stop.Fd, Events = Poll.In };
        entries[1] = new PollFd { Fd = _netlink.Handle, Events = Poll.In };
        while (true)
        {
            _ = Poll.Wait(entries, 2, -1);
            if ((entries[0].Returned & Poll.In) != 0)
            {
                return;
            }

            Read();
        }
    }

    private void Read()
    {
        while (true)
        {
            switch (_netlink.Receive(Apply, wait: false))
            {
                case Netlink.ReceiveResult.Nothing:
                    return;
                case Netlink.ReceiveResult.Lost:
                    _dumped = [];
                    _netlink.RequestDump();
                    break;
                case Netlink.ReceiveResult.EndOfDump:
                    RemoveMissing();
                    break;
            }
        }
    }

    private void Apply(Netlink.LinkMessage message)
    {
        if (message.Link is not { } link)
        {
            return;
        }

        LinkInfo? before;
        var gone = message.Type == Netlink.DeleteLink;
        lock (_lock)
        {
            _links.TryGetValue(link.Index, out before);
            if (gone)
            {
                _links.Remove(link.Index);
            }
            else
            {
                _links[link.Index] = link;
            }
        }

        if (!gone)
        {
            _dumped?.Add(link.Index);
        }

        Report(before, gone ? null : link);
    }

    private void RemoveMissing()
    {
        if (_dumped is not { } dumped)
        {
            return;
        }

        _dumped = null;
        foreach (var link in List().Where(link => !dumped.Contains(link.Index)))
        {
            lock (_lock)
            {
                _links.Remove(link.Index);
            }

            Report(link, null);
        }
    }

    private void Report(LinkInfo? before, LinkInfo? after)
    {
        if (before == after)
        {
            return;
        }

        if (before is not null && before.Name == after?.Name)
        {
            _handler(new LinkEvent(LinkEventKind.Changed, after));
            return;
        }

        if (before is not null)
        {
            _handler(new LinkEvent(LinkEventKind.Removed, before));
        }

        if (after is not null)
        {
            _handler(new LinkEvent(LinkEventKind.Added, after));
        }
    }
}
