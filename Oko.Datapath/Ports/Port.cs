using System.Collections.Immutable;
using Oko.Datapath.AfXdp;

namespace Oko.Datapath.Ports;

/// <summary>
/// A port of the switch: what it is called, what state it is in, what it counted. Packets go through its <see cref="Lanes"/>, one for each
/// worker that has a part of it. Any thread.
/// </summary>
public abstract class Port : IDisposable
{
    /// <summary>OFPPC_PORT_DOWN, OFPPC_NO_RECV, OFPPC_NO_FWD, OFPPC_NO_PACKET_IN.</summary>
    public const uint ConfigDown = 1, ConfigNoReceive = 1 << 2, ConfigNoForward = 1 << 5, ConfigNoPacketIn = 1 << 6;

    /// <summary>OFPPS_LINK_DOWN, OFPPS_BLOCKED, OFPPS_LIVE.</summary>
    public const uint StateLinkDown = 1, StateBlocked = 2, StateLive = 4;

    private uint _configBits;
    private uint _stateBits = StateLive;
    private int _maxPacketSize = Umem.MaxJumboPacketSize;
    private long _handOverDropped, _tooLongDropped;

    /// <summary>Names the port.</summary>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="name">Name of the interface.</param>
    /// <param name="hardwareAddress">Its Ethernet address.</param>
    /// <param name="queueCount">Queues that packets can be sent by, 1 or more.</param>
    protected Port(uint number, string name, MacAddress hardwareAddress, int queueCount = 1)
    {
        QueueCount = queueCount;
        Number = number;
        Name = name;
        HardwareAddress = hardwareAddress;
    }

    /// <summary>OpenFlow port number.</summary>
    public uint Number { get; }

    /// <summary>Name of the interface.</summary>
    public string Name { get; }

    /// <summary>Ethernet address of the interface.</summary>
    public MacAddress HardwareAddress { get; }

    /// <summary>The port's parts, one for each worker that has one, at least one. Fixed.</summary>
    public abstract ImmutableArray<PortLane> Lanes { get; }

    /// <summary>Counters, read now.</summary>
    public PortStatistics Counters
    {
        get
        {
            var sum = new PortStatistics { SendDropped = Volatile.Read(ref _handOverDropped) + Volatile.Read(ref _tooLongDropped) };
            foreach (var lane in Lanes)
            {
                sum += lane.Counters.Read();
            }

            return sum;
        }
    }

    /// <summary>Queues that packets can be sent by (OFPAT_SET_QUEUE); packets that name none leave by queue 0.</summary>
    public int QueueCount { get; }

    /// <summary>Counters of the queues by number, read now.</summary>
    public ImmutableArray<QueueStatistics> Queues =>
        [.. Enumerable.Range(0, QueueCount).Select(number => Lanes.Select(lane => lane.Queues[number].Read()).Aggregate(QueueStatistics.Add))];

    /// <summary>OFPPC bits set by the controller.</summary>
    public uint ConfigBits
    {
        get => Volatile.Read(ref _configBits);
        set => Volatile.Write(ref _configBits, value);
    }

    /// <summary>OFPPS bits.</summary>
    public uint StateBits
    {
        get => Volatile.Read(ref _stateBits);
        set => Volatile.Write(ref _stateBits, value);
    }

    /// <summary>Longest packet that the port takes, in bytes; longer ones are dropped and counted.</summary>
    public int MaxPacketSize
    {
        get => Volatile.Read(ref _maxPacketSize);
        protected set => Volatile.Write(ref _maxPacketSize, value);
    }

    /// <summary>Current speed in kilobits per second, 0 if unknown.</summary>
    public virtual uint CurrentSpeedKbps => 0;

    /// <summary>How packets get in and out, for people.</summary>
    public abstract string ModeText { get; }

    /// <summary>Whether packets may arrive with a transport checksum that holds only the pseudo-header's sum.</summary>
    public virtual bool MayCarryPartialChecksums => false;

    /// <summary>Number of the lane by which packets of a queue leave that no lane at hand sends.</summary>
    internal virtual int LaneOf(int queue) => 0;

    /// <summary>Any worker: packets for the port found the way to its owner full.</summary>
    internal void AddHandOverDropped(long packets) => Interlocked.Add(ref _handOverDropped, packets);

    /// <summary>Any worker: a packet was longer than <see cref="MaxPacketSize"/>.</summary>
    internal void AddTooLong() => Interlocked.Increment(ref _tooLongDropped);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the port holds.</summary>
    protected abstract void Dispose(bool disposing);
}
