using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;
using Oko.Testing;

namespace Oko.Datapath.Tests.AfXdp;

public sealed unsafe class JumboTests
{
    private const int ChunkCount = 64;

    private Umem _umem = null!;

    [SetUp]
    public void SetUp() => _umem = new Umem(ChunkCount);

    [TearDown]
    public void TearDown()
    {
        _umem.Frames.FreeCount.Should().Be(ChunkCount, "every chunk must have come back");
        _umem.Frames.FreeJumboCount.Should().Be(Umem.JumboCount, "every buffer must have come back");
        _umem.Dispose();
    }

    [TestCase(1, 2048)]
    [TestCase(7, 2048)]
    [TestCase(3, 4096)]
    public void Buffers_AllTaken_LieBehindTheChunksEachOnce(int count, int size)
    {
        using var umem = new Umem(count, size);
        var seen = new HashSet<ulong>();
        while (umem.TryAllocate(size + 1, out var address))
        {
            seen.Add(address).Should().BeTrue();
            (address % Umem.JumboSize).Should().Be(0);
            address.Should().BeGreaterThanOrEqualTo(umem.SizeBytes);
            umem.FrameSizeAt(address).Should().Be(Umem.JumboSize);
            umem.OffsetInFrame(address + 5000).Should().Be(5000);
            new Span<byte>(umem.Memory + address, Umem.JumboSize).Fill(1);
        }

        seen.Should().HaveCount(Umem.JumboCount);
        umem.Frames.FreeJumboCount.Should().Be(0);
        umem.Frames.FreeCount.Should().Be(count, "chunks are others");
        foreach (var address in seen)
        {
            umem.Frames.Free(address + 9000);
        }

        umem.Frames.FreeJumboCount.Should().Be(Umem.JumboCount);
        umem.Frames.TryAllocateJumbo(out var again).Should().BeTrue();
        (again % Umem.JumboSize).Should().Be(0);
    }

    [Test]
    public void FrameSizeAt_Chunk_IsTheChunks()
    {
        _umem.TryAllocate(2048, out var address).Should().BeTrue();
        _umem.FrameSizeAt(address + 2047).Should().Be(2048);
        _umem.OffsetInFrame(address + 300).Should().Be(300);
        _umem.Frames.Free(address + 300);
    }

    [Test]
    public void Join_Pieces_GivesThePacketInOnePiece([Values(2, 3, 6, 9)] int pieces)
    {
        var joiner = new JumboJoiner(_umem);
        var bytes = new byte[((pieces - 1) * 1792) + 17];
        new Random(pieces).NextBytes(bytes);

        Join(joiner, bytes, out var packet).Should().BeTrue();

        joiner.IsOpen.Should().BeFalse();
        packet.Options.Should().Be(0);
        _umem.OffsetInFrame(packet.Address).Should().Be(Umem.Headroom);
        new ReadOnlySpan<byte>(_umem.Memory + packet.Address, (int)packet.Length).ToArray().Should().Equal(bytes);
        _umem.Frames.FreeCount.Should().Be(ChunkCount);
        _umem.Frames.Free(packet.Address);
    }

    [Test]
    public void Join_LongestPacket_FitsAndOneByteMoreIsLostWhole()
    {
        var joiner = new JumboJoiner(_umem);
        Join(joiner, new byte[Umem.MaxJumboPacketSize], out var packet).Should().BeTrue();
        packet.Length.Should().Be(Umem.MaxJumboPacketSize);
        _umem.Frames.Free(packet.Address);

        Join(joiner, new byte[Umem.MaxJumboPacketSize + 1], out _).Should().BeFalse();

        joiner.IsOpen.Should().BeFalse();
        joiner.TooLong.Should().Be(1);
        Join(joiner, new byte[4000], out packet).Should().BeTrue("the next packet is another one");
        _umem.Frames.Free(packet.Address);
    }

    [Test]
    public void Join_NeverEnding_HoldsNothingAndCountsOnce()
    {
        var joiner = new JumboJoiner(_umem);
        for (var piece = 0; piece < 100_000; piece++)
        {
            joiner.TryJoin(Piece(new byte[1792], goesOn: true), out _).Should().BeFalse();
        }

        joiner.IsOpen.Should().BeTrue();
        joiner.TooLong.Should().Be(1);
        joiner.Abandon().Should().BeNull();
    }

    [Test]
    public void Join_EmptyPieces_NeverEnd_HoldOneBuffer()
    {
        var joiner = new JumboJoiner(_umem);
        for (var piece = 0; piece < 1000; piece++)
        {
            joiner.TryJoin(Piece([], goesOn: true), out _).Should().BeFalse();
        }

        _umem.Frames.FreeJumboCount.Should().Be(Umem.JumboCount - 1);
        var held = joiner.Abandon();
        held.Should().NotBeNull();
        _umem.Frames.Free(held!.Value);
    }

    [Test]
    public void Join_PieceLongerThanABuffer_IsLost()
    {
        var joiner = new JumboJoiner(_umem);
        _umem.Frames.TryAllocate(out var address).Should().BeTrue();

        joiner.TryJoin(new FrameDescriptor(address, uint.MaxValue) { Options = IfXdp.PacketContinues }, out _).Should().BeFalse();
        joiner.TryJoin(Piece(new byte[10], goesOn: false), out _).Should().BeFalse();

        joiner.TooLong.Should().Be(1);
    }

    [Test]
    public void Join_NoBufferFree_LosesThePacketWholeAndGoesOn()
    {
        var taken = new List<ulong>();
        while (_umem.Frames.TryAllocateJumbo(out var address))
        {
            taken.Add(address);
        }

        var joiner = new JumboJoiner(_umem);
        Join(joiner, new byte[9000], out _).Should().BeFalse();
        joiner.TryJoin(Piece(new byte[1792], goesOn: true), out _).Should().BeFalse();
        // A buffer that comes free meanwhile does not make half a packet.
        taken.ForEach(_umem.Frames.Free);
        joiner.TryJoin(Piece(new byte[5], goesOn: false), out _).Should().BeFalse();

        joiner.WithoutBuffer.Should().Be(2);
        Join(joiner, new byte[9000], out var packet).Should().BeTrue();
        _umem.Frames.Free(packet.Address);
    }

    [Test]
    public void Join_Always_AllocatesNothing()
    {
        var joiner = new JumboJoiner(_umem);
        Allocations.Of(() =>
        {
            for (var time = 0; time < 1000; time++)
            {
                _ = _umem.Frames.TryAllocate(out var first) & _umem.Frames.TryAllocate(out var last);
                _ = joiner.TryJoin(new FrameDescriptor(first, 1792) { Options = IfXdp.PacketContinues }, out _);
                _ = joiner.TryJoin(new FrameDescriptor(last, 1792), out var packet);
                _umem.Frames.Free(packet.Address);
            }
        }).Should().Be(0);
    }

    [Test]
    public void ExplainMtu_KernelWithoutSeveralDescriptors_SaysTheLimit() =>
        AfXdpResources.ExplainMtu(new LinkInfo(3, "p1") { Mtu = 9000 }, 2048, 1774)
            .Should().Be("interface p1 has MTU 9000, but frames of 2048 bytes hold at most 1774; lower it with `ip link set p1 mtu 1500` or use frames of 4096 bytes");

    /// <summary>Joins a packet that comes in pieces as long as the kernel makes them.</summary>
    private bool Join(JumboJoiner joiner, byte[] bytes, out FrameDescriptor packet)
    {
        for (var at = 0; ; at += _umem.MaxPacketSize)
        {
            var end = Math.Min(at + _umem.MaxPacketSize, bytes.Length);
            var isWhole = joiner.TryJoin(Piece(bytes.AsSpan(at..end), goesOn: end < bytes.Length), out packet);
            if (isWhole || end == bytes.Length)
            {
                return isWhole;
            }
        }
    }

    private FrameDescriptor Piece(ReadOnlySpan<byte> bytes, bool goesOn)
    {
        _umem.Frames.TryAllocate(out var address).Should().BeTrue();
        bytes.CopyTo(new Span<byte>(_umem.Memory + address + Umem.Headroom, bytes.Length));
        return new FrameDescriptor(address + Umem.Headroom, (uint)bytes.Length) { Options = goesOn ? IfXdp.PacketContinues : 0 };
    }
}
