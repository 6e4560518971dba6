using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Testing;

namespace Oko.Bpf.Tests.Maps;

[TestFixture]
public sealed unsafe class RingBufferMapTests
{
    [Test]
    public void Consume_BusyRecord_IsNotPassedAndDiscardedOnesAreLeftOut()
    {
        using RingBufferMap map = Create();
        var header = (MapHeader*)map.Handle;
        byte* first = RingBuffer.Reserve(header, 8, 0), second = RingBuffer.Reserve(header, 8, 0), third = RingBuffer.Reserve(header, 3, 0);
        *first = 1;
        *third = 3;
        RingBuffer.Discard(second, 0);
        RingBuffer.Submit(third, 0);

        Take(map).Should().BeEmpty();
        RingBuffer.Submit(first, 0);
        Take(map).Select(record => (record.Length, record[0])).Should().Equal((8, 1), (3, 3));
        RingBuffer.Query(header, 0).Should().Be(0);
    }

    [Test]
    public void Reserve_NoRoom_IsCountedAndToldWithTheNextRecord()
    {
        using RingBufferMap map = Create();
        var header = (MapHeader*)map.Handle;
        RingBuffer.Submit(RingBuffer.Reserve(header, 4088, 0), 0);
        (RingBuffer.Reserve(header, 1, 0) == null).Should().BeTrue();
        (RingBuffer.Reserve(header, ulong.MaxValue, 0) == null).Should().BeTrue();
        (RingBuffer.Reserve(header, 1, 0) == null).Should().BeTrue();
        Take(map).Should().ContainSingle();
        RingBuffer.Submit(RingBuffer.Reserve(header, 1, 0), 0);

        ulong lost = 0;
        map.Consume((_, lostBefore) => lost = lostBefore, 10).Should().Be(1);
        lost.Should().Be(map.Lost).And.BeGreaterThan(1);
    }

    [Test]
    public void Output_ThreeProducers_EveryRecordComesInOrderOrIsCounted()
    {
        const int producers = 3;
        const int records = 100_000;
        using RingBufferMap map = Create();
        nint handle = map.Handle;
        Task[] tasks = Enumerable.Range(0, producers).Select(producer => Task.Run(() => Produce(handle, producer, records))).ToArray();
        var last = new long[producers];
        Array.Fill(last, -1);
        long received = 0;
        ulong lost = 0;
        string? fault = null;
        bool isOver;
        do
        {
            isOver = Task.WaitAll(tasks, 0);
            map.Consume(
                (record, lostBefore) =>
                {
                    int producer = (int)BitConverter.ToInt64(record);
                    long number = BitConverter.ToInt64(record[8..]);
                    fault = number <= last[producer] || record.Length != 16 + (number % 40) ? $"{producer}: {number}" : fault;
                    last[producer] = number;
                    received++;
                    lost += lostBefore;
                },
                int.MaxValue);
        }
        while (!isOver);

        fault.Should().BeNull();
        (received + (long)map.Lost).Should().Be(producers * records);
        received.Should().BePositive();
        lost.Should().BeLessThanOrEqualTo(map.Lost);
    }

    [Test]
    public void ReserveSubmitOutput_Warm_AllocateNothing()
    {
        using RingBufferMap map = Create();
        nint handle = map.Handle;
        Allocations.Of(() =>
        {
            var header = (MapHeader*)handle;
            ulong value = 1;
            for (int i = 0; i < 1000; i++)
            {
                byte* record = RingBuffer.Reserve(header, 8, 0);
                if (record != null)
                {
                    RingBuffer.Submit(record, 0);
                }

                RingBuffer.Output(header, (byte*)&value, 8, 0);
            }
        }).Should().Be(0);
    }

    private static RingBufferMap Create() => (RingBufferMap)BpfMap.Create(new MapSpec("r", MapType.RingBuffer, 0, 0, 4096, 0));

    private static List<byte[]> Take(RingBufferMap map)
    {
        var records = new List<byte[]>();
        map.Consume((record, _) => records.Add(record.ToArray()), int.MaxValue);
        return records;
    }

    private static void Produce(nint handle, int producer, int records)
    {
        var header = (MapHeader*)handle;
        long* data = stackalloc long[8];
        for (int number = 0; number < records; number++)
        {
            data[0] = producer;
            data[1] = number;
            RingBuffer.Output(header, (byte*)data, (ulong)(16 + (number % 40)), 0);
        }
    }
}
