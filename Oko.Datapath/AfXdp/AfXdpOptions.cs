using System.Numerics;

namespace Oko.Datapath.AfXdp;

/// <summary>Where the XDP program of a port runs.</summary>
public enum XdpMode
{
    /// <summary>In the driver where it can, else generic.</summary>
    Automatic,

    /// <summary>In the driver (<c>XDP_FLAGS_DRV_MODE</c>), or not at all.</summary>
    Native,

    /// <summary>Behind the driver, on socket buffers (<c>XDP_FLAGS_SKB_MODE</c>): any device, slower.</summary>
    Generic,
}

/// <summary>How packets leave a port.</summary>
public enum TransmitMode
{
    /// <summary>What is fastest on the device.</summary>
    Automatic,

    /// <summary>Always by the TX ring and <c>sendto</c>.</summary>
    Ring,
}

/// <summary>How to open an AF_XDP port; the defaults suit all devices. Immutable.</summary>
public sealed record AfXdpOptions
{
    /// <summary>Entries of a receive ring when nothing is said.</summary>
    public const int DefaultRingSize = 8192;

    /// <summary>Least entries of a receive ring.</summary>
    public const int MinRingSize = 64;

    /// <summary>Most entries of a receive ring.</summary>
    public const int MaxRingSize = 32768;

    /// <summary>Most microseconds of busy polling.</summary>
    public const int MaxBusyPollMicroseconds = 10_000;

    private readonly int _ringSize = DefaultRingSize;
    private readonly int _busyPoll;

    /// <summary>Where the XDP program runs.</summary>
    public XdpMode Mode { get; init; }

    /// <summary>How packets leave.</summary>
    public TransmitMode Transmit { get; init; }

    /// <summary>Refuse zero-copy also where the driver has it.</summary>
    public bool ForceCopy { get; init; }

    /// <summary>
    /// Entries of the receive ring, a power of two from <see cref="MinRingSize"/> to <see cref="MaxRingSize"/>. At 2 million packets a second 8192
    /// entries bridge a pause of the worker of four milliseconds. How many of them are in use is for <see cref="FillDepth"/> to say.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not such a power of two.</exception>
    public int RingSize
    {
        get => _ringSize;
        init => _ringSize = value is >= MinRingSize and <= MaxRingSize && BitOperations.IsPow2(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"Rings have a power of two from {MinRingSize} to {MaxRingSize} of entries.");
    }

    /// <summary>
    /// Microseconds of busy polling, up to <see cref="MaxBusyPollMicroseconds"/>; 0, the default: none. With it the worker itself has the driver take packets
    /// from the device when it finds none (SO_PREFER_BUSY_POLL, SO_BUSY_POLL), instead of leaving that to interrupts. That is for network adapters, whose
    /// interrupts then have to be put off as well (napi_defer_hard_irqs and gro_flush_timeout of the device).
    /// </summary>
    /// <remarks>Source: Linux kernel documentation, "NAPI", busy polling; "AF_XDP".</remarks>
    /// <exception cref="ArgumentOutOfRangeException">Not in that range.</exception>
    public int BusyPollMicroseconds
    {
        get => _busyPoll;
        init => _busyPoll = value is >= 0 and <= MaxBusyPollMicroseconds
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"Busy polling takes 0 to {MaxBusyPollMicroseconds} microseconds.");
    }
}
