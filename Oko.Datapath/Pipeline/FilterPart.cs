using System.Diagnostics;
using System.Runtime.CompilerServices;
using Oko.Bpf.Execution;

namespace Oko.Datapath.Pipeline;

/// <summary>What one worker knows of a filter, and counts; the counters are read by any thread.</summary>
/// <remarks>
/// The worker takes the program once per batch (the first question of a batch decides), so no packet and no batch sees two
/// programs under one id. A verdict is remembered as long as the packet's bytes stay the same: two entries that name one filter
/// run it once.
/// </remarks>
/// <param name="slot">The filter.</param>
internal sealed unsafe class FilterPart(FilterSlot slot)
{
    private const long SampleMask = 255;

    private LoadedFilter _active = slot.Current;
    private long _activeBatch = -1, _verdictSerial = -1;
    private bool _verdict;
    private long _runs, _matches, _sampledRuns, _sampledNanoseconds;

    // Parts of two workers are made one after the other: this keeps them out of each other's cache lines.
#pragma warning disable CS0169 // Its size is its use.
    private readonly CacheLines _distance;
#pragma warning restore CS0169

    /// <inheritdoc cref="FilterSlot.Runs"/>
    internal long Runs => Volatile.Read(ref _runs);

    /// <inheritdoc cref="FilterSlot.Matches"/>
    internal long Matches => Volatile.Read(ref _matches);

    /// <inheritdoc cref="FilterSlot.SampledRuns"/>
    internal long SampledRuns => Volatile.Read(ref _sampledRuns);

    /// <inheritdoc cref="FilterSlot.SampledNanoseconds"/>
    internal long SampledNanoseconds => Volatile.Read(ref _sampledNanoseconds);

    /// <summary>The verdict on a packet.</summary>
    /// <param name="context">The packet and the worker. SAFETY: filled for the packet's present bytes, fixed during the call.</param>
    /// <param name="serial">Changes whenever the packet or its bytes do; the worker's own.</param>
    /// <param name="batch">Number of the worker's batch.</param>
    internal bool Ask(FilterContext* context, long serial, long batch)
    {
        if (_verdictSerial == serial)
        {
            return _verdict;
        }

        var active = ActiveIn(batch);
        bool verdict;
        if ((_runs & SampleMask) == 0)
        {
            var start = Stopwatch.GetTimestamp();
            verdict = active.Matches(context);
            _sampledNanoseconds += Stopwatch.GetTimestamp() - start;
            _sampledRuns++;
        }
        else
        {
            verdict = active.Matches(context);
        }

        _runs++;
        _matches += verdict ? 1 : 0;
        _verdictSerial = serial;
        _verdict = verdict;
        return verdict;
    }

    /// <summary>The program that answers in a batch.</summary>
    internal LoadedFilter ActiveIn(long batch)
    {
        if (_activeBatch != batch)
        {
            _active = slot.Current;
            _activeBatch = batch;
        }

        return _active;
    }

    [InlineArray(16)]
    private struct CacheLines
    {
        private long _first;
    }
}
