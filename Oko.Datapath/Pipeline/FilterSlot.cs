using System.Diagnostics;
using System.Runtime.CompilerServices;
using Oko.Bpf.Execution;
using Oko.Bpf.Maps;

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

    private readonly WorkerPart[] _parts;
    private LoadedFilter _current;

    /// <summary>Makes a slot for as many workers as the process has (<see cref="BpfMap.Workers"/>).</summary>
    public FilterSlot(uint filterId, LoadedFilter filter)
    {
        FilterId = filterId;
        _current = filter;
        _parts = [.. Enumerable.Range(0, BpfMap.Workers).Select(_ => new WorkerPart(filter))];
    }

    /// <summary>The filter's id.</summary>
    public uint FilterId { get; }

    /// <summary>The program loaded last.</summary>
    public LoadedFilter Current => Volatile.Read(ref _current);

    /// <summary>Times the program ran.</summary>
    public long Runs => _parts.Sum(part => Volatile.Read(ref part.Runs));

    /// <summary>Times it said match.</summary>
    public long Matches => _parts.Sum(part => Volatile.Read(ref part.Matches));

    /// <summary>Runs that were timed.</summary>
    public long SampledRuns => _parts.Sum(part => Volatile.Read(ref part.SampledRuns));

    /// <summary>Nanoseconds the timed runs took, with the clock's own.</summary>
    public long SampledNanoseconds => _parts.Sum(part => Volatile.Read(ref part.SampledNanoseconds));

    /// <summary>
    /// Puts another program in force, for all entries between two batches. The old one may run until every worker has passed a
    /// batch boundary; it is returned so that the caller can release it then.
    /// </summary>
    public LoadedFilter Replace(LoadedFilter filter) => Interlocked.Exchange(ref _current, filter);

    /// <summary>Worker: the verdict on a packet.</summary>
    /// <param name="context">The packet and the worker. SAFETY: filled for the packet's present bytes, fixed during the call.</param>
    /// <param name="serial">Changes whenever the packet or its bytes do; the worker's own.</param>
    /// <param name="batch">Number of the worker's batch.</param>
    internal bool Ask(FilterContext* context, long serial, long batch)
    {
        var part = _parts[context->Worker];
        if (part.MemoSerial == serial)
        {
            return part.MemoVerdict;
        }

        var active = ActiveIn(batch, part);
        bool verdict;
        if ((part.Runs & SampleMask) == 0)
        {
            var start = Stopwatch.GetTimestamp();
            verdict = active.Matches(context);
            part.SampledNanoseconds += Stopwatch.GetTimestamp() - start;
            part.SampledRuns++;
        }
        else
        {
            verdict = active.Matches(context);
        }

        part.Runs++;
        part.Matches += verdict ? 1 : 0;
        part.MemoSerial = serial;
        part.MemoVerdict = verdict;
        return verdict;
    }

    /// <summary>Worker: what the filter said last.</summary>
    internal bool LastVerdict(int worker) => _parts[worker].MemoVerdict;

    /// <summary>Worker: the program that answers in its batch.</summary>
    internal LoadedFilter ActiveIn(long batch, int worker) => ActiveIn(batch, _parts[worker]);

    private LoadedFilter ActiveIn(long batch, WorkerPart part)
    {
        if (part.ActiveBatch != batch)
        {
            part.Active = Volatile.Read(ref _current);
            part.ActiveBatch = batch;
        }

        return part.Active;
    }

    /// <summary>What one worker knows and counts; the counters are read by any thread.</summary>
    private sealed class WorkerPart(LoadedFilter filter)
    {
        internal LoadedFilter Active = filter;
        internal long ActiveBatch = -1;
        internal long MemoSerial = -1;
        internal bool MemoVerdict;
        internal long Runs, Matches, SampledRuns, SampledNanoseconds;

        // Parts of two workers are made one after the other: this keeps them out of each other's cache lines.
#pragma warning disable CS0169 // Its size is its use.
        private readonly CacheLines _distance;
#pragma warning restore CS0169
    }

    [InlineArray(16)]
    private struct CacheLines
    {
        private long _first;
    }
}
