using Oko.Datapath.Packet;

namespace Oko.Datapath.Tests.Packet;

/// <summary>Keys and offsets that follow a pushed or popped VLAN tag, against the parser.</summary>
public sealed unsafe class FollowTagTests
{
    private const int FrameBytes = 2048, Front = 256, MinimumBytes = 14;

    private readonly byte[] _frame = GC.AllocateArray<byte>(FrameBytes, pinned: true);
    private int _known;

    [Test]
    public void FollowTag_TagsPushedAndPoppedInAnyOrder_EqualsParsingAnew([Range(1, 8)] int seed)
    {
        var random = new Random(seed);
        foreach (var sample in SamplePacket.All(seed).Where(sample => sample.Bytes.Length < 1000))
        {
            for (var attempt = 0; attempt < 60; attempt++)
            {
                Check(Spoil([.. sample.Bytes], random), random, sample);
            }
        }

        _known.Should().BePositive();
    }

    private void Check(byte[] bytes, Random random, SamplePacket sample)
    {
        Array.Clear(_frame);
        bytes.CopyTo(_frame, Front);
        fixed (byte* frame = _frame)
        {
            var packet = new PacketView { Data = frame + Front, Address = Front, Length = bytes.Length, InPort = 7, Metadata = 8, TunnelId = 9 };
            FlowKeyExtractor.Extract(ref packet, out var key);
            for (var step = 0; step < 12; step++)
            {
                var room = new FrameRoom((int)packet.Address, FrameBytes - (int)packet.Address - packet.Length);
                var before = packet.Length;
                var result = random.Next(2) == 0
                    ? TagEditor.PushVlan(ref packet, room, random.Next(2) == 0 ? (ushort)0x8100 : (ushort)0x88A8) : TagEditor.PopVlan(ref packet, room);
                if (result != EditResult.Changed)
                {
                    continue;
                }

                FlowKeyExtractor.FollowTag(ref packet, ref key, packet.Length - before);
                var anew = packet;
                FlowKeyExtractor.Extract(ref anew, out var expected);
                ((ReadOnlySpan<ulong>)key).SequenceEqual(expected).Should().BeTrue("{0}, step {1}, {2}", sample, step, Convert.ToHexString(bytes));
                OffsetsOf(packet).Should().Be(OffsetsOf(anew), "{0}, step {1}, {2}", sample, step, Convert.ToHexString(bytes));
                _known++;
            }
        }
    }

    private static (int, int, ushort, int, int, int, byte, bool, bool, int, int, int) OffsetsOf(in PacketView packet) =>
        (packet.VlanOffset, packet.EthTypeOffset, packet.EthType, packet.L3Offset, packet.ProtoOffset, packet.L4Offset, packet.Proto, packet.IsFragment,
            packet.IsSourceRouted, packet.NdTargetOffset, packet.NdSllOffset, packet.NdTllOffset);

    /// <summary>Cuts the packet short, writes tags where others stand, changes single bytes, or leaves it as it is.</summary>
    private static byte[] Spoil(byte[] bytes, Random random)
    {
        if (random.Next(3) == 0)
        {
            bytes = bytes[..random.Next(MinimumBytes, Math.Min(bytes.Length, random.Next(2) == 0 ? 70 : 30))];
        }

        for (var count = random.Next(3) == 0 ? random.Next(1, 9) : 0; count > 0; count--)
        {
            var at = 12 + (4 * random.Next(10));
            if (at + 2 <= bytes.Length)
            {
                (bytes[at], bytes[at + 1]) = random.Next(2) == 0 ? ((byte)0x81, (byte)0) : ((byte)0x88, (byte)0xA8);
            }
        }

        if (random.Next(3) == 0)
        {
            bytes[random.Next(12, bytes.Length)] = (byte)random.Next(256);
        }

        return bytes;
    }
}
