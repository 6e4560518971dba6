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
    private readonly int _ringSize = 2048;

    /// <summary>Where the XDP program runs.</summary>
    public XdpMode Mode { get; init; }

    /// <summary>How packets leave.</summary>
    public TransmitMode Transmit { get; init; }

    /// <summary>Refuse zero-copy also where the driver has it.</summary>
    public bool ForceCopy { get; init; }

    /// <summary>
    /// Entries of each ring, a power of two from 64 to 16384. At 2 million packets a second 2048 entries bridge a
    /// pause of the worker of one millisecond.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not such a power of two.</exception>
    public int RingSize
    {
        get => _ringSize;
        init => _ringSize = value is >= 64 and <= 16384 && BitOperations.IsPow2(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "Rings have a power of two from 64 to 16384 of entries.");
    }
}
