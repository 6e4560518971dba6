using System.Collections.Concurrent;
using System.Collections.Immutable;
using Oko.Agent.Observability;
using Oko.Agent.Rules;
using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Datapath.Pipeline;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Filters;

// An upload passes two threads. The control thread owns the store; verification and compilation take up to seconds for a
// huge program and therefore run on a thread of their own, one object after the other:
//
//   InstallAsync      control   refuse what can be refused at once (size, id, number waiting); queue
//   Verify            verifier  object -> verified program
//   Reserve           control   does the id still allow it? do the maps fit? which maps may be kept? (they get a reference)
//   Create            verifier  memory for the maps, IL, machine code
//   Install           control   put in force, release the old program after every worker has passed a batch boundary
//
// The verifier's thread waits for the control thread between its steps, never the other way round. Since it does one
// upload at a time, nothing but an unload can happen between Reserve and Install; an unload there turns a replacement
// into a first load.

/// <summary>Object bytes to a verified program. Called on the store's verifier thread.</summary>
/// <param name="filterId">For the error.</param>
/// <param name="elf">The whole object.</param>
/// <param name="entry">Name of the program, null or empty = the object's only one.</param>
/// <exception cref="OkoErrorException">OBJECT_INVALID or PROGRAM_REFUSED.</exception>
public delegate VerifiedProgram FilterVerifier(uint filterId, byte[] elf, string? entry);

/// <summary>
/// The filters of the switch, by id, with their limits: installs, replaces, removes and lists them. Members are for the control
/// thread unless they say otherwise; <see cref="InstallAsync"/> completes later, since verification has a thread of its own.
/// </summary>
public sealed class FilterStore : IDisposable
{
    private readonly RuleManager _rules;
    private readonly FilterVerifier _verify;
    private readonly FilterQuotas _quotas;
    private readonly ILogger _log;
    private readonly Dictionary<uint, InstalledFilter> _filters = [];
    private readonly BlockingCollection<FilterInstallJob> _waiting = [];
    private readonly Thread _verifier;

    /// <summary>Makes an empty store and starts its verifier thread.</summary>
    /// <param name="rules">The control thread, and who uses the filters; it finds them by <see cref="Find"/> from now on.</param>
    /// <param name="verify">Object to verified program.</param>
    /// <param name="quotas">Limits.</param>
    /// <param name="log">Takes what happens to filters.</param>
    public FilterStore(RuleManager rules, FilterVerifier verify, FilterQuotas quotas, ILogger<FilterStore> log)
    {
        _rules = rules;
        _verify = verify;
        rules.FindFilter = Find;
        _quotas = quotas;
        _log = log;
        _verifier = new Thread(VerifyWaiting) { Name = "oko-verifier", IsBackground = true };
        _verifier.Start();
    }

    /// <summary>Bytes of all maps of all filters.</summary>
    public long MapBytes => _filters.Values.Sum(filter => filter.MapBytes);

    /// <summary>The limits.</summary>
    public FilterQuotas Quotas => _quotas;

    /// <summary>Verifies, compiles and installs an object.</summary>
    /// <param name="filterId">1 to 0xfffffffe.</param>
    /// <param name="elf">The whole object; not changed by the caller afterwards.</param>
    /// <param name="name">Name for people, null = the program's.</param>
    /// <param name="entry">Name of the program, null = the object's only one.</param>
    /// <param name="flags">Replace, keep maps, dry run.</param>
    /// <returns>A task that ends when the filter is in force, or fails with <see cref="OkoErrorException"/>: OBJECT_INVALID,
    /// PROGRAM_REFUSED, FILTER_EXISTS, QUOTA. Its continuations run on a pool thread.</returns>
    public Task<FilterInstallResult> InstallAsync(uint filterId, byte[] elf, string? name, string? entry, FilterInstallFlags flags)
    {
        var job = new FilterInstallJob(filterId, elf, name, entry, flags);
        try
        {
            CheckAtOnce(job);
            _waiting.Add(job);
        }
        catch (OkoErrorException refusal)
        {
            LogRefusal(refusal);
            job.Completion.SetException(refusal);
        }

        return job.Completion.Task;
    }

    /// <summary>What flow entries refer to, or null if there is no such filter.</summary>
    public FilterSlot? Find(uint filterId) => _filters.GetValueOrDefault(filterId)?.Slot;

    /// <summary>All filters, by id.</summary>
    public IReadOnlyList<FilterInfo> List()
    {
        return [.. _filters.Values.OrderBy(filter => filter.Slot.FilterId)
            .Select(filter => filter.Describe(_rules.CountFilterReferences(filter.Slot.FilterId)))];
    }

    /// <summary>One filter.</summary>
    /// <exception cref="OkoErrorException">FILTER_UNKNOWN.</exception>
    public FilterInfo Describe(uint filterId) => Get(filterId).Describe(_rules.CountFilterReferences(filterId));

    /// <summary>Removes a filter; with <paramref name="force"/> the flow entries that name it first.</summary>
    /// <exception cref="OkoErrorException">FILTER_UNKNOWN; FILTER_IN_USE without force.</exception>
    public void Unload(uint filterId, bool force)
    {
        var filter = Get(filterId);
        var entries = _rules.CountFilterReferences(filterId);
        if (entries > 0 && !force)
        {
            throw new OkoErrorException(OkoErrorType.FilterInUse, filterId,
                $"filter {filterId} ({filter.Name}) is named by {entries} flow {(entries == 1 ? "entry" : "entries")}; delete them first, or force the unload, which deletes them.");
        }

        var removed = entries > 0 ? _rules.RemoveFilterEntries(filterId) : 0;
        _filters.Remove(filterId);
        _rules.Synchronize();
        filter.Program.Dispose();
        LogMessages.FilterUnloaded(_log, filterId, filter.Name, removed);
    }

    /// <summary>A map of a filter.</summary>
    /// <exception cref="OkoErrorException">FILTER_UNKNOWN, MAP_UNKNOWN.</exception>
    public BpfMap GetMap(uint filterId, int index)
    {
        var maps = Get(filterId).Program.Maps;
        return index >= 0 && index < maps.Length
            ? maps[index]
            : throw new OkoErrorException(OkoErrorType.MapUnknown, filterId, $"filter {filterId} has no map {index}; {ListMaps(filterId, maps)}.");
    }

    /// <summary>Index of a map that is given by name or by index.</summary>
    /// <exception cref="OkoErrorException">FILTER_UNKNOWN, MAP_UNKNOWN.</exception>
    public int FindMap(uint filterId, string nameOrIndex)
    {
        var maps = Get(filterId).Program.Maps;
        for (var index = 0; index < maps.Length; index++)
        {
            if (maps[index].Name == nameOrIndex)
            {
                return index;
            }
        }

        return int.TryParse(nameOrIndex, out var number) && number >= 0 && number < maps.Length
            ? number
            : throw new OkoErrorException(OkoErrorType.MapUnknown, filterId, $"filter {filterId} has no map '{nameOrIndex}'; {ListMaps(filterId, maps)}.");
    }

    /// <summary>Whether a map stands for constants of the program.</summary>
    /// <exception cref="OkoErrorException">FILTER_UNKNOWN.</exception>
    public bool IsConstant(uint filterId, int index) => InstalledFilter.IsConstant(Get(filterId).Program.Program, index);

    /// <summary>Ends the verifier thread, then releases all filters. Called when neither workers nor the control thread run any more.</summary>
    /// <remarks>An object that keeps the verifier busy for longer than a second does not keep the switch from ending: what it
    /// holds goes with the process.</remarks>
    public void Dispose()
    {
        _waiting.CompleteAdding();
        if (!_verifier.Join(TimeSpan.FromSeconds(1)))
        {
            return;
        }

        foreach (var filter in _filters.Values)
        {
            filter.Program.Dispose();
        }

        _filters.Clear();
        _waiting.Dispose();
    }

    private static string ListMaps(uint filterId, ImmutableArray<BpfMap> maps) => maps.IsEmpty
        ? $"filter {filterId} has no maps"
        : "its maps are " + string.Join(", ", maps.Select((map, index) => $"{index}: {map.Name}"));

    private InstalledFilter Get(uint filterId) => _filters.TryGetValue(filterId, out var filter)
        ? filter
        : throw new OkoErrorException(OkoErrorType.FilterUnknown, filterId, _filters.Count == 0
            ? $"filter {filterId} is not loaded; no filter is. Load it first."
            : $"filter {filterId} is not loaded; loaded are {string.Join(", ", _filters.Keys.Order().Take(16))}.");

    private void CheckAtOnce(FilterInstallJob job)
    {
        if (job.FilterId is 0 or uint.MaxValue)
        {
            throw new OkoErrorException(OkoErrorType.FilterUnknown, job.FilterId,
                $"{job.FilterId} is not a filter id; allowed are 1 to {uint.MaxValue - 1}.");
        }

        if (job.Elf.Length > _quotas.MaxObjectBytes)
        {
            throw new OkoErrorException(OkoErrorType.Quota, job.FilterId,
                $"the object has {job.Elf.Length} bytes; the limit is {_quotas.MaxObjectBytes}.");
        }

        CheckIdAndCount(job);
        if (_waiting.Count >= _quotas.MaxWaiting)
        {
            throw new OkoErrorException(OkoErrorType.Quota, job.FilterId,
                $"{_waiting.Count} objects wait for the verifier, which is the limit; try again when their answers have come.");
        }
    }

    private void CheckIdAndCount(FilterInstallJob job)
    {
        if (job.IsDryRun)
        {
            return;
        }

        if (_filters.TryGetValue(job.FilterId, out var present))
        {
            if (!job.IsReplace)
            {
                throw new OkoErrorException(OkoErrorType.FilterExists, job.FilterId,
                    $"filter {job.FilterId} is loaded already ({present.Name}); replace it, unload it, or choose another id.");
            }
        }
        else if (_filters.Count >= _quotas.MaxFilters)
        {
            throw new OkoErrorException(OkoErrorType.Quota, job.FilterId,
                $"{_filters.Count} filters are loaded, which is the limit; unload one first.");
        }
    }

    private void VerifyWaiting()
    {
        foreach (var job in _waiting.GetConsumingEnumerable())
        {
            try
            {
                job.Completion.SetResult(Process(job));
            }
            catch (OkoErrorException refusal)
            {
                LogRefusal(refusal);
                job.Completion.SetException(refusal);
            }
            catch (OperationCanceledException)
            {
                // The control thread has stopped: the switch is ending.
                job.Completion.TrySetCanceled();
            }
            catch (Exception exception)
            {
                LogMessages.FilterWorkFailed(_log, exception, job.FilterId);
                job.Completion.TrySetException(exception);
            }
        }
    }

    private FilterInstallResult Process(FilterInstallJob job)
    {
        var program = _verify(job.FilterId, job.Elf, job.Entry);
        var reused = OnControlThread(() => Reserve(job, program));
        LoadedFilter loaded;
        try
        {
            loaded = Create(job.FilterId, program, reused);
        }
        finally
        {
            // Create took references of its own.
            foreach (var map in reused)
            {
                map.Dispose();
            }
        }

        if (job.IsDryRun)
        {
            using (loaded)
            {
                return job.Describe(loaded, generation: 0, isReplacement: job.IsReplace);
            }
        }

        try
        {
            return OnControlThread(() => Install(job, loaded));
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    private T OnControlThread<T>(Func<T> step) => _rules.RunAsync(step).GetAwaiter().GetResult();

    private static LoadedFilter Create(uint filterId, VerifiedProgram program, IReadOnlyList<BpfMap> reused)
    {
        try
        {
            return LoadedFilter.Create(program, reused);
        }
        catch (OutOfMemoryException)
        {
            throw new OkoErrorException(OkoErrorType.Quota, filterId, "the system has no memory for the maps; lower their max_entries.");
        }
    }

    /// <summary>Control thread: checks the id and the limits, and takes references to the maps that may be kept.</summary>
    private IReadOnlyList<BpfMap> Reserve(FilterInstallJob job, VerifiedProgram program)
    {
        CheckIdAndCount(job);
        var present = job.IsReplace ? _filters.GetValueOrDefault(job.FilterId) : null;
        var needed = 0L;
        foreach (var spec in program.Maps)
        {
            if (BpfMap.FindFault(spec) is { } fault)
            {
                throw new OkoErrorException(OkoErrorType.ObjectInvalid, job.FilterId, fault);
            }

            needed += BpfMap.MapMemoryBytes(spec);
        }

        // Counted as it will be afterwards: the maps of a replaced filter make room for the new ones.
        var others = MapBytes - (present?.MapBytes ?? 0);
        if (others + needed > _quotas.MaxMapBytes)
        {
            throw new OkoErrorException(OkoErrorType.Quota, job.FilterId,
                $"the maps of the object need {needed} bytes, those of other filters take {others}, and the limit is {_quotas.MaxMapBytes}; lower max_entries or unload a filter.");
        }

        if (present is null || (job.Flags & FilterInstallFlags.KeepMaps) == 0)
        {
            return [];
        }

        foreach (var map in present.Program.Maps)
        {
            map.AddReference();
        }

        return present.Program.Maps;
    }

    /// <summary>Control thread: puts a program in force.</summary>
    private FilterInstallResult Install(FilterInstallJob job, LoadedFilter loaded)
    {
        CheckIdAndCount(job);
        var name = job.DisplayName(loaded.Program);
        if (!_filters.TryGetValue(job.FilterId, out var filter))
        {
            _filters.Add(job.FilterId, new InstalledFilter(new FilterSlot(job.FilterId, loaded), name));
            LogMessages.FilterInstalled(_log, job.FilterId, name, loaded.Instructions, loaded.WorstCaseInstructions, loaded.Maps.Length);
            return job.Describe(loaded, generation: 1, isReplacement: false);
        }

        var old = filter.Slot.Replace(loaded);
        filter.Name = name;
        filter.Generation++;
        _rules.Synchronize();
        old.Dispose();
        var result = job.Describe(loaded, filter.Generation, isReplacement: true);
        LogMessages.FilterReplaced(_log, job.FilterId, name, filter.Generation, result.MapsKept, result.MapCount);
        return result;
    }

    private void LogRefusal(OkoErrorException refusal) =>
        LogMessages.FilterRefused(_log, refusal.Error.FilterId, refusal.Error.Type.ToString(), refusal.Message.Split('\n')[0]);
}
