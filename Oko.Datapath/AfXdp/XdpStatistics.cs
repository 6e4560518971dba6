namespace Oko.Datapath.AfXdp;

/// <summary>
/// What the kernel counts for AF_XDP sockets (<c>XDP_STATISTICS</c>). They tell which side is slow:
/// <see cref="FillRingEmpty"/> and <see cref="ReceiveRingFull"/> mean the worker. A value: usable on any thread.
/// </summary>
/// <param name="Dropped">Packets lost for want of a chunk (copy mode) or longer than one.</param>
/// <param name="ReceiveRingFull">Packets lost since the worker had not taken earlier ones.</param>
/// <param name="FillRingEmpty">Times the kernel found no chunk; in copy mode these packets are in <paramref name="Dropped"/> too.</param>
/// <param name="ReceiveInvalid">Bad addresses in the fill ring: a fault of the switch.</param>
/// <param name="TransmitInvalid">Bad descriptors in the TX ring: a fault of the switch.</param>
/// <param name="TransmitRingEmpty">Times the kernel found nothing in the TX ring when it looked: the normal end of sending.</param>
public readonly record struct XdpStatistics(
    long Dropped, long ReceiveRingFull, long FillRingEmpty, long ReceiveInvalid, long TransmitInvalid, long TransmitRingEmpty)
{
    /// <summary>Adds counter by counter: the sum over the queues of a port.</summary>
    public static XdpStatistics operator +(XdpStatistics left, XdpStatistics right) => new(
        left.Dropped + right.Dropped,
        left.ReceiveRingFull + right.ReceiveRingFull,
        left.FillRingEmpty + right.FillRingEmpty,
        left.ReceiveInvalid + right.ReceiveInvalid,
        left.TransmitInvalid + right.TransmitInvalid,
        left.TransmitRingEmpty + right.TransmitRingEmpty);
}
