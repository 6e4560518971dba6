using System.Collections.Immutable;
using Oko.Bpf.Maps;

namespace Oko.Agent.Filters;

// Programs write records into a ring buffer without telling anybody; somebody has to look. One thread does, every few milliseconds, and
// only while someone has asked for the records of some ring buffer: others stay where they are, bounded by the buffer's size.
//
// Each record goes to everybody who asked. Who does not take it (a connection whose peer is slow) loses it, and is told how many it lost
// with the next one it takes; records that the program could not even write are counted in the same number, and those that are so long
// that their copies would cost the switch more memory than they are worth.

/// <summary>A record of a ring buffer. Immutable.</summary>
/// <param name="FilterId">The filter.</param>
/// <param name="MapIndex">The ring buffer, by index.</param>
/// <param name="Map">Its definition.</param>
/// <param name="TimeNanoseconds">When it was taken out, on the datapath's clock.</param>
/// <param name="Lost">Records lost before it.</param>
/// <param name="Data">What the program wrote.</param>
public sealed record FilterEventRecord(uint FilterId, int MapIndex, Oko.Bpf.Loading.MapSpec Map, ulong TimeNanoseconds, ulong Lost, byte[] Data);

/// <summary>Who wants records. Called by the thread that takes them out; must not block.</summary>
public interface IFilterEventListener
{
    /// <summary>Takes a record, or says false: it is lost.</summary>
    bool TryDeliver(FilterEventRecord record);

    /// <summary>There will be no more records of a filter's ring buffer: the filter or the map is gone.</summary>
    void End(uint filterId, string map);
}

/// <summary>Takes records out of ring buffers and hands them to who asked for them. Members may be used from any thread.</summary>
public sealed class FilterEvents : IDisposable
{
    /// <summary>Longest record that is delivered, in bytes.</summary>
    public const int MaxRecordBytes = 1 << 20;

    private const int RecordsPerRound = 256;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(5);

    private readonly Lock _gate = new();
    private readonly List<Source> _sources = [];
    private readonly ManualResetEventSlim _isWanted = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Func<long> _clock;
    private Thread? _thread;

    /// <summary>Makes it; nothing runs yet.</summary>
    /// <param name="clock">Nanoseconds of the datapath's clock.</param>
    public FilterEvents(Func<long> clock) => _clock = clock;

    /// <summary>A listener wants the records of a ring buffer from now on.</summary>
    public void Subscribe(uint filterId, int mapIndex, RingBufferMap map, IFilterEventListener listener)
    {
        lock (_gate)
        {
            var source = _sources.Find(one => one.FilterId == filterId && one.MapIndex == mapIndex);
            if (source is null)
            {
                map.AddReference();
                _sources.Add(source = new Source { FilterId = filterId, MapIndex = mapIndex, Map = map });
            }

            if (!source.Subscribers.Exists(one => one.Listener == listener))
            {
                source.Subscribers.Add(new Subscriber(listener));
            }

            if (_thread is null)
            {
                _thread = new Thread(Run) { Name = "oko-events", IsBackground = true };
                _thread.Start();
            }

            _isWanted.Set();
        }
    }

    /// <summary>A listener wants no more records of a ring buffer.</summary>
    public void Unsubscribe(uint filterId, int mapIndex, IFilterEventListener listener) =>
        Remove(source => source.FilterId == filterId && source.MapIndex == mapIndex, listener);

    /// <summary>A listener is gone.</summary>
    public void Remove(IFilterEventListener listener) => Remove(_ => true, listener);

    /// <summary>A filter has other maps now, or none: it was replaced or unloaded. What is left in its ring buffers is delivered first.</summary>
    public void OnMapsChanged(uint filterId, ImmutableArray<BpfMap> maps)
    {
        lock (_gate)
        {
            foreach (var source in _sources.Where(one => one.FilterId == filterId).ToArray())
            {
                Drain(source, int.MaxValue);
                var index = maps.IndexOf(maps.FirstOrDefault(map => map.Name == source.Map.Name && map is RingBufferMap)!);
                if (index < 0)
                {
                    source.Subscribers.ForEach(one => one.Listener.End(filterId, source.Map.Name));
                    Drop(source);
                    continue;
                }

                maps[index].AddReference();
                source.Map.Dispose();
                source.Map = (RingBufferMap)maps[index];
                source.MapIndex = index;
            }
        }
    }

    /// <summary>Ends the thread; nobody is told.</summary>
    public void Dispose()
    {
        _stopping.Cancel();
        _thread?.Join();
        lock (_gate)
        {
            _sources.ForEach(source => source.Map.Dispose());
            _sources.Clear();
        }

        _stopping.Dispose();
        _isWanted.Dispose();
    }

    private void Remove(Predicate<Source> which, IFilterEventListener listener)
    {
        lock (_gate)
        {
            foreach (var source in _sources.FindAll(which))
            {
                source.Subscribers.RemoveAll(one => one.Listener == listener);
                if (source.Subscribers.Count == 0)
                {
                    Drop(source);
                }
            }
        }
    }

    private void Drop(Source source)
    {
        source.Map.Dispose();
        _sources.Remove(source);
        if (_sources.Count == 0)
        {
            _isWanted.Reset();
        }
    }

    private void Run()
    {
        try
        {
            while (!_stopping.Token.WaitHandle.WaitOne(Interval))
            {
                _isWanted.Wait(_stopping.Token);
                lock (_gate)
                {
                    _sources.ForEach(source => Drain(source, RecordsPerRound));
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The switch is stopping.
        }
    }

    private void Drain(Source source, int most) => source.Map.Consume(
        (data, lost) =>
        {
            if (data.Length > MaxRecordBytes)
            {
                source.Subscribers.ForEach(subscriber => subscriber.Lost += lost + 1);
                return;
            }

            var bytes = data.ToArray();
            var now = (ulong)_clock();
            foreach (var subscriber in source.Subscribers)
            {
                subscriber.Lost += lost;
                var record = new FilterEventRecord(source.FilterId, source.MapIndex, source.Map.Spec, now, subscriber.Lost, bytes);
                subscriber.Lost = subscriber.Listener.TryDeliver(record) ? 0 : subscriber.Lost + 1;
            }
        },
        most);

    /// <summary>A ring buffer that somebody listens to; it holds a reference to the map.</summary>
    private sealed class Source
    {
        public required uint FilterId { get; init; }

        public required int MapIndex { get; set; }

        public required RingBufferMap Map { get; set; }

        public List<Subscriber> Subscribers { get; } = [];
    }

    /// <summary>A listener, and how many records it lost since the last one it took.</summary>
    private sealed class Subscriber(IFilterEventListener listener)
    {
        public IFilterEventListener Listener { get; } = listener;

        public ulong Lost { get; set; }
    }
}
