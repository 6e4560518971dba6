using System.Reflection;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Tests.PacketPath;

/// <summary>No allocation, lock, exception or wait on the way of a packet, in whatever code it may run through.</summary>
public sealed class PacketPathTests
{
    /// <summary>Neither judged nor walked.</summary>
    private static readonly HashSet<string> Exceptions =
    [
        // Not a packet's: the worker's start, its sleep when there is no packet, and what the control thread has it do between two rounds.
        "Sched.PinCurrentThread", "Sched.RaiseCurrentThread", "ForwardingWorker.Sleep", "Action.Invoke", "ForwardingWorker.RebuildPollSet",

        // The compiled filter: the verifier bounds what it does.
        "FilterMethod.Invoke",

        // System calls that do not wait, one for a batch or a round, and one for each packet of the host's own port.
        "Socket.SendTo", "Socket.Receive", "Socket.GetOption", "LinuxBpf.RunOnLiveFrames", "Eventfd.Signal", "Tun.Read", "Tun.Write",

        // Frames of a port that was closed come home by a queue; while it is empty, asking it is one load.
        "Umem.CollectReturned",

        // Ends the process.
        "FrameAllocator.FailFreedTwice",

        // Ports without a network, of tests; and of `oko bench`, which stops its clock meanwhile.
        "MemoryPort.Receive", "MemoryPort.Transmit", "SegmentPlayer.TryTurn",
    ];

    /// <summary>What may be called of the class library: a type and a method, or all of a type. None of it allocates or waits.</summary>
    private static readonly HashSet<string> Listed =
    [
        "BinaryPrimitives.ReverseEndianness", "BitOperations.*", "Math.*", "Buffer.MemoryCopy", "Unsafe.*", "Volatile.*", "Interlocked.*",
        "UInt128..ctor", "UInt128.op_Explicit", "UInt128.op_Implicit", "UInt128.op_Equality", "UInt128.op_Inequality", "UInt128.op_BitwiseOr",
        "UInt128.op_BitwiseAnd", "UInt128.op_LeftShift", "UInt128.op_RightShift",
        "Span`1..ctor", "Span`1.get_Item", "Span`1.get_Length", "Span`1.Clear", "Span`1.CopyTo", "MemoryExtensions.AsSpan", "MemoryExtensions.CopyTo",
        "ReadOnlySpan`1..ctor", "ReadOnlySpan`1.get_Item", "ReadOnlySpan`1.get_Length",
        "MemoryMarshal.CreateSpan", "MemoryMarshal.CreateReadOnlySpan", "MemoryMarshal.GetArrayDataReference",
        "ImmutableArray`1.AsSpan", "ImmutableArray`1.get_Item", "ImmutableArray`1.get_Length", "ImmutableArray`1.GetEnumerator", "Enumerator.get_Current",
        "Enumerator.MoveNext", "ValueTuple`2..ctor", "String.get_Length", "String.op_Equality",
        "Stopwatch.GetTimestamp", "Environment.get_TickCount64", "GC.GetAllocatedBytesForCurrentThread", "GC.KeepAlive", "Marshal.GetLastPInvokeError",
        "Debug.Assert",
    ];

    [Test]
    public void Worker_InAllThatForwardingMayCall_NeitherAllocatesNorThrowsNorWaits()
    {
        var walk = new PathWalk(IsListed, Exceptions);
        walk.From(typeof(ForwardingWorker).GetMethod("Loop", BindingFlags.Instance | BindingFlags.NonPublic)!);
        string.Join(Environment.NewLine, walk.Faults).Should().BeEmpty();
        walk.UsedExceptions.Should().BeEquivalentTo(Exceptions, "an exception that nothing needs any more would let something else pass");
        walk.Methods.Select(PathWalk.Name).Should().Contain(
            ["PacketPipeline.Finish", "TupleSpace.Lookup", "AfXdpLane.Transmit", "HandOverRing.TryStage", "HeaderEditor.Set", "Meter.Measure", "PortQueue.Flush"], "packets run through these");
    }

    private static bool IsListed(MethodBase method) =>
        method.DeclaringType!.Namespace!.StartsWith("System.Runtime.Intrinsics", StringComparison.Ordinal)
        || Listed.Contains(PathWalk.Name(method)) || Listed.Contains(method.DeclaringType.Name + ".*");
}
