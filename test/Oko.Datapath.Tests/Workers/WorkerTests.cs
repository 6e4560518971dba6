using Oko.Datapath.AfXdp;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using Oko.Datapath.Tables;
using static Oko.Datapath.Pipeline.DatapathAction;

namespace Oko.Datapath.Tests.Workers;

/// <summary>The worker thread and what others ask of it.</summary>
public sealed class WorkerTests
{
    [Test]
    public void Synchronize_EntryChangedUnderTraffic_NextPacketSeesIt()
    {
        using var bench = new Bench(4);
        bench.Add(1, [new FieldMatch(FlowField.InPort, 4, uint.MaxValue)], Bench.Apply(Output(ReservedPort.InPort)));
        using var stop = new CancellationTokenSource();
        var traffic = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                bench.Send(4, Frames.Udp4());
                bench.Ports[3].Take(TimeSpan.FromMilliseconds(10));
            }
        });
        traffic.Start();
        FlowMatchRound(bench);
        stop.Cancel();
        traffic.Join();
    }

    [Test]
    public void Synchronize_AfterPacketOuts_AllWereTaken()
    {
        using var bench = new Bench();
        for (var round = 0; round < 50; round++)
        {
            for (var count = 0; count < 20; count++)
            {
                bench.Datapath.TryInject(Frames.Udp4(), 1, [Output(2)]).Should().BeTrue();
            }

            bench.Datapath.Synchronize();
            bench.Datapath.GetBalance().Sent.Should().Be(20 * (round + 1));
        }
    }

    [Test]
    public void Ports_AddedAndRemovedUnderTraffic_LoseNoFrame()
    {
        using var bench = new Bench(2);
        bench.Add(1, [], Bench.Apply(Output(ReservedPort.Flood)));
        for (uint number = 10; number < 40; number++)
        {
            bench.Send(1, Frames.Udp4());
            var port = new MemoryPort(bench.Datapath.Umem, number, $"extra{number}");
            bench.Datapath.AddPort(port);
            var again = () => bench.Datapath.AddPort(new MemoryPort(bench.Datapath.Umem, number, "second"));
            again.Should().Throw<ArgumentException>().WithMessage($"*number {number} is taken by extra{number}*");
            bench.Send(1, Frames.Udp4(to: 5));
            port.Take(TimeSpan.FromSeconds(5)).Should().NotBeNull();
            bench.Datapath.RemovePort(number).Should().BeSameAs(port);
            bench.Datapath.RemovePort(number).Should().BeNull();
            port.Dispose();
        }
    }

    [Test]
    public void Execute_ManyCallers_AllAreServed()
    {
        using var bench = new Bench(1);
        Parallel.For(50, 80, number =>
        {
            bench.Datapath.AddPort(new MemoryPort(bench.Datapath.Umem, (uint)number, $"p{number}"));
        });
        bench.Datapath.Ports.Should().HaveCount(31);
    }

    [Test]
    public void Worker_Idle_UsesNextToNoCpu()
    {
        using var bench = new Bench();
        bench.Add(1, [], Bench.Apply(Output(2)));
        bench.Send(1, Frames.Udp4());
        bench.Expect(2);
        Thread.Sleep(100);
        var before = WorkerTicks();
        Thread.Sleep(1500);
        (WorkerTicks() - before).Should().BeLessThan(8, "a tick is 10 ms; a spinning thread would use 150");
        bench.Send(1, Frames.Udp4());
        bench.Expect(2);
    }

    [Test]
    public void WaitForPacketIn_NothingComes_EndsInTimeOrWhenCancelled()
    {
        using var bench = new Bench();
        bench.Datapath.WaitForPacketIn(TimeSpan.FromMilliseconds(20)).Should().BeFalse();
        using var cancel = new CancellationTokenSource(20);
        var wait = () => bench.Datapath.WaitForPacketIn(TimeSpan.FromMinutes(1), cancel.Token);
        wait.Should().Throw<OperationCanceledException>();
        bench.Add(0, [], Bench.Apply(Output(ReservedPort.Controller)));
        bench.Send(1, Frames.Udp4());
        bench.Datapath.WaitForPacketIn(TimeSpan.FromSeconds(5)).Should().BeTrue();
        bench.Datapath.TryReadPacketIn(out var record).Should().BeTrue();
        record!.InPort.Should().Be(1);
    }

    [Test]
    public void TryInject_TooLarge_IsRefused()
    {
        using var bench = new Bench();
        bench.Datapath.TryInject(new byte[Umem.MaxJumboPacketSize + 1], 1, [Output(2)]).Should().BeFalse();
        bench.Datapath.TryInject(new byte[Umem.MaxJumboPacketSize], 1, [Output(2)]).Should().BeTrue();
        bench.Expect(2).Should().HaveCount(Umem.MaxJumboPacketSize);
    }

    [Test]
    public void AddEntry_GotoThatDoesNotLeadForward_IsRefused([Values(0, 2, 64, -2)] int next)
    {
        using var bench = new Bench(1);
        var entry = new FlowEntry { TableId = 2, Instructions = new InstructionSet { GotoTable = next } };
        var add = () => bench.Datapath.AddEntry(entry);
        add.Should().Throw<ArgumentException>();
    }

    private static void FlowMatchRound(Bench bench)
    {
        FieldMatch fromOne = new(FlowField.InPort, 1, uint.MaxValue);
        for (var round = 0; round < 300; round++)
        {
            var to = (uint)(2 + (round % 2));
            var entry = bench.Add(5, [fromOne], Bench.Apply(Output(to)));
            bench.Send(1, Frames.Udp4());
            bench.Expect((int)to);
            bench.Datapath.RemoveEntry(entry);
            bench.Datapath.Synchronize();
        }
    }

    /// <summary>User and system time of the youngest worker thread, in clock ticks.</summary>
    private static long WorkerTicks()
    {
        var task = Directory.GetDirectories("/proc/self/task").Where(path => File.ReadAllText(path + "/comm").Trim() == "oko-worker-0")
            .MaxBy(path => int.Parse(Path.GetFileName(path)))!;
        var fields = File.ReadAllText(task + "/stat").Split(") ")[1].Split(' ');
        return long.Parse(fields[11]) + long.Parse(fields[12]);
    }
}
