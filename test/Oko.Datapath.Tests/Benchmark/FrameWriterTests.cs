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
        var key = Random(type);
        key.Set(FlowField.IpProto, (uint)protocol);
        key.Set(FlowField.IpDscp, 46);
        key.Set(FlowField.TcpSrc, protocol == 89 ? 0 : 1234u);
        key.Set(FlowField.TcpDst, protocol == 89 ? 0 : 80u);
        foreach (var vlan in new[] { 0u, 0x1007u })
        {
            key.Set(FlowField.VlanVid, vlan);
            key.Set(FlowField.VlanPcp, vlan == 0 ? 0 : 5u);
            AssertSame(key);
        }
    }

    [Test]
    public void Write_IcmpKey_ExtractsToTheSameKey()
    {
        var key = Random(0x0800);
        key.Set(FlowField.IpProto, 1);
        key.Set(FlowField.Icmpv4Type, 8);
        key.Set(FlowField.Icmpv4Code, 3);
        AssertSame(key);
    }

    [Test]
    public void Write_ArpKey_ExtractsToTheSameKey()
    {
        var key = Random(0x0806);
        key.Set(FlowField.ArpOp, 2);
        key.Set(FlowField.ArpSha, 0x0102030405);
        key.Set(FlowField.ArpTha, 0x060708090A);
        AssertSame(key);
    }

    [Test]
    public void Write_MplsAndPbbKeys_ExtractToTheSameKey()
    {
        var mpls = Random(0x8847);
        mpls.Set(FlowField.MplsLabel, 0x12345);
        mpls.Set(FlowField.MplsTc, 5);
        mpls.Set(FlowField.MplsBos, 1);
        AssertSame(mpls);
        var pbb = Random(0x88E7);
        pbb.Set(FlowField.PbbIsid, 0xABCDEF);
        AssertSame(pbb);
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

    private static void AssertSame(in FlowKey key)
    {
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
