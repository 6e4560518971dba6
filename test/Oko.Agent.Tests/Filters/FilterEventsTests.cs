using Oko.Agent.Filters;
using Oko.Agent.Management;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Agent.Tests.Filters;

/// <summary>How records are handed out and counted, with listeners that take them or not; no packets.</summary>
public sealed class FilterEventsTests
{
    private static readonly MapSpec Ring = new("ring", MapType.RingBuffer, 0, 0, 4096, 0);

    [Test]
    public void Stream_ThatIsNotRead_TakesSoManyRecordsAndGoesOnWhenItIs()
    {
        var stream = new EventStream();
        var taken = 0;
        while (stream.TryDeliver(Record(8)))
        {
            taken++;
        }

        taken.Should().Be(EventStream.Capacity);
        using var reader = new Reader(stream);
        reader.Next().Should().NotBeNull();
        stream.TryDeliver(Record(8)).Should().BeTrue();
    }

    [Test]
    public void Stream_OfLongRecords_TakesSoManyBytes()
    {
        var stream = new EventStream();
        var taken = 0L;
        while (stream.TryDeliver(Record(1 << 20)))
        {
            taken += 1 << 20;
        }

        taken.Should().Be(EventStream.MaxWaitingBytes);
        using var reader = new Reader(stream);
        reader.Next().Should().NotBeNull();
        stream.TryDeliver(Record(1 << 20)).Should().BeTrue();
    }

    [Test]
    public void Stream_ThatHasEnded_GivesWhatWaitsAndEnds()
    {
        var stream = new EventStream();
        stream.TryDeliver(Record(8)).Should().BeTrue();
        stream.End(1, "ring");
        stream.TryDeliver(Record(8)).Should().BeFalse();
        using var reader = new Reader(stream);
        reader.Next().Should().NotBeNull();
        reader.Next().Should().BeNull();
    }

    private static FilterEventRecord Record(int size) => new(1, 0, Ring, 0, 0, new byte[size]);

    private sealed class Reader(EventStream stream) : IDisposable
    {
        private readonly IAsyncEnumerator<FilterEventRecord> _records = stream.ReadAll(default).GetAsyncEnumerator();

        public FilterEventRecord? Next() => _records.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(5)).GetAwaiter().GetResult() ? _records.Current : null;

        public void Dispose() => _records.DisposeAsync().AsTask().Wait();
    }
}
