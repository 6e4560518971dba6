using Oko.Bpf.Classic;
using PacketDotNet;
using SharpPcap.LibPcap;

namespace Oko.Bpf.Tests.Classic;

/// <summary>Expressions compiled by libpcap: the translated filter and libpcap's own machine agree on every packet.</summary>
public sealed class PcapExpressionTests
{
    private static readonly string[] Expressions =
    [
        "", "ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6", "sctp", "ip proto 47", "ether proto 0x88cc",
        "host 10.0.0.1", "src host 10.0.0.1", "dst net 10.0.0.0/8", "src net 10.0.0.0/24 and not dst port 53", "ip6 host fd00::1", "net fd00::/16",
        "port 80", "tcp dst port 443", "udp src port 53", "portrange 1000-2000", "tcp and (port 22 or port 80)", "not arp and not tcp",
        "ether host 02:00:00:00:00:01", "ether src 02:00:00:00:00:02", "ether broadcast", "ether multicast", "ip multicast", "ip6 multicast",
        "tcp[tcpflags] & tcp-syn != 0", "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", "tcp[13] = 0x12", "tcp[0:2] > 1024",
        "ip[8] < 64", "ip[6:2] & 0x1fff != 0", "ip[0] & 0xf > 5", "(ip[2:2] - ((ip[0]&0xf)<<2)) > 100", "udp[4:2] / 3 = 5", "ip[9] % 5 = 1",
        "len > 100", "less 64", "greater 128", "ether[12:2] ^ 0x0800 = 0", "ether[len - 1] & 1 = 0", "ip[ip[0] - 70] = 1",
        "tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420", "ip[3] * 2 >= ip[2:2] | 1", "ether[14] / ether[15] = 1",
        "vlan", "vlan 5", "vlan 5 and ip and tcp port 80", "mpls", "pppoes and ip", "ip and tcp and src portrange 1-1023 and dst net 10.0.0.0/16",
        "icmp[icmptype] = icmp-echo", "ip6[6] = 17", "ip6 and udp port 53", "ether[0] & 1 = 0 and ip[16] >= 224",
        "(tcp or udp) and (host 10.0.0.1 or host 10.0.0.2 or host 10.0.0.3) and not (port 80 or port 443 or port 53)",
    ];

    private static readonly byte[][] Packets = [.. MakePackets(new Random(20261125), 400)];

    [TestCaseSource(nameof(Expressions))]
    public void Expression_TranslatedOnEveryPacket_AgreesWithLibpcap(string expression)
    {
        using var program = BpfProgram.Create(LinkLayers.Ethernet, expression);
        using var filter = ClassicTranslatorTests.Load(Instructions(program));
        var matches = 0;
        foreach (var packet in Packets)
        {
            var expected = program.Matches(packet);
            (ClassicTranslatorTests.Ask(filter, packet) != 0).Should().Be(expected, "{0} on {1}", expression, Convert.ToHexString(packet));
            matches += expected ? 1 : 0;
        }

        TestContext.Out.WriteLine($"{matches} of {Packets.Length} packets match, {filter.Instructions} instructions");
    }

    [Test]
    public void Expressions_OverAllPackets_MatchSometimesAndNotAlways() =>
        Expressions.Where(expression => expression.Length > 0).Count(expression =>
        {
            using var program = BpfProgram.Create(LinkLayers.Ethernet, expression);
            return Packets.Count(packet => program.Matches(packet)) is > 0 and < 400;
        }).Should().BeGreaterThan(45, "packets that no expression tells apart prove nothing");

    [Test]
    public void Protochain_ThatLoops_IsRefusedByName()
    {
        using var program = BpfProgram.Create(LinkLayers.Ethernet, "ip protochain 6");
        FluentActions.Invoking(() => ClassicTranslator.Translate(Instructions(program))).Should().Throw<ClassicFormatException>().WithMessage("*jumps back*protochain*");
    }

    private static unsafe ClassicInstruction[] Instructions(BpfProgram program)
    {
        // SAFETY: the handle is a struct bpf_program: the number of instructions, then their address; both live as long as the handle.
        var header = (byte*)program.DangerousGetHandle();
        return new ReadOnlySpan<ClassicInstruction>(*(void**)(header + 8), (int)*(uint*)header).ToArray();
    }

    /// <summary>Packets that the expressions talk about, some cut short, some with a byte changed.</summary>
    private static IEnumerable<byte[]> MakePackets(Random random, int count)
    {
        for (var index = 0; index < count; index++)
        {
            var packet = new List<byte>();
            packet.AddRange([(byte)(random.Next(8) == 0 ? 1 : 2), 0, 0, 0, 0, (byte)random.Next(1, 4), 2, 0, 0, 0, 0, (byte)random.Next(1, 4)]);
            if (random.Next(20) == 0)
            {
                packet.RemoveRange(0, 6);
                packet.InsertRange(0, Enumerable.Repeat((byte)0xff, 6));
            }

            if (random.Next(4) == 0)
            {
                packet.AddRange([0x81, 0, 0, (byte)random.Next(4, 7)]);
            }

            Payload(random, packet);
            packet.AddRange(Enumerable.Range(0, random.Next(80)).Select(_ => (byte)random.Next(256)));
            if (random.Next(6) == 0)
            {
                packet[random.Next(packet.Count)] = (byte)random.Next(256);
            }

            yield return random.Next(6) == 0 ? [.. packet.Take(random.Next(packet.Count))] : [.. packet];
        }
    }

    private static void Payload(Random random, List<byte> packet)
    {
        byte protocol = new byte[] { 6, 6, 6, 17, 17, 1, 132, 47 }[random.Next(8)];
        switch (random.Next(10))
        {
            case < 6:
                var options = random.Next(4) == 0 ? random.Next(1, 4) : 0;
                packet.AddRange([8, 0, (byte)(0x45 + options), 0, 0, (byte)random.Next(20, 200), 0, 0, 0, (byte)(random.Next(8) == 0 ? 9 : 0), (byte)random.Next(30, 130), protocol, 0, 0]);
                packet.AddRange([(byte)(random.Next(5) == 0 ? 192 : 10), 0, 0, (byte)random.Next(1, 4), (byte)(random.Next(6) == 0 ? 224 : 10), 0, 0, (byte)random.Next(1, 4)]);
                packet.AddRange(new byte[options * 4]);
                break;
            case < 8:
                packet.AddRange([0x86, 0xdd, 0x60, 0, 0, 0, 0, 40, protocol == 1 ? (byte)58 : protocol, 64]);
                foreach (var last in new[] { random.Next(1, 3), random.Next(1, 3) })
                {
                    packet.AddRange([(byte)(random.Next(6) == 0 ? 0xff : 0xfd), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (byte)last]);
                }

                break;
            case 8:
                packet.AddRange([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
                packet.AddRange([2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
                return;
            default:
                packet.AddRange(new byte[][] { [0x88, 0x47, 0, 0, 0x11, 64], [0x88, 0x64, 0x11, 0, 0, 1, 0, 40, 0, 0x21, 0x45], [0x88, 0xcc, 2, 7] }[random.Next(3)]);
                return;
        }

        int[] ports = [22, 53, 80, 443, 1500, random.Next(65536)];
        foreach (var port in new[] { ports[random.Next(6)], ports[random.Next(6)] })
        {
            packet.AddRange([(byte)(port >> 8), (byte)port]);
        }

        packet.AddRange([0, (byte)random.Next(8, 30), 0, 0, 0, 0, 0, 0, 0x50, (byte)new[] { 2, 0x12, 0x10, 0x18, 1 }[random.Next(5)], 8, 0, 0, 0, 0, 0]);
        if (random.Next(3) == 0)
        {
            packet.AddRange("GET / HTTP/1.1\r\n"u8.ToArray());
        }
    }
}
