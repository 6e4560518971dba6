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
    public const int DefaultRingSize = 2048;

    /// <summary>Least entries of a receive ring.</summary>
    public const int MinRingSize = 64;

    /// <summary>Most entries of a receive ring.</summary>
    public const int MaxRingSize = 32768;

    private readonly int _ringSize = DefaultRingSize;

    /// <summary>Where the XDP program runs.</summary>
    public XdpMode Mode { get; init; }

    /// <summary>How packets leave.</summary>
    public TransmitMode Transmit { get; init; }

    /// <summary>Refuse zero-copy also where the driver has it.</summary>
    public bool ForceCopy { get; init; }

    /// <summary>
    /// Entries of the receive ring, a power of two from <see cref="MinRingSize"/> to <see cref="MaxRingSize"/>. At 2 million packets a second 2048
    /// entries bridge a pause of the worker of one millisecond; more reach over more memory than the caches hold.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not such a power of two.</exception>
    public int RingSize
    {
        get => _ringSize;
        init => _ringSize = value is >= MinRingSize and <= MaxRingSize && BitOperations.IsPow2(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"Rings have a power of two from {MinRingSize} to {MaxRingSize} of entries.");
    }
}
