using System.Collections.Immutable;
using Oko.Datapath.AfXdp;

namespace Oko.Datapath.Ports;

/// <summary>
/// A port of the switch. Receive, Transmit and Reap are called by the one worker that owns the port, once per batch;
/// the rest may be read by any thread.
/// </summary>
public abstract unsafe class Port : IDisposable
{
    /// <summary>OFPPC_PORT_DOWN, OFPPC_NO_RECV, OFPPC_NO_FWD, OFPPC_NO_PACKET_IN.</summary>
    public const uint ConfigDown = 1, ConfigNoReceive = 1 << 2, ConfigNoForward = 1 << 5, ConfigNoPacketIn = 1 << 6;

    /// <summary>OFPPS_LINK_DOWN, OFPPS_BLOCKED, OFPPS_LIVE.</summary>
    public const uint StateLinkDown = 1, StateBlocked = 2, StateLive = 4;

    private uint _configBits;
    private uint _stateBits = StateLive;

    /// <summary>Names the port.</summary>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="name">Name of the interface.</param>
    /// <param name="hardwareAddress">Its Ethernet address.</param>
    /// <param name="queueCount">Queues that packets can be sent by, 1 or more.</param>
    protected Port(uint number, string name, MacAddress hardwareAddress, int queueCount = 1)
    {
        Queues = [.. Enumerable.Range(0, queueCount).Select(_ => new QueueCounters())];
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

    /// <summary>Counters.</summary>
    public PortCounters Counters { get; } = new();

    /// <summary>The queues that packets can be sent by (OFPAT_SET_QUEUE), by number; packets that name none leave by queue 0.</summary>
    public ImmutableArray<QueueCounters> Queues { get; }

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

    /// <summary>Current speed in kilobits per second, 0 if unknown.</summary>
    public virtual uint CurrentSpeedKbps => 0;

    /// <summary>How packets get in and out, for people.</summary>
    public abstract string ModeText { get; }

    /// <summary>Whether packets may arrive with a transport checksum that holds only the pseudo-header's sum.</summary>
    public virtual bool MayCarryPartialChecksums => false;

    /// <summary>File descriptor that becomes readable when packets arrive; -1 if there is none.</summary>
    public virtual int PollHandle => -1;

    // SAFETY: in both, the caller's array holds as many descriptors as it says, and every descriptor lies in the UMEM of its worker.

    /// <summary>Fills the batch with received packets; their frames then belong to the caller. Returns how many.</summary>
    public abstract int Receive(FrameDescriptor* batch, int capacity);

    /// <summary>Takes the first n packets with their frames and returns n; the rest stay the caller's.</summary>
    /// <param name="queue">Number of the queue, below the length of <see cref="Queues"/>.</param>
    /// <param name="batch">The packets.</param>
    /// <param name="count">How many.</param>
    public abstract int Transmit(int queue, FrameDescriptor* batch, int count);

    /// <summary>Returns sent frames to the UMEM and hands free ones to the interface; once per round.</summary>
    public abstract void Reap();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the port holds.</summary>
    protected abstract void Dispose(bool disposing);
}
