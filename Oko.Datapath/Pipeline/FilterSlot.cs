using System.Diagnostics;
using Oko.Bpf.Execution;

namespace Oko.Datapath.Pipeline;

/// <summary>
/// A filter id with the program that answers for it now. Flow entries refer to the slot, so a replaced program changes for
/// all of them at once. Replaced by the control thread, asked by the worker.
/// </summary>
/// <remarks>
/// The worker takes the program once per batch (the first question of a batch decides), so no packet and no batch sees two
/// programs under one id. A verdict is remembered as long as the packet's bytes stay the same: two entries that name one filter
/// run it once.
/// </remarks>
public sealed unsafe class FilterSlot
{
    private const long SampleMask = 255;

    private LoadedFilter _current;
    private LoadedFilter _active;
    private long _activeBatch = -1;
    private long _memoSerial = -1;
    private bool _memoVerdict;
    private long _runs, _matches, _sampledRuns, _sampledNanoseconds;

    /// <summary>Makes a slot.</summary>
    public FilterSlot(uint filterId, LoadedFilter filter)
    {
        FilterId = filterId;
        _current = _active = filter;
    }

    /// <summary>The filter's id.</summary>
    public uint FilterId { get; }

    /// <summary>The program loaded last.</summary>
    public LoadedFilter Current => Volatile.Read(ref _current);

    /// <summary>Times the program ran.</summary>
    public long Runs => Volatile.Read(ref _runs);

    /// <summary>Times it said match.</summary>
    public long Matches => Volatile.Read(ref _matches);

    /// <summary>Runs that were timed.</summary>
    public long SampledRuns => Volatile.Read(ref _sampledRuns);

    /// <summary>Nanoseconds the timed runs took, with the clock's own.</summary>
    public long SampledNanoseconds => Volatile.Read(ref _sampledNanoseconds);

    /// <summary>
    /// Puts another program in force, for all entries between two batches. The old one may run until every worker has passed a
    /// batch boundary; it is returned so that the caller can release it then.
    /// </summary>
    public LoadedFilter Replace(LoadedFilter filter) => Interlocked.Exchange(ref _current, filter);

    /// <summary>Worker: the verdict on a packet.</summary>
    /// <param name="context">The packet. SAFETY: filled for the packet's present bytes, fixed during the call.</param>
    /// <param name="serial">Changes whenever the packet or its bytes do.</param>
    /// <param name="batch">Number of the batch.</param>
    internal bool Ask(FilterContext* context, long serial, long batch)
    {
        if (_memoSerial == serial)
        {
            return _memoVerdict;
        }

        if (_activeBatch != batch)
        {
            _active = Volatile.Read(ref _current);
            _activeBatch = batch;
        }

        bool verdict;
        if ((_runs & SampleMask) == 0)
        {
            var start = Stopwatch.GetTimestamp();
            verdict = _active.Matches(context);
            _sampledNanoseconds += Stopwatch.GetTimestamp() - start;
            _sampledRuns++;
        }
        else
        {
            verdict = _active.Matches(context);
        }

        _runs++;
        _matches += verdict ? 1 : 0;
        _memoSerial = serial;
        _memoVerdict = verdict;
        return verdict;
    }
}
