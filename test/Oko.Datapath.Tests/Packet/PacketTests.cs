using Oko.Datapath.Packet;

namespace Oko.Datapath.Tests.Packet;

/// <summary>Reading and writing header fields, over every kind of packet.</summary>
public sealed unsafe class PacketTests
{
    private const int Seeds = 20;

    private static readonly FlowField[] Editable = [.. Enum.GetValues<FlowField>()
        .Where(field => field is not (FlowField.InPort or FlowField.InPhyPort or FlowField.Metadata or FlowField.TunnelId or FlowField.Ipv6ExtHdr))];

    [Test]
    public void Extract_EveryKindOfPacket_FindsExactlyItsFields()
    {
        foreach (var packet in Enumerable.Range(1, Seeds).SelectMany(SamplePacket.All))
        {
            packet.ChecksumsAreRight(packet.Bytes).Should().BeTrue("the sample itself must be right: {0}", packet);
            var key = Extract(packet.Bytes);
            Describe(key).Should().Equal(Describe(packet.ExpectedKey()), "{0}", packet);
        }
    }

    [Test]
    public void Set_EveryFieldOfEveryKindOfPacket_ChangesThatFieldAndKeepsChecksumsRight()
    {
        foreach (var packet in Enumerable.Range(1, Seeds).SelectMany(SamplePacket.All))
        {
            var random = new Random(packet.Bytes.Length);
            foreach (var field in Editable.Where(packet.Fields.ContainsKey))
            {
                var value = RandomValue(random, field);
                var (changed, bytes) = Set(packet.Bytes, field, value);
                changed.Should().BeTrue("{0} has {1}", packet, field);
                if (HeaderEditor.MovesHeaders(field))
                {
                    // What stands behind the field is read as something else from here on.
                    Extract(bytes).Get(field).Should().Be(value, "{0} {1}", packet, field);
                    (field is FlowField.EthType or FlowField.IpProto || packet.ChecksumsAreRight(bytes)).Should().BeTrue("{0} {1}", packet, field);
                    continue;
                }

                var expected = packet.ExpectedKey();
                expected.Set(field, value);
                Describe(Extract(bytes)).Should().Equal(Describe(expected), "{0} {1}", packet, field);
                packet.ChecksumsAreRight(bytes).Should().BeTrue("{0} {1}", packet, field);
            }
        }
    }

    [Test]
    public void Set_FieldThePacketLacks_LeavesItAlone()
    {
        foreach (var packet in SamplePacket.All(3))
        {
            foreach (var field in Editable.Where(field => !packet.Fields.ContainsKey(field)))
            {
                var (changed, bytes) = Set(packet.Bytes, field, 1);
                changed.Should().BeFalse("{0} has no {1}", packet, field);
                bytes.Should().Equal(packet.Bytes);
            }
        }
    }

    [Test]
    public void Set_UdpWithoutChecksum_StaysWithout()
    {
        var packet = SamplePacket.All(1).Single(packet => packet.Name == "udp4 without checksum");
        foreach (var field in new[] { FlowField.Ipv4Src, FlowField.UdpDst })
        {
            Set(packet.Bytes, field, 77).Bytes.AsSpan(packet.L4 + 6, 2).ToArray().Should().Equal(0, 0);
        }
    }

    [Test]
    public void Set_ProtocolOfTcp_KeepsTheSumOverThePseudoHeader()
    {
        var packet = SamplePacket.All(1).Single(packet => packet.Name == "tcp4");
        var (_, bytes) = Set(packet.Bytes, FlowField.IpProto, 253);
        var (_, back) = Set(bytes, FlowField.IpProto, 6);
        back[packet.L3 + 9].Should().Be(6);
        Extract(bytes).Get(FlowField.TcpSrc).Should().Be(UInt128.Zero, "nobody knows the ports of protocol 253");
    }

    [Test]
    public void Set_DestinationWithSegmentsLeft_LeavesTheTransportChecksum()
    {
        // RFC 8200, 8.1: the pseudo-header has the last stop of the routing header.
        var plain = SamplePacket.All(1).Single(packet => packet.Name == "tcp6 behind extension headers");
        var bytes = (byte[])plain.Bytes.Clone();
        bytes[plain.L3 + 6] = 43;
        bytes[plain.L3 + 40 + 3] = 1;
        var before = bytes.AsSpan(plain.L4).ToArray();
        Set(bytes, FlowField.Ipv6Dst, 5).Bytes.AsSpan(plain.L4).ToArray().Should().Equal(before);
        Set(bytes, FlowField.Ipv6Src, 5).Bytes.AsSpan(plain.L4).ToArray().Should().NotEqual(before);
    }

    [Test]
    public void CompletePartial_ChecksumLeftToHardware_BecomesTheRightOne()
    {
        foreach (var packet in Enumerable.Range(1, Seeds).SelectMany(SamplePacket.All).Where(packet => packet.L4 >= 0 && packet.Protocol is 6 or 17 or 132))
        {
            var bytes = (byte[])packet.Bytes.Clone();
            var isWhole = !packet.Name.Contains("fragment");
            Complete(bytes).Should().BeFalse("{0} is right already", packet);
            bytes.Should().Equal(packet.Bytes);
            LeaveToHardware(packet, bytes);
            Complete(bytes).Should().Be(isWhole, "{0}", packet);
            packet.ChecksumsAreRight(bytes).Should().Be(isWhole || packet.Name.Contains("without"), "{0}", packet);
        }
    }

    private static void LeaveToHardware(SamplePacket packet, byte[] bytes)
    {
        if (packet.Protocol == 132)
        {
            bytes.AsSpan(packet.L4 + 8, 4).Clear();
            return;
        }

        var isIpv4 = bytes[packet.L3] >> 4 == 4;
        var end = packet.L3 + (isIpv4 ? (bytes[packet.L3 + 2] << 8) + bytes[packet.L3 + 3] : 40 + (bytes[packet.L3 + 4] << 8) + bytes[packet.L3 + 5]);
        var addresses = isIpv4 ? bytes.AsSpan(packet.L3 + 12, 8) : bytes.AsSpan(packet.L3 + 8, 32);
        uint sum = packet.Protocol + (uint)(end - packet.L4);
        for (var at = 0; at < addresses.Length; at += 2)
        {
            sum += (uint)((addresses[at] << 8) | addresses[at + 1]);
        }

        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        var field = packet.L4 + (packet.Protocol == 6 ? 16 : 6);
        bytes[field] = (byte)(sum >> 8);
        bytes[field + 1] = (byte)sum;
    }

    private static bool Complete(byte[] bytes)
    {
        fixed (byte* data = bytes)
        {
            var view = View(data, bytes.Length);
            FlowKeyExtractor.Extract(ref view, out _);
            return Checksums.CompletePartial(ref view);
        }
    }

    private static (bool Changed, byte[] Bytes) Set(byte[] bytes, FlowField field, UInt128 value)
    {
        var copy = (byte[])bytes.Clone();
        fixed (byte* data = copy)
        {
            var view = View(data, copy.Length);
            FlowKeyExtractor.Extract(ref view, out _);
            return (HeaderEditor.Set(ref view, field, value), copy);
        }
    }

    private static FlowKey Extract(byte[] bytes)
    {
        fixed (byte* data = bytes)
        {
            var view = View(data, bytes.Length);
            FlowKeyExtractor.Extract(ref view, out var key);
            return key;
        }
    }

    private static PacketView View(byte* data, int length) => new() { Data = data, Length = length };

    private static UInt128 RandomValue(Random random, FlowField field)
    {
        var width = FieldPlace.Of(field).Width;
        var bytes = new byte[16];
        random.NextBytes(bytes);
        var value = new UInt128(BitConverter.ToUInt64(bytes), BitConverter.ToUInt64(bytes, 8)) >> (128 - width);
        return field switch
        {
            FlowField.VlanVid => value | 0x1000,
            FlowField.EthType => 0x9000 | (value & 0xFF),
            FlowField.IpProto => 253,
            FlowField.Icmpv6Type => 1 + (value & 0x7F),
            _ => value,
        };
    }

    private static List<string> Describe(FlowKey key)
    {
        var words = new List<string>();
        for (var word = 0; word < FlowKey.WordCount; word++)
        {
            words.Add($"word {word}: {key[word]:x16}");
        }

        return words;
    }
}
