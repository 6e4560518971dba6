using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using Oko.Agent.Tests.Rules;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Text;
using Oko.Bpf.Verifier;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

/// <summary>
/// Filters are loaded, replaced and unloaded while packets pass, each of which needs a filter to say yes. A version of the filter compares its
/// own number with what its two data sections hold: a packet that met the code of one version with data of another would be lost.
/// <c>OKO_CHURN_ROUNDS</c> makes it longer.
/// </summary>
public sealed class FilterChurnTests
{
    private const int Window = 64;
    private const uint Steady = 7, Passing = 8;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Test]
    public async Task Filters_ComeAndGoUnderTraffic_NoPacketIsLostAndMemoryIsWhatItWas()
    {
        var rounds = int.TryParse(Environment.GetEnvironmentVariable("OKO_CHURN_ROUNDS"), out var wanted) ? wanted : 1000;
        await using var bench = await SwitchBench.StartAsync(verify: Verify);
        await using var controller = await bench.ConnectAsync();
        await controller.RequestAsync<FilterStatus>(SwitchBench.Upload(Steady, "0"));
        await controller.DoAsync(Entry(5, Steady));

        using var stop = new CancellationTokenSource();
        var traffic = Task.Factory.StartNew(() => Send(bench, stop.Token), TaskCreationOptions.LongRunning);
        for (var round = 0; round < rounds / 4; round++)
        {
            await ChurnAsync(controller, round);
        }

        var (heapBefore, residentBefore) = Memory();
        for (var round = 0; round < rounds; round++)
        {
            traffic.IsCompleted.Should().BeFalse("packets still flow");
            await ChurnAsync(controller, round);
        }

        var (heapAfter, residentAfter) = Memory();
        await stop.CancelAsync();
        var packets = await traffic;
        var counted = await CountedAsync(controller);
        TestContext.Out.WriteLine(
            $"{rounds} rounds, {packets} packets, {counted} counted by the map that was kept; heap {heapBefore >> 10} to {heapAfter >> 10} KiB, resident {residentBefore >> 20} to {residentAfter >> 20} MiB");
        counted.Should().Be((ulong)packets, "each packet ran one version of the filter, and the map that all of them keep has counted it");
        heapAfter.Should().BeLessThan((heapBefore * 105 / 100) + (256 << 10));
        residentAfter.Should().BeLessThan((residentBefore * 110 / 100) + (16 << 20));
    }

    // A filter comes, another is replaced, the first goes with the entry that names it.
    private static async Task ChurnAsync(ControllerSimulator controller, int round)
    {
        await controller.RequestAsync<FilterStatus>(SwitchBench.Upload(Passing, $"{round + 1000} passing"));
        await controller.DoAsync(Entry(9, Passing));
        var status = await controller.RequestAsync<FilterStatus>(SwitchBench.Upload(Steady, $"{round}", FilterUploadFlags.Replace | FilterUploadFlags.KeepMaps));
        status.MapsKept.Should().Be(1, "the data sections are the version's own");
        await controller.DoAsync(new FilterUnload(Passing, Force: true));
    }

    private static FlowMod Entry(ushort priority, uint filter) => new()
    {
        Priority = priority, Match = RuleBench.Filtered(filter), Instructions = [new ApplyActionsInstruction([new OutputAction(new PortNumber(2))])],
    };

    /// <summary>Sends numbered packets until told to stop; each must arrive, in order.</summary>
    /// <returns>How many.</returns>
    private static int Send(SwitchBench bench, CancellationToken stop)
    {
        var (from, to) = (bench.Port(1), bench.Port(2));
        var frame = RuleBench.Udp();
        int sent = 0, received = 0;
        while (!stop.IsCancellationRequested || received < sent)
        {
            for (; sent - received < Window && !stop.IsCancellationRequested; sent++)
            {
                BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(frame.Length - 4), sent);
                from.Push(frame);
            }

            if (received < sent)
            {
                var arrived = to.Take(Patience) ?? throw new TimeoutException($"packet {received} of {sent} did not arrive");
                BinaryPrimitives.ReadInt32BigEndian(arrived.AsSpan(arrived.Length - 4)).Should().Be(received++);
            }
        }

        return sent;
    }

    private static async Task<ulong> CountedAsync(ControllerSimulator controller)
    {
        var dump = await controller.AskAsync<MapDumpReply>(new MultipartRequest(new MapDumpRequest(Steady, 2, 0)));
        return BitConverter.ToUInt64(dump.Entries.Single().Value.AsSpan());
    }

    private static (long Heap, long Resident) Memory()
    {
        // Code that is no longer used goes with the collection after the one that finds it unused.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var heap = GC.GetTotalMemory(forceFullCollection: true);
        var pages = long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1]);
        return (heap, pages * Environment.SystemPageSize);
    }

    // "VERSION": says yes and counts, if the number in its code and in both data sections is the same; "VERSION passing": says no.
    private static VerifiedProgram Verify(uint filterId, byte[] elf, string? entry)
    {
        var words = Encoding.UTF8.GetString(elf).Split(' ');
        var version = int.Parse(words[0]);
        var isPassing = words.Length > 1;
        var source = isPassing ? "mov %r0, 0\nexit" : $"""
            ldmapvalue %r1, 0, 0
            ldxw %r2, [%r1+0]
            jne %r2, {version}, no
            ldmapvalue %r1, 1, 0
            ldxw %r2, [%r1+0]
            jne %r2, {version}, no
            ldmapvalue %r1, 2, 0
            mov %r2, 1
            lock add [%r1+0], %r2
            mov %r0, 1
            exit
            no:
            mov %r0, 0
            exit
            """;
        var bytes = BitConverter.GetBytes(version);
        return ProgramVerifier.Verify(new VerifierInput
        {
            Name = "version", Convention = EntryConvention.Oko, Instructions = Assembler.Assemble(source),
            Maps = [new(".data", MapType.Array, 4, 4, 1, 0), new(".data.second", MapType.Array, 4, 4, 1, 0), new("count", MapType.Array, 4, 8, 1, 0)],
            InitialValues = ImmutableDictionary<int, byte[]>.Empty.Add(0, bytes).Add(1, bytes),
        });
    }
}
