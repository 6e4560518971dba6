using Oko.Datapath.Benchmark;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tests.Benchmark;

/// <summary>Frames written from keys.</summary>
public sealed unsafe class FrameWriterTests
{
    [TestCase(0x0800, 6)]
    [TestCase(0x0800, 17)]
    [TestCase(0x0800, 132)]
    [TestCase(0x0800, 89)]
    [TestCase(0x86DD, 6)]
    [TestCase(0x86DD, 17)]
    public void Write_IpKey_ExtractsToTheSameKey(int type, int protocol)
    {
        var (from, to) = protocol == 89 ? (0u, 0u) : (1234u, 80u);
        foreach (var (vlan, priority) in new[] { (0u, 0u), (0x1007u, 5u) })
        {
            AssertSame(
                type, (FlowField.IpProto, (uint)protocol), (FlowField.IpDscp, 46), (FlowField.TcpSrc, from), (FlowField.TcpDst, to),
                (FlowField.VlanVid, vlan), (FlowField.VlanPcp, priority));
        }
    }

    [Test]
    public void Write_IcmpKey_ExtractsToTheSameKey() =>
        AssertSame(0x0800, (FlowField.IpProto, 1), (FlowField.Icmpv4Type, 8), (FlowField.Icmpv4Code, 3));

    [Test]
    public void Write_ArpKey_ExtractsToTheSameKey() =>
        AssertSame(0x0806, (FlowField.ArpOp, 2), (FlowField.ArpSha, 0x0102030405), (FlowField.ArpTha, 0x060708090A));

    [Test]
    public void Write_MplsAndPbbKeys_ExtractToTheSameKey()
    {
        AssertSame(0x8847, (FlowField.MplsLabel, 0x12345), (FlowField.MplsTc, 5), (FlowField.MplsBos, 1));
        AssertSame(0x88E7, (FlowField.PbbIsid, 0xABCDEF));
    }

    private static FlowKey Random(int type)
    {
        FlowKey key = default;
        key.Set(FlowField.InPort, 1);
        key.Set(FlowField.EthDst, 0x020304050607);
        key.Set(FlowField.EthSrc, 0x0A0B0C0D0E0F);
        key.Set(FlowField.EthType, (uint)type);
        if (type == 0x86DD)
        {
            key.Set(FlowField.Ipv6Src, UInt128.MaxValue / 3);
            key.Set(FlowField.Ipv6Dst, UInt128.MaxValue / 7);
            key.Set(FlowField.Ipv6FlowLabel, 0xFEDCB);
        }
        else if (type is 0x0800 or 0x0806)
        {
            key.Set(FlowField.Ipv4Src, 0x0A000001);
            key.Set(FlowField.Ipv4Dst, 0xC0A80102);
        }

        return key;
    }

    private static void AssertSame(int type, params (FlowField Field, ulong Value)[] fields)
    {
        var key = Random(type);
        foreach (var (field, value) in fields)
        {
            key.Set(field, value);
        }

        var frame = new byte[200];
        var header = FrameWriter.Write(key, 100, frame);
        header.Should().BeLessThanOrEqualTo(FrameWriter.MaxHeaderBytes);
        fixed (byte* data = frame)
        {
            var packet = new PacketView { Data = data, Length = 100, InPort = 1 };
            FlowKeyExtractor.Extract(ref packet, out var extracted);
            ((ReadOnlySpan<ulong>)extracted).ToArray().Should().Equal(((ReadOnlySpan<ulong>)key).ToArray());
        }
    }
}
