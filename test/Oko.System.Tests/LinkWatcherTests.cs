using Oko.Datapath.Interop;
using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>What the kernel says of network interfaces, while they come and go.</summary>
public sealed class LinkWatcherTests
{
    [Test]
    public void LinkWatcher_LinkComesAndGoes_ReportsIt()
    {
        using var network = new Network("okoxdp", 1);
        Namespace.Run(network.SwitchSpace, () =>
        {
            var events = new List<LinkEvent>();
            using var watcher = new LinkWatcher(happened =>
            {
                lock (events)
                {
                    events.Add(happened);
                }
            });
            bool Saw(LinkEventKind kind, string name)
            {
                lock (events)
                {
                    return events.Exists(happened => happened.Kind == kind && happened.Link.Name == name);
                }
            }

            Command.Check(10, "ip", "-n", network.SwitchSpace, "link", "set", "p1", "down");
            Await.Until(() => Saw(LinkEventKind.Changed, "p1"), 5, "p1 changed");
            network.RemoveLink(1);
            Await.Until(() => Saw(LinkEventKind.Removed, "p1"), 5, "p1 removed");
            network.AddLink(1);
            Await.Until(() => Saw(LinkEventKind.Added, "p1"), 5, "p1 added");
            Await.Until(() => watcher.List().Any(link => link is { Name: "p1", IsRunning: true, Kind: "veth" }), 5, "p1 is up");
        });
    }

    [Test]
    public void LinkWatcher_KernelDropsEvents_StillKnowsWhatIsThere()
    {
        using var network = new Network("okoxdp", 3);
        network.RemoveLink(3);
        Namespace.Run(network.SwitchSpace, () =>
        {
            using var held = new ManualResetEventSlim();
            var removed = 0;
            using var watcher = new LinkWatcher(happened =>
            {
                held.Wait();
                removed += happened is { Kind: LinkEventKind.Removed, Link.Name: "p1" } ? 1 : 0;
            });

            // Far more than fits a netlink socket, while the handler holds the watcher up.
            var storm = string.Concat(Enumerable.Range(0, 3000).Select(round => $"link set p2 mtu {1400 + (round % 2)}\n"));
            try
            {
                var result = Command.RunWithInput(60, storm, "ip", "-n", network.SwitchSpace, "-batch", "-");
                result.ExitCode.Should().Be(0, "ip printed: {0}", result.All);
                network.RemoveLink(1);
                network.AddLink(3);
            }
            finally
            {
                held.Set();
            }

            Await.Until(() => watcher.List().Any(link => link.Name == "p3"), 5, "the new link is known");
            watcher.List().Select(link => link.Name).Should().BeEquivalentTo("lo", "p2", "p3");
            removed.Should().Be(1);
        });
    }
}
