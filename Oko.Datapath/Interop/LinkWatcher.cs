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
        var isIncomplete = false;
        while (true)
        {
            switch (_netlink.Receive(message => Apply(message.Link, message.Type == Netlink.DeleteLink), wait: false))
            {
                case Netlink.ReceiveResult.Lost:
                    isIncomplete = true;
                    break;
                case Netlink.ReceiveResult.Nothing when isIncomplete:
                    // First read what is older than the loss, then the list, then what is newer than the list.
                    ReadAll();
                    isIncomplete = false;
                    break;
                case Netlink.ReceiveResult.Nothing:
                    return;
            }
        }
    }

    private void ReadAll()
    {
        List<LinkInfo> links;
        try
        {
            links = Netlink.ListLinks();
        }
        catch (IOException)
        {
            // No list now: the state stays as it is known, later events correct it link by link.
            return;
        }

        foreach (var gone in List().ExceptBy(links.Select(link => link.Index), link => link.Index))
        {
            Apply(gone, isGone: true);
        }

        foreach (var link in links)
        {
            Apply(link, isGone: false);
        }
    }

    private void Apply(LinkInfo? link, bool isGone)
    {
        if (link is null)
        {
            return;
        }

        LinkInfo? before;
        lock (_lock)
        {
            _links.TryGetValue(link.Index, out before);
            if (isGone)
            {
                _links.Remove(link.Index);
            }
            else
            {
                _links[link.Index] = link;
            }
        }

        Report(before, isGone ? null : link);
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
