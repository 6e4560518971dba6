using Oko.Bpf.Execution;
using PacketDotNet;
using SharpPcap;
using SharpPcap.LibPcap;

namespace Oko.Agent.Cli;

/// <summary>Reads capture files named on the command line.</summary>
internal static class PacketFile
{
    private const long MaxBytes = 1L << 30;

    /// <summary>The Ethernet frames of a capture. One that was cut when it was captured is as long as what is left of it.</summary>
    /// <exception cref="CliException">The file cannot be read, holds no Ethernet frames, none at all, one that is too long, or over 1 GiB of them.</exception>
    public static PacketSet Read(string path) => new(ReadFrames(path, isWhole: false, out _));

    /// <summary>The same, with zeros for what was cut, so that each frame has the length it had on the wire.</summary>
    /// <exception cref="CliException">As of <see cref="Read"/>.</exception>
    public static IReadOnlyList<byte[]> ReadWhole(string path) => ReadFrames(path, isWhole: true, out _);

    /// <summary>As <see cref="Read"/>, with the times the packets were captured at.</summary>
    /// <param name="path">The capture.</param>
    /// <param name="times">Nanoseconds since 1970, to the microsecond, one per packet.</param>
    /// <exception cref="CliException">As of <see cref="Read"/>.</exception>
    public static PacketSet ReadTimed(string path, out IReadOnlyList<ulong> times) => new(ReadFrames(path, isWhole: false, out times));

    private static List<byte[]> ReadFrames(string path, bool isWhole, out IReadOnlyList<ulong> times)
    {
        try
        {
            using var file = new CaptureFileReaderDevice(path);
            file.Open();
            if (file.LinkType != LinkLayers.Ethernet)
            {
                throw new CliException($"{path}: packets of link layer {file.LinkType}; filters take Ethernet frames.");
            }

            var packets = new List<byte[]>();
            var stamps = new List<ulong>();
            long bytes = 0;
            while (file.GetNextPacket(out var packet) == GetPacketStatus.PacketRead)
            {
                var length = isWhole ? (int)((PcapHeader)packet.Header).PacketLength : packet.Data.Length;
                if (length > FilterContext.MaxPacketBytes)
                {
                    throw new CliException($"{path}: packet {packets.Count + 1} has {length} bytes; filters take packets of up to {FilterContext.MaxPacketBytes}.");
                }

                bytes += length;
                if (bytes > MaxBytes)
                {
                    throw new CliException($"{path}: over {MaxBytes} bytes of packets; cut it (tcpdump -r FILE -c COUNT -w SHORTER).");
                }

                var frame = new byte[length];
                packet.Data.CopyTo(frame);
                packets.Add(frame);
                stamps.Add((packet.Header.Timeval.Seconds * 1_000_000_000) + (packet.Header.Timeval.MicroSeconds * 1000));
            }

            times = stamps;
            return packets.Count > 0 ? packets : throw new CliException($"{path}: no packets.");
        }
        catch (PcapException exception)
        {
            throw new CliException($"{path}: {exception.Message} Name a pcap or pcapng file.", ExitCode.Usage);
        }
        catch (Exception exception) when (exception is DllNotFoundException or TypeInitializationException { InnerException: DllNotFoundException })
        {
            throw new CliException("Capture files are read by libpcap, which is not installed here; install the package libpcap0.8.");
        }
    }
}
