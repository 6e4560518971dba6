using Oko.Bpf.Execution;
using Oko.Bpf.Maps;

namespace Oko.Datapath.Pipeline;

/// <summary>
/// A filter id with the program that answers for it now. Flow entries refer to the slot, so a replaced program changes for
/// all of them at once. Replaced by the control thread, asked by the worker.
/// </summary>
/// <remarks>
/// Each worker has a part of it (<see cref="FilterPart"/>).
/// </remarks>
public sealed class FilterSlot
{
    private readonly FilterPart[] _parts;
    private LoadedFilter _current;

    /// <summary>Makes a slot for as many workers as the process has (<see cref="BpfMap.Workers"/>).</summary>
    public FilterSlot(uint filterId, LoadedFilter filter)
    {
        FilterId = filterId;
        _current = filter;
        _parts = [.. Enumerable.Range(0, BpfMap.Workers).Select(_ => new FilterPart(this))];
    }

    /// <summary>The filter's id.</summary>
    public uint FilterId { get; }

    /// <summary>The program loaded last.</summary>
    public LoadedFilter Current => Volatile.Read(ref _current);

    /// <summary>Times the program ran.</summary>
    public long Runs => _parts.Sum(part => part.Runs);

    /// <summary>Times it said match.</summary>
    public long Matches => _parts.Sum(part => part.Matches);

    /// <summary>Runs that were timed.</summary>
    public long SampledRuns => _parts.Sum(part => part.SampledRuns);

    /// <summary>Nanoseconds the timed runs took, with the clock's own.</summary>
    public long SampledNanoseconds => _parts.Sum(part => part.SampledNanoseconds);

    /// <summary>
    /// Puts another program in force, for all entries between two batches. The old one may run until every worker has passed a
    /// batch boundary; it is returned so that the caller can release it then.
    /// </summary>
    public LoadedFilter Replace(LoadedFilter filter) => Interlocked.Exchange(ref _current, filter);

    /// <summary>Worker: its part.</summary>
    internal FilterPart PartOf(int worker) => _parts[worker];
}
