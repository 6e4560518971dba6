using System.Runtime.InteropServices;
using Oko.Datapath.AfXdp;
using Oko.Testing;

namespace Oko.Datapath.Tests.AfXdp;

/// <summary>A producer and a consumer on the same memory, as the kernel would be on the other side.</summary>
public sealed unsafe class RingTests
{
    private const uint Size = 8;

    private uint* _counters;
    private FrameDescriptor* _entries;

    [SetUp]
    public void Allocate()
    {
        _counters = (uint*)NativeMemory.AllocZeroed(3, sizeof(uint));
        _entries = (FrameDescriptor*)NativeMemory.AllocZeroed(Size, (nuint)sizeof(FrameDescriptor));
    }

    [TearDown]
    public void Free()
    {
        NativeMemory.Free(_counters);
        NativeMemory.Free(_entries);
    }

    [Test]
    public void Ring_Empty_HasRoomAndNothingToRead()
    {
        var (producer, consumer) = Rings();

        producer.Reserve(100).Should().Be(Size);
        producer.Pending.Should().Be(0);
        consumer.Peek(100).Should().Be(0);
    }

    [Test]
    public void Ring_WrittenButNotSubmitted_IsNotSeen()
    {
        var (producer, consumer) = Rings();

        producer.WriteDescriptor(0, new FrameDescriptor(256, 60));
        consumer.Peek(1).Should().Be(0);

        producer.Submit(1);
        consumer.Peek(1).Should().Be(1);
        consumer.ReadDescriptor(0).Should().Be(new FrameDescriptor(256, 60));
    }

    [Test]
    public void Ring_Full_TakesNoMoreUntilReleased()
    {
        var (producer, consumer) = Rings();
        producer.Submit(producer.Reserve(Size));

        producer.Reserve(1).Should().Be(0);
        consumer.Peek(3);
        consumer.Release(3);
        producer.Reserve(5).Should().Be(3);
    }

    [TestCase(0u)]
    [TestCase(uint.MaxValue - 2)]
    public void Ring_CountersWrapAround_KeepsTheOrder(uint start)
    {
        _counters[0] = _counters[1] = start;
        var (producer, consumer) = Rings();
        ulong written = 0, read = 0;

        for (var round = 0; round < 50; round++)
        {
            var room = producer.Reserve(5);
            for (var n = 0u; n < room; n++)
            {
                producer.WriteAddress(n, written++);
            }

            producer.Submit(room);
            var there = consumer.Peek(3);
            for (var n = 0u; n < there; n++)
            {
                consumer.ReadAddress(n).Should().Be(read++);
            }

            consumer.Release(there);
        }

        (written - read).Should().BeLessThanOrEqualTo(Size);
        read.Should().BeGreaterThan(100);
    }

    [Test]
    public void Ring_AThousandRounds_AllocatesNothing()
    {
        var (producer, consumer) = Rings();
        Pass(ref producer, ref consumer);
        Allocations.Of(() =>
        {
            for (var round = 0; round < 1000; round++)
            {
                Pass(ref producer, ref consumer);
            }
        }).Should().Be(0);
    }

    [Test]
    public void NeedsWakeup_FlagOfTheKernel_IsRead()
    {
        var (producer, _) = Rings();
        producer.NeedsWakeup.Should().BeFalse();

        _counters[2] = 1;

        producer.NeedsWakeup.Should().BeTrue();
    }

    private static void Pass(ref ProducerRing producer, ref ConsumerRing consumer)
    {
        producer.Submit(producer.Reserve(4));
        consumer.Release(consumer.Peek(4));
    }

    private (ProducerRing Producer, ConsumerRing Consumer) Rings() =>
        (new ProducerRing(_counters, _counters + 1, _counters + 2, _entries, Size), new ConsumerRing(_counters, _counters + 1, _entries, Size));
}
