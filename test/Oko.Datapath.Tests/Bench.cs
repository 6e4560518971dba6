using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using Oko.Datapath.Tables;

namespace Oko.Datapath.Tests;

/// <summary>A running datapath with in-memory ports 1..n.</summary>
public sealed class Bench : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public Bench(int ports = 3, bool partialChecksums = false)
    {
        Datapath = new Oko.Datapath.Workers.Datapath(new Oko.Datapath.Workers.DatapathOptions { FrameCount = 1024 });
        Ports = [.. Enumerable.Range(1, ports).Select(n => new MemoryPort(Datapath.Umem, (uint)n, $"m{n}") { PartialChecksums = partialChecksums })];
        foreach (var port in Ports)
        {
            Datapath.AddPort(port);
        }

        Datapath.Start();
    }

    public Oko.Datapath.Workers.Datapath Datapath { get; }

    public MemoryPort[] Ports { get; }

    public FlowEntry Add(ushort priority, IEnumerable<FieldMatch> match, InstructionSet instructions, byte table = 0, FilterSlot? filter = null)
    {
        var entry = new FlowEntry
        {
            TableId = table, Priority = priority, Pattern = FlowPattern.Create(match), Instructions = instructions, Filter = filter, Cookie = priority,
        };
        Datapath.AddEntry(entry);
        Datapath.Synchronize();
        return entry;
    }

    public static InstructionSet Apply(params DatapathAction[] actions) => new() { Apply = [.. actions] };

    public void Send(int port, byte[] frame) => Ports[port - 1].Push(frame);

    public byte[] Expect(int port) =>
        Ports[port - 1].Take(Patience) ?? throw new AssertionException($"nothing was sent on port {port}");

    /// <summary>Waits until the worker has dealt with everything that was pushed.</summary>
    public void Settle()
    {
        // A marker through the inject ring is processed after the frames received in an earlier round.
        SpinWait.SpinUntil(() => Ports.All(port => port.IsDrained), Patience).Should().BeTrue();
        SpinWait.SpinUntil(() => Datapath.GetBalance().IsBalanced, Patience).Should().BeTrue("balance is {0}", Datapath.GetBalance());
    }

    public void ExpectNothing(int port)
    {
        Settle();
        Ports[port - 1].Take(TimeSpan.Zero).Should().BeNull();
    }

    public void Dispose()
    {
        Settle();
        Datapath.Stop();
        Datapath.Umem.Frames.FreeCount.Should().Be(1024, "every frame must have come back");
        Datapath.Dispose();
    }
}
