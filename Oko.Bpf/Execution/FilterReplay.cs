using Oko.Bpf.Maps;

namespace Oko.Bpf.Execution;

// SAFETY: the packets live as long as their set, which the caller holds; the context is on the stack of the method that uses it.

/// <summary>Runs a filter once over packets with the times they were captured at, one after the other, as if the switch had received them
/// then: what depends on time (timeouts, buckets, windows) can be tried on a capture. One thread.</summary>
public static unsafe class FilterReplay
{
    private const uint Port = 1;

    /// <summary>Runs the compiled filter.</summary>
    /// <param name="filter">The filter; its maps keep what the packets leave there.</param>
    /// <param name="packets">The packets; each comes from port 1.</param>
    /// <param name="times">One per packet, nanoseconds: what the clock says (<c>bpf_ktime_get_ns</c>). The clock never goes back: a packet that is
    /// older than the one before it gets that one's time.</param>
    /// <param name="onResult">Called after each packet with its index, the clock and the program's r0 (<see cref="LoadedFilter.IsMatch"/> reads it).</param>
    /// <exception cref="ArgumentException">There are not as many times as packets.</exception>
    public static void Run(LoadedFilter filter, PacketSet packets, IReadOnlyList<ulong> times, Action<int, ulong, ulong> onResult)
    {
        if (times.Count != packets.Count)
        {
            throw new ArgumentException($"{packets.Count} packets, {times.Count} times", nameof(times));
        }

        using var reader = MapReaders.Register();
        var context = new FilterContext { InPort = Port };
        for (var index = 0; index < packets.Count; index++)
        {
            var packet = packets.Records[index];
            context.Packet = (byte*)packet.First;
            context.PacketEnd = (byte*)packet.First + packet.Length;
            context.Length = (ulong)packet.Length;
            context.Protocol = packet.Protocol;
            context.TimeNanoseconds = Math.Max(context.TimeNanoseconds, times[index]);
            reader.Enter();
            var result = filter.Run(&context);
            reader.Exit();
            onResult(index, context.TimeNanoseconds, result);
        }
    }
}
