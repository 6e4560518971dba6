using System.Runtime.InteropServices;

namespace Oko.Datapath.Benchmark;

/// <summary>What a neighbour does at the moment.</summary>
public enum NeighbourState
{
    /// <summary>It is not there yet.</summary>
    Absent,

    /// <summary>Its filter is ready; it sleeps and looks now and then whether it is wanted.</summary>
    Parked,

    /// <summary>It looks for packets all the time.</summary>
    Running,
}

/// <summary>What a neighbour has done since it was started. A value, of the same layout in both processes.</summary>
/// <param name="Packets">Packets taken.</param>
/// <param name="Passed">Packets given back to the switch to go on.</param>
/// <param name="Batches">Times that packets were taken.</param>
/// <param name="TimedPackets">Packets of the batches that were timed.</param>
/// <param name="TimedNanoseconds">How long those took, from the first look at the ring to the last packet given back.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct NeighbourCounters(long Packets, long Passed, long Batches, long TimedPackets, long TimedNanoseconds);
