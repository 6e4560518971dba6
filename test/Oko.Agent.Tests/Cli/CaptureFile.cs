namespace Oko.Agent.Tests.Cli;

/// <summary>Writes captures in the format of libpcap.</summary>
internal static class CaptureFile
{
    private const int Ethernet = 1;

    /// <summary>Writes packets, all captured at the same time.</summary>
    /// <returns>The path of the file.</returns>
    public static string Write(string folder, IEnumerable<byte[]> packets, int? wireBytes = null, int linkType = Ethernet) =>
        Write(folder, packets.Select(packet => (0, 0, packet)), wireBytes, linkType);

    /// <summary>Writes packets with the seconds since 1970 and microseconds at which they were captured.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="packets">The packets.</param>
    /// <param name="wireBytes">How long each was on the wire, if it was cut.</param>
    /// <param name="linkType">LINKTYPE_ of the interface.</param>
    /// <returns>The path of the file.</returns>
    public static string Write(string folder, IEnumerable<(int Seconds, int Microseconds, byte[] Packet)> packets, int? wireBytes = null, int linkType = Ethernet)
    {
        var path = Path.Combine(folder, Path.GetRandomFileName());
        using var file = new BinaryWriter(File.Create(path));
        foreach (var number in new[] { unchecked((int)0xA1B2C3D4), 0x00040002, 0, 0, 262144, linkType })
        {
            file.Write(number);
        }

        foreach (var (seconds, microseconds, packet) in packets)
        {
            file.Write(seconds);
            file.Write(microseconds);
            file.Write(packet.Length);
            file.Write(wireBytes ?? packet.Length);
            file.Write(packet);
        }

        return path;
    }
}
