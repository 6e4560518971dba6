using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Oko.Bpf.Execution;
using Oko.Bpf.Maps;
using Oko.Datapath.Interop;

namespace Oko.Datapath.Benchmark;

/// <summary>What a neighbour does with packets.</summary>
public enum NeighbourPolicy
{
    /// <summary>Those that match go on, the others end.</summary>
    PassMatch,

    /// <summary>Those that match end, the others go on.</summary>
    PassNoMatch,
}

/// <summary>A packet function beside the switch, as one would build it on rings: takes packets in batches, asks the filter, and gives
/// each back to go on or to end. Spins while it runs; no lock, allocation or system call per batch. One thread.</summary>
/// <param name="region">The rings and the packets.</param>
/// <param name="filter">The filter, or null: everything goes on.</param>
/// <param name="policy">Which packets go on.</param>
public sealed unsafe class Neighbour(NeighbourRegion region, LoadedFilter? filter, NeighbourPolicy policy)
{
    private const int ParkedMilliseconds = 1;
    private const long TimedMask = 15;

    private volatile bool _isStopping;

    /// <summary>Any thread: has <see cref="Run"/> end soon.</summary>
    public void Stop() => _isStopping = true;

    /// <summary>Serves the rings until <see cref="Stop"/>.</summary>
    /// <param name="cpu">Processor to pin the thread to, -1 = none.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(int cpu)
    {
        if (cpu >= 0)
        {
            _ = Sched.PinCurrentThread(cpu);
        }

        using var reader = MapReaders.Register();
        var taken = region.ToNeighbourConsumer();
        var passed = region.PassedProducer();
        var released = region.ReleasedProducer();
        var packets = region.Packets;
        var packetBytes = (ulong)region.PacketBytes;
        var entries = stackalloc ulong[NeighbourRegion.BatchPackets];
        var counters = default(NeighbourCounters);
        region.State = NeighbourState.Parked;
        while (!_isStopping)
        {
            var count = taken.Peek(NeighbourRegion.BatchPackets);
            if (count == 0)
            {
                Wait();
                continue;
            }

            var now = Stopwatch.GetTimestamp();
            // All entries first, then all packets: the misses of a batch overlap.
            for (var index = 0u; index < count; index++)
            {
                var entry = taken.ReadAddress(index);
                // SAFETY: an entry that leads outside is the switch's fault, and would be read from; the process ends before.
                if (!NeighbourRegion.IsInside(entry, packetBytes))
                {
                    Environment.FailFast($"ring entry {entry:x}: not in the {packetBytes} bytes of packet memory");
                }

                entries[index] = entry;
                if (Sse.IsSupported)
                {
                    Sse.Prefetch0(packets + NeighbourRegion.Unpack(entry).Address);
                }
            }

            taken.Release(count);
            while (passed.Reserve(count) < count || released.Reserve(count) < count)
            {
                Thread.SpinWait(1);
            }

            reader.Enter();
            var kept = Ask(entries, count, now, ref passed, ref released);
            reader.Exit();
            var isTimed = (counters.Batches & TimedMask) == 0;
            counters = new NeighbourCounters(
                counters.Packets + count, counters.Passed + kept, counters.Batches + 1, counters.TimedPackets + (isTimed ? count : 0),
                counters.TimedNanoseconds + (isTimed ? Stopwatch.GetTimestamp() - now : 0));
            // Before the packets: who has the last one back sees the counters of all.
            region.Counters = counters;
            if (kept > 0)
            {
                passed.Submit(kept);
            }

            if (kept < count)
            {
                released.Submit(count - kept);
            }
        }
    }

    /// <summary>There are no packets.</summary>
    private void Wait()
    {
        if (!region.IsWanted)
        {
            region.State = NeighbourState.Parked;
            Thread.Sleep(ParkedMilliseconds);
        }
        else if (region.State != NeighbourState.Running)
        {
            region.State = NeighbourState.Running;
        }
        else if (X86Base.IsSupported)
        {
            X86Base.Pause();
        }
    }

    /// <summary>Asks the filter about a batch and writes each packet to one of the rings; returns how many go on.</summary>
    // SAFETY: the caller checked that the packets lie in the packet memory and reserved as many entries in both rings.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private uint Ask(ulong* entries, uint count, long now, ref AfXdp.ProducerRing passed, ref AfXdp.ProducerRing released)
    {
        var asked = filter;
        var passesMatch = policy == NeighbourPolicy.PassMatch;
        var packets = region.Packets;
        var context = new FilterContext { InPort = 1, TimeNanoseconds = (ulong)now };
        // As in the switch: what the filter looks up first is fetched for all packets before the first of them is asked about.
        if (asked is { CanPrefetch: true })
        {
            for (var index = 0u; index < count; index++)
            {
                Describe(entries[index], packets, &context);
                asked.Prefetch(&context);
            }
        }

        var kept = 0u;
        for (var index = 0u; index < count; index++)
        {
            Describe(entries[index], packets, &context);
            // To both rings, and on by one in the right one: cheaper than a branch that cannot be foreseen.
            passed.WriteAddress(kept, entries[index]);
            released.WriteAddress(index - kept, entries[index]);
            kept += Unsafe.BitCast<bool, byte>(asked is null || asked.Matches(&context) == passesMatch);
        }

        return kept;
    }

    /// <summary>Puts a packet into what filters are given.</summary>
    // SAFETY: as for Ask.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Describe(ulong entry, byte* packets, FilterContext* context)
    {
        var packet = NeighbourRegion.Unpack(entry);
        context->Packet = packets + packet.Address;
        context->PacketEnd = context->Packet + packet.Length;
        context->Length = packet.Length;
        context->Protocol = packet.Length >= 14 ? Unsafe.ReadUnaligned<ushort>(context->Packet + 12) : 0u;
    }
}
