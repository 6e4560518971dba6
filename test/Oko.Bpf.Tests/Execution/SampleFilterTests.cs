using System.Buffers.Binary;
using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Tests.Loading;

namespace Oko.Bpf.Tests.Execution;

/// <summary>The filters of <c>samples/filters</c> do what their READMEs say.</summary>
public sealed unsafe class SampleFilterTests
{
    private const int TcpProtocol = 6;
    private const int UdpProtocol = 17;
    private const byte Fin = 1, Syn = 2, Rst = 4, Ack = 16;
    private const uint Inside = 0x0A000001, Outside = 0xC0000201;
    private const ulong Second = 1_000_000_000;

    private static readonly string[] LinuxOptions = ["020405b4", "0402", "080a0000000100000000", "01", "030307"];

    private LoadedFilter _filter = null!;
    private ulong _now;

    [SetUp]
    public void SetUp() => _now = 100 * Second;

    [TearDown]
    public void TearDown() => _filter.Dispose();

    [Test]
    public void StatefulFirewall_ConnectionFromInside_IsFollowedUntilItsEnd()
    {
        Load("stateful-firewall");
        Matches(Tcp(Outside, Inside, 80, 1025, Syn)).Should().BeFalse("nobody opens from the outside");
        Matches(Tcp(Outside, Inside, 80, 1025, Ack)).Should().BeFalse();
        Matches(Tcp(Inside, Outside, 1025, 80, Ack)).Should().BeFalse("a connection begins with a SYN");
        Matches(Tcp(Inside, Outside, 1025, 80, Syn)).Should().BeTrue();
        Matches(Tcp(Outside, Inside, 80, 1025, Syn | Ack)).Should().BeTrue();
        Matches(Tcp(Outside, Inside, 81, 1025, Ack)).Should().BeFalse("that is another connection");
        Matches(Tcp(Inside, Outside, 1025, 80, Ack)).Should().BeTrue();
        _now += 600 * Second;
        Matches(Tcp(Outside, Inside, 80, 1025, Fin | Ack)).Should().BeTrue("an open connection may be silent for an hour");
        Matches(Tcp(Inside, Outside, 1025, 80, Fin | Ack)).Should().BeTrue();
        _now += 6 * Second;
        Matches(Tcp(Outside, Inside, 80, 1025, Ack)).Should().BeFalse("it was closed from both sides");
    }

    [Test]
    public void StatefulFirewall_Reset_EndsTheConnection()
    {
        Load("stateful-firewall");
        Matches(Tcp(Inside, Outside, 1025, 80, Syn)).Should().BeTrue();
        Matches(Tcp(Outside, Inside, 80, 1025, Rst | Ack)).Should().BeTrue();
        Matches(Tcp(Outside, Inside, 80, 1025, Ack)).Should().BeFalse();
        _filter.Maps[0].Count.Should().Be(0);
    }

    [Test]
    public void StatefulFirewall_Udp_IsAnsweredForAsLongAsItIsAlive()
    {
        Load("stateful-firewall");
        Matches(Udp(Outside, Inside, 53, 5000)).Should().BeFalse();
        Matches(Udp(Inside, Outside, 5000, 53)).Should().BeTrue();
        Matches(Udp(Outside, Inside, 53, 5000)).Should().BeTrue();
        _now += 200 * Second;
        Matches(Udp(Outside, Inside, 53, 5000)).Should().BeFalse();
    }

    [Test]
    public void RateLimiter_Source_HasItsBurstThenItsRate()
    {
        Load("rate-limiter");
        Enumerable.Range(0, 100).Count(_ => !Matches(Udp(Inside, Outside, 1, 2))).Should().Be(20, "that is the burst");
        Matches(Udp(Outside, Inside, 2, 1)).Should().BeFalse("another source has a bucket of its own");
        _now += 5_000_000;
        Enumerable.Range(0, 100).Count(_ => !Matches(Udp(Inside, Outside, 1, 2))).Should().Be(5, "1,000 packets per second");
    }

    [Test]
    public void RateLimiter_MoreSourcesThanEntries_BusySourceKeepsItsBucket()
    {
        Load("rate-limiter");
        Enumerable.Range(0, 30).Count(_ => !Matches(Udp(Inside, Outside, 1, 2))).Should().Be(20);
        for (uint source = 0; source < 200_000; source++)
        {
            Matches(Udp(0x14000000 + source, Outside, 1, 2)).Should().BeFalse("each is new, and the oldest makes room");
            if (source % 1000 == 0)
            {
                Matches(Udp(Inside, Outside, 1, 2)).Should().BeTrue("its bucket is empty");
            }
        }

        _filter.Maps[0].Count.Should().Be(65536);
    }

    [Test]
    public void StatefulFirewall_MoreConnectionsThanEntries_BusyConnectionStays()
    {
        Load("stateful-firewall");
        Matches(Udp(Inside, Outside, 1, 2)).Should().BeTrue();
        for (uint target = 0; target < 200_000; target++)
        {
            Matches(Udp(Inside, 0x14000000 + target, 1, 2)).Should().BeTrue("each is new, and the oldest makes room");
            if (target % 1000 == 0)
            {
                Matches(Udp(Outside, Inside, 2, 1)).Should().BeTrue("it is in use");
            }
        }

        Matches(Udp(0x14000000, Inside, 2, 1)).Should().BeFalse("it had to make room");
        _filter.Maps[0].Count.Should().Be(65536);
    }

    [Test]
    public void P0f_Syn_IsRecognisedByItsOptions()
    {
        Load("p0f");
        Matches(Tcp(Inside, Outside, 1025, 80, Syn, 29200, LinuxOptions)).Should().BeTrue();
        Matches(Tcp(Inside, Outside, 1025, 80, Syn, 29201, LinuxOptions)).Should().BeFalse("no multiple of the segment size");
        Matches(Tcp(Inside, Outside, 1025, 80, Syn, 29200, LinuxOptions[1..])).Should().BeFalse();
        Matches(Tcp(Inside, Outside, 1025, 80, Syn, 29200)).Should().BeFalse();
        Matches(Tcp(Inside, Outside, 1025, 80, Syn | Ack, 29200, LinuxOptions)).Should().BeFalse();
        Matches(Tcp(Inside, Outside, 1025, 80, Syn, 29200, "0200")).Should().BeFalse("an option of size 0 ends the list");
        var seen = new byte[8];
        _filter.Maps[0].TryLookup([1, 0, 0, 0], seen);
        BitConverter.ToUInt64(seen).Should().Be(1);
    }

    private static byte[] Tcp(uint source, uint destination, ushort sourcePort, ushort destinationPort, int flags, ushort window = 512, params string[] options)
    {
        byte[] bytes = Convert.FromHexString(string.Concat(options));
        var tcp = new byte[20 + ((bytes.Length + 3) & ~3)];
        BinaryPrimitives.WriteUInt16BigEndian(tcp, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(tcp.AsSpan(2), destinationPort);
        tcp[7] = 1;
        tcp[12] = (byte)(tcp.Length << 2);
        tcp[13] = (byte)flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp.AsSpan(14), window);
        bytes.CopyTo(tcp, 20);
        return Packet(source, destination, TcpProtocol, tcp);
    }

    private static byte[] Udp(uint source, uint destination, ushort sourcePort, ushort destinationPort)
    {
        var udp = new byte[8];
        BinaryPrimitives.WriteUInt16BigEndian(udp, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(2), destinationPort);
        return Packet(source, destination, UdpProtocol, udp);
    }

    private static byte[] Packet(uint source, uint destination, byte protocol, byte[] payload)
    {
        var packet = new byte[34 + payload.Length];
        packet[12] = 0x08;
        packet[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(16), (ushort)(20 + payload.Length));
        packet[19] = 1;
        packet[20] = 0x40;
        packet[22] = 63;
        packet[23] = protocol;
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(26), source);
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(30), destination);
        payload.CopyTo(packet, 34);
        return packet;
    }

    private void Load(string name) => _filter = LoadedFilter.Create(FilterLoader.Load(TestObject.Read(name), entry: null));

    private bool Matches(byte[] bytes)
    {
        using var packet = new TestPacket(bytes);
        FilterContext context = packet.Context;
        context.TimeNanoseconds = _now;
        return _filter.Matches(&context);
    }
}
