using System.Diagnostics;
using Oko.Datapath.Benchmark;

namespace Oko.Agent.Benchmark;

/// <summary>Measures what it is worth that a filter runs in the switch: the same packets, filter and forwarding with the filter in the switch, in
/// a neighbouring process on rings, and in one that gets copies. Pipeline, tables and worker are the real ones; source and sink are memory, or
/// network interfaces by AF_XDP. One thread, which waits for the workers' and the neighbours'.</summary>
/// <remarks>The setups take turns round by round, so that what else the machine does meets all of them; one that does not play sleeps.</remarks>
public static class ChainBenchmark
{
    /// <summary>Most bytes of a packet; what is behind them is left out.</summary>
    public const int MaxPacketBytes = FrameBytes - Oko.Datapath.AfXdp.Umem.Headroom;

    /// <summary>Most bytes of a packet that crosses a network interface: a frame of its MTU.</summary>
    public const int MaxDevicePacketBytes = 1514;

    internal const int FrameBytes = 2048;

    /// <summary>A setup as figures and devices name it.</summary>
    public static string NameOf(ChainSetup setup) => setup.ToString().ToLowerInvariant();

    /// <summary>Runs it.</summary>
    /// <param name="trace">Packets that come in on port 1, made for <see cref="MaxPacketBytes"/>, or <see cref="MaxDevicePacketBytes"/>.</param>
    /// <param name="options">What to run.</param>
    /// <returns>Figures of each setup.</returns>
    /// <exception cref="ArgumentException">The filter cannot be loaded, or the neighbour did not start.</exception>
    /// <exception cref="Oko.Datapath.Ports.PortOpenException">A network interface cannot be used.</exception>
    /// <exception cref="TimeoutException">A neighbour does not give packets back, or a network interface loses some.</exception>
    public static IReadOnlyList<ChainFigures> Run(PacketTrace trace, ChainBenchmarkOptions options)
    {
        var setups = new List<ChainSwitch>();
        try
        {
            setups.AddRange(Enum.GetValues<ChainSetup>().Select(setup => new ChainSwitch(setup, trace, options)));
            var clock = Stopwatch.StartNew();
            do
            {
                setups.ForEach(setup => setup.Play(Math.Min(options.Packets, PlayingPort.SegmentPackets), isMeasured: false));
            }
            while (clock.Elapsed < options.WarmUp * setups.Count);

            for (var round = 0; round < options.Rounds; round++)
            {
                setups.ForEach(setup => setup.Play(options.Packets, isMeasured: true));
            }

            return [.. setups.Select(setup => setup.Figures())];
        }
        finally
        {
            setups.ForEach(setup => setup.Dispose());
        }
    }
}
