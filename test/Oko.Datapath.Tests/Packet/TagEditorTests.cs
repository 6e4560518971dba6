using Oko.Datapath.Packet;

namespace Oko.Datapath.Tests.Packet;

/// <summary>Tags pushed and popped, over every kind of packet and on frames written out.</summary>
public sealed unsafe class TagEditorTests
{
    private const string Addresses = "020000000002020000000001";
    private const string Ipv4 = "4500001400010000" + "40fd" + "65ea" + "0a000001" + "0a000002";

    private delegate EditResult Edit(ref PacketView packet, in FrameRoom room);

    [Test]
    public void PushAndPopVlan_EveryKindOfPacket_GivesTheBytesBack()
    {
        foreach (var packet in SamplePacket.All(5))
        {
            var tagged = Run(packet.Bytes, (ref PacketView view, in FrameRoom room) => TagEditor.PushVlan(ref view, room, 0x88A8));
            var key = Extract(tagged);
            var bits = packet.Fields.TryGetValue(FlowField.VlanVid, out var id) ? id : 0x1000u;
            key.Get(FlowField.VlanVid).Should().Be(bits, "{0}: id and priority come from the tag that was outermost", packet);
            key.Get(FlowField.EthType).Should().Be(packet.Fields[FlowField.EthType]);
            Run(tagged, (ref PacketView view, in FrameRoom room) => TagEditor.PopVlan(ref view, room)).Should().Equal(packet.Bytes);
        }
    }

    [Test]
    public void PushAndPopMpls_EveryKindOfPacket_GivesTheBytesBack()
    {
        foreach (var packet in SamplePacket.All(5))
        {
            var tagged = Run(packet.Bytes, (ref PacketView view, in FrameRoom room) => TagEditor.PushMpls(ref view, room, 0x8848));
            var key = Extract(tagged);
            key.Get(FlowField.EthType).Should().Be((UInt128)0x8848);
            key.Get(FlowField.MplsLabel).Should().Be(packet.Fields.GetValueOrDefault(FlowField.MplsLabel), "{0}", packet);
            key.Get(FlowField.MplsTc).Should().Be(packet.Fields.GetValueOrDefault(FlowField.MplsTc), "{0}", packet);
            key.Get(FlowField.MplsBos).Should().Be(packet.Fields.ContainsKey(FlowField.MplsBos) ? UInt128.Zero : UInt128.One, "{0}", packet);
            var type = (ushort)((packet.Bytes[12] << 8) | packet.Bytes[13]);
            Run(tagged, (ref PacketView view, in FrameRoom room) => TagEditor.PopMpls(ref view, room, type)).Should().Equal(packet.Bytes);
        }
    }

    [Test]
    public void PushAndPopPbb_EveryKindOfPacket_GivesTheBytesBack()
    {
        foreach (var packet in SamplePacket.All(5))
        {
            var tagged = Run(packet.Bytes, (ref PacketView view, in FrameRoom room) => TagEditor.PushPbb(ref view, room, 0x88E7));
            var key = Extract(tagged);
            key.Get(FlowField.EthType).Should().Be((UInt128)0x88E7);
            key.Get(FlowField.EthDst).Should().Be(packet.Fields[FlowField.EthDst]);
            key.Get(FlowField.PbbIsid).Should().Be(packet.Fields.GetValueOrDefault(FlowField.PbbIsid), "{0}", packet);
            (tagged[14] >> 5).Should().Be((int)packet.Fields.GetValueOrDefault(FlowField.VlanPcp), "{0}: the priority is the VLAN tag's", packet);
            Run(tagged, (ref PacketView view, in FrameRoom room) => TagEditor.PopPbb(ref view, room)).Should().Equal(packet.Bytes);
        }
    }

    [TestCase("0800" + Ipv4, "8847" + "00000140" + Ipv4, TestName = "PushMpls_Ipv4_TtlIsTheHeaders")]
    [TestCase("8847" + "1234570a" + Ipv4, "8847" + "1234560a" + "1234570a" + Ipv4, TestName = "PushMpls_Mpls_CopiesTheEntryWithoutItsBottomBit")]
    [TestCase("88b5" + "0102", "8847" + "00000100" + "0102", TestName = "PushMpls_NoIp_TtlIs0")]
    public void PushMpls_Frame_IsAsWritten(string before, string after) =>
        Run(Frame(before), (ref PacketView view, in FrameRoom room) => TagEditor.PushMpls(ref view, room, 0x8847)).Should().Equal(Frame(after));

    [Test]
    public void PopVlan_FrameOfMinimumSize_IsPaddedWithZeros()
    {
        var frame = Frame("8100" + "0005" + "0800" + Ipv4);
        Array.Resize(ref frame, 60);
        var popped = Run(frame, (ref PacketView view, in FrameRoom room) => TagEditor.PopVlan(ref view, room));
        var expected = Frame("0800" + Ipv4);
        Array.Resize(ref expected, 60);
        popped.Should().Equal(expected);
    }

    [Test]
    public void Push_TooFewBytesInFront_FailsAndChangesNothing()
    {
        var frame = Frame("0800" + Ipv4);
        foreach (var (edit, bytes) in new (Edit, int)[]
        {
            ((ref PacketView view, in FrameRoom room) => TagEditor.PushVlan(ref view, room, 0x8100), 4),
            ((ref PacketView view, in FrameRoom room) => TagEditor.PushMpls(ref view, room, 0x8847), 4),
            ((ref PacketView view, in FrameRoom room) => TagEditor.PushPbb(ref view, room, 0x88E7), 18),
        })
        {
            Run(frame, edit, new FrameRoom(bytes - 1, 0), EditResult.Failed).Should().Equal(frame);
        }
    }

    [Test]
    public void Pop_TagThePacketLacks_LeavesItAlone()
    {
        foreach (var packet in SamplePacket.All(6))
        {
            foreach (var (field, edit) in new (FlowField, Edit)[]
            {
                (FlowField.VlanVid, (ref PacketView view, in FrameRoom room) => TagEditor.PopVlan(ref view, room)),
                (FlowField.MplsLabel, (ref PacketView view, in FrameRoom room) => TagEditor.PopMpls(ref view, room, 0x0800)),
                (FlowField.PbbIsid, (ref PacketView view, in FrameRoom room) => TagEditor.PopPbb(ref view, room)),
            })
            {
                if (!packet.Fields.ContainsKey(field))
                {
                    Run(packet.Bytes, edit, expected: EditResult.Unchanged).Should().Equal(packet.Bytes, "{0}", packet);
                }
            }
        }
    }

    [TestCase("0800" + Ipv4, "", 64, TestName = "Ttl_Ipv4")]
    [TestCase("8847" + "00064140" + Ipv4, "mpls", 64, TestName = "Ttl_Mpls")]
    public void Ttl_SetAndDecremented_IsAsExpected(string frame, string layer, int before)
    {
        Edit decrement = layer == "mpls" ? (ref PacketView view, in FrameRoom _) => TtlEditor.DecMpls(ref view) : (ref PacketView view, in FrameRoom _) => TtlEditor.DecNw(ref view);
        Edit set = layer == "mpls" ? (ref PacketView view, in FrameRoom _) => TtlEditor.SetMpls(ref view, 1) : (ref PacketView view, in FrameRoom _) => TtlEditor.SetNw(ref view, 1);
        var at = layer == "mpls" ? 17 : 22;
        var original = Frame(frame);
        original[at].Should().Be((byte)before);
        var less = Run(original, decrement);
        less[at].Should().Be((byte)(before - 1));
        HeaderSum(less, layer == "mpls" ? 18 : 14).Should().Be(0xFFFF);
        var one = Run(less, set);
        one[at].Should().Be(1);
        HeaderSum(one, layer == "mpls" ? 18 : 14).Should().Be(0xFFFF);
        Run(one, decrement, expected: EditResult.Failed).Should().Equal(one, "1 is not decremented: the packet goes no further");
    }

    [Test]
    public void CopyTtl_NoIpBehindTheBottomOfTheStack_LeavesThePacketAlone()
    {
        var frame = Frame("8847" + "00065105" + "00002009");
        Run(frame, (ref PacketView view, in FrameRoom _) => TtlEditor.CopyIn(ref view), expected: EditResult.Unchanged).Should().Equal(frame);
        Run(frame, (ref PacketView view, in FrameRoom _) => TtlEditor.CopyOut(ref view), expected: EditResult.Unchanged).Should().Equal(frame);
    }

    [TestCase("8847" + "00065005" + "00064109", 21, TestName = "CopyTtl_MplsAndMpls")]
    [TestCase("8847" + "00065105" + Ipv4, 26, TestName = "CopyTtl_MplsAndIpv4")]
    [TestCase("8847" + "00065105" + "6000000000003b2a" + "00000000000000000000000000000001" + "00000000000000000000000000000002", 25, TestName = "CopyTtl_MplsAndIpv6")]
    public void CopyTtl_InAndOut_ChangesOnlyTheTtl(string hex, int inner)
    {
        var frame = Frame(hex);
        var isIpv4 = inner == 26;
        var copiedIn = Run(frame, (ref PacketView view, in FrameRoom _) => TtlEditor.CopyIn(ref view));
        var copiedOut = Run(frame, (ref PacketView view, in FrameRoom _) => TtlEditor.CopyOut(ref view));
        copiedIn[inner].Should().Be(5);
        copiedOut[17].Should().Be(frame[inner]);
        if (isIpv4)
        {
            HeaderSum(copiedIn, 18).Should().Be(0xFFFF);
            copiedIn[28..30].CopyTo(frame, 28);
            frame[inner] = 5;
            copiedIn.Should().Equal(frame);
        }
    }

    private static byte[] Frame(string behindAddresses) => Convert.FromHexString(Addresses + behindAddresses);

    private static int HeaderSum(byte[] frame, int offset)
    {
        var sum = 0;
        for (var at = offset; at < offset + 20; at += 2)
        {
            sum += (frame[at] << 8) | frame[at + 1];
        }

        return (sum & 0xFFFF) + (sum >> 16);
    }

    private static FlowKey Extract(byte[] bytes)
    {
        fixed (byte* data = bytes)
        {
            var view = new PacketView { Data = data, Length = bytes.Length };
            FlowKeyExtractor.Extract(ref view, out var key);
            return key;
        }
    }

    /// <summary>The packet after the edit, which ends as expected; 64 bytes are free on both sides if nothing else is said.</summary>
    private static byte[] Run(byte[] bytes, Edit edit, FrameRoom? room = null, EditResult expected = EditResult.Changed)
    {
        var memory = new byte[64 + bytes.Length + 64];
        bytes.CopyTo(memory, 64);
        fixed (byte* data = memory)
        {
            var view = new PacketView { Data = data + 64, Length = bytes.Length };
            FlowKeyExtractor.Extract(ref view, out _);
            edit(ref view, room ?? new FrameRoom(64, 64)).Should().Be(expected);
            return new ReadOnlySpan<byte>(view.Data, view.Length).ToArray();
        }
    }
}
