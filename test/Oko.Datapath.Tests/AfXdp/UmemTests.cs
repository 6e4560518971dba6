using Oko.Datapath.AfXdp;
using Oko.Testing;

namespace Oko.Datapath.Tests.AfXdp;

public sealed unsafe class UmemTests
{
    [Test]
    public void Umem_New_IsZeroedPageAlignedAndFree()
    {
        using var umem = new Umem(64);

        ((nuint)umem.Memory % 4096).Should().Be((nuint)0);
        new ReadOnlySpan<byte>(umem.Memory, (int)umem.SizeBytes).IndexOfAnyExcept((byte)0).Should().Be(-1);
        umem.Frames.FreeCount.Should().Be(64);
        umem.MaxPacketSize.Should().Be(1792);
    }

    [TestCase(0, 2048)]
    [TestCase((1 << 20) + 1, 2048)]
    [TestCase(16, 1024)]
    [TestCase(16, 3000)]
    [TestCase(16, 8192)]
    public void Umem_SizeOutsideTheRange_IsRefused(int count, int size)
    {
        var making = () => new Umem(count, size);

        making.Should().Throw<ArgumentOutOfRangeException>();
    }

    [Test]
    public void FrameAllocator_AllTaken_HandsOutEachChunkOnce()
    {
        using var umem = new Umem(16, 4096);
        var seen = new HashSet<ulong>();

        while (umem.Frames.TryAllocate(out var address))
        {
            seen.Add(address).Should().BeTrue();
            (address % 4096).Should().Be(0);
        }

        seen.Should().HaveCount(16);
        umem.Frames.FreeCount.Should().Be(0);
    }

    [Test]
    public void FrameAllocator_AddressWithinChunk_FreesTheChunk()
    {
        using var umem = new Umem(16);
        umem.Frames.TryAllocate(out var address);

        umem.Frames.Free(address + 256 + 17);

        umem.Frames.TryAllocate(out var again).Should().BeTrue();
        again.Should().Be(address);
    }

    [Test]
    public void FrameAllocator_TakeAndGive_AllocatesNothing()
    {
        using var umem = new Umem(16);
        umem.Frames.TryAllocate(out var warm);
        umem.Frames.Free(warm);
        Allocations.Of(() =>
        {
            for (var round = 0; round < 1000; round++)
            {
                umem.Frames.TryAllocate(out var address);
                umem.Frames.Free(address);
            }
        }).Should().Be(0);
    }

    [Test]
    public void ReserveFill_ManySockets_NeverPromisesTheLastQuarter()
    {
        using var umem = new Umem(16384);

        var granted = Enumerable.Range(0, 40).Select(_ => umem.ReserveFill(2048)).ToList();

        granted[0].Should().Be(2048);
        granted[3].Should().Be(2048);
        granted.Should().OnlyContain(grant => grant >= 64).And.BeInDescendingOrder();
        granted.Sum().Should().BeLessThan(16384 * 7 / 8);
    }

    [Test]
    public void ReturnFrames_FromAClosedPort_AreFreeAfterTheDelay()
    {
        using var umem = new Umem(16);
        ulong[] taken = [.. Enumerable.Range(0, 4).Select(_ => umem.Frames.TryAllocate(out var address) ? address : 0)];

        umem.ReturnFrames(taken[..2], 0);
        umem.ReturnFrames(taken[2..], 60_000);
        umem.Frames.FreeCount.Should().Be(12, "only the worker puts them back");
        umem.CollectReturned();

        umem.Frames.FreeCount.Should().Be(14);
    }
}
