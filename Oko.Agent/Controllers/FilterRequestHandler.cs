using System.Collections.Immutable;
using Oko.Agent.Configuration;
using Oko.Agent.Filters;
using Oko.Agent.Rules;
using Oko.Bpf.Maps;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Controllers;

/// <summary>Carries out the requests of the Oko extension. Control thread only.</summary>
/// <remarks>Who may not administer filters may read all there is to read, ring buffers too. Source: Oko.OpenFlow/OkoExtension/README.md, 2 "Messages" and 3 "Multipart".</remarks>
internal sealed class FilterRequestHandler(FilterAdmins admins, RuleManager rules, FilterStore filters)
{
    private const uint WritableMap = 1, DumpableMap = 2;
    private const ushort SubscribeFlag = 1, UnsubscribeFlag = 2;
    private const uint UnknownEntries = uint.MaxValue;

    private readonly MapService _maps = new(filters);

    /// <summary>Carries out a message.</summary>
    /// <returns>A task that ends when the answer has been sent.</returns>
    /// <exception cref="OkoErrorException">It is refused.</exception>
    /// <exception cref="OpenFlowErrorException">BadRequest/BadExpType for messages that only the switch sends.</exception>
    public Task Handle(ControllerSession session, SessionRequest request, OkoMessage message)
    {
        CheckPermission(session, message);
        switch (message)
        {
            case FilterUpload upload:
                return Upload(session, request, upload);
            case FilterUnload unload:
                filters.Unload(unload.FilterId, unload.Force);
                return Task.CompletedTask;
            case MapUpdate update:
                CheckSizes(update.FilterId, update.MapIndex, update.KeySize, update.ValueSize);
                _maps.Update(update.FilterId, update.MapIndex, [.. update.Entries.Select(entry => (entry.Key, entry.Value))], update.Flags);
                return Task.CompletedTask;
            case MapDelete delete:
                // Who empties a map has no key to take the size from.
                CheckSizes(delete.FilterId, delete.MapIndex, delete.Keys.IsEmpty ? null : delete.KeySize, valueSize: null);
                _maps.Delete(delete.FilterId, delete.MapIndex, delete.Keys);
                return Task.CompletedTask;
            default:
                throw OpenFlowErrorException.BadRequest(BadRequestCode.BadExpType, $"{message.GetType().Name} goes from the switch to controllers only");
        }
    }

    /// <summary>The reply to a multipart request.</summary>
    /// <exception cref="OkoErrorException">FILTER_UNKNOWN, MAP_UNKNOWN, MAP_OPERATION.</exception>
    public OkoMultipart Answer(ControllerSession session, OkoMultipart request) => request switch
    {
        FilterDescriptionRequest description => new FilterDescriptionReply([.. Select(description.FilterId).Select(Describe)]),
        FilterStatsRequest statistics => new FilterStatsReply([.. Select(statistics.FilterId).Select(Measure)]),
        MapDumpRequest { Flags: not 0 } subscription => Subscribe(session, subscription),
        MapDumpRequest dump => Dump(dump),
        _ => throw OpenFlowErrorException.BadRequest(BadRequestCode.BadExpType, $"{request.GetType().Name} is no request"),
    };

    private void CheckPermission(ControllerSession session, OkoMessage message)
    {
        uint? filterId = message switch
        {
            FilterUpload upload => upload.FilterId,
            FilterUnload unload => unload.FilterId,
            MapUpdate update => update.FilterId,
            MapDelete delete => delete.FilterId,
            _ => null,
        };
        if (filterId is { } id && !admins.Include(session.Connection.Endpoint))
        {
            throw new OkoErrorException(OkoErrorType.NotPermitted, id,
                $"filter {id}: connections of {session.Connection.Endpoint} may read filters and maps, not change them; use a connection that may, or let the operator allow it (oko run --filter-admins).");
        }
    }

    private Task Upload(ControllerSession session, SessionRequest request, FilterUpload part)
    {
        if (session.Uploads.Add(part, filters.Quotas.MaxObjectBytes) is not { } whole)
        {
            return Task.CompletedTask;
        }

        var installing = filters.InstallAsync(part.FilterId, whole, NullIfEmpty(part.Name), NullIfEmpty(part.Entry), (FilterInstallFlags)part.Flags);
        return installing.ContinueWith(
            done => rules.RunAsync(() => session.Send(AnswerUpload(request, done))), TaskScheduler.Default).Unwrap();
    }

    private static OpenFlowMessage AnswerUpload(SessionRequest request, Task<FilterInstallResult> done)
    {
        if (done.Exception?.InnerException is OkoErrorException refusal)
        {
            return request.ReplyWith(refusal.Error.ToException());
        }

        if (!done.IsCompletedSuccessfully)
        {
            // The store has logged what went wrong; the peer learns that nothing was installed.
            return request.ReplyWith(new OkoError(OkoErrorType.ProgramRefused, 0, "internal error, see the log of the switch; nothing was installed").ToException());
        }

        var result = done.Result;
        return new FilterStatus
        {
            Xid = request.Xid,
            FilterId = result.FilterId,
            Generation = result.Generation,
            Instructions = (uint)result.Instructions,
            WorstCaseInstructions = (uint)result.WorstCaseInstructions,
            CodeBytes = (uint)result.CodeBytes,
            MapCount = (ushort)result.MapCount,
            MapsKept = (ushort)result.MapsKept,
            Text = result.Text,
        };
    }

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;

    private void CheckSizes(uint filterId, ushort index, uint? keySize, uint? valueSize)
    {
        var map = filters.GetMap(filterId, index);
        if ((keySize is { } key && key != (uint)map.KeySize) || (valueSize is { } value && value != (uint)map.DumpValueSize))
        {
            throw new OkoErrorException(OkoErrorType.MapSize, filterId,
                $"filter {filterId}, map {map.Name}: keys have {map.KeySize} bytes and values {map.DumpValueSize}, the request says {keySize} and {valueSize ?? 0}.");
        }
    }

    private IReadOnlyList<FilterInfo> Select(uint filterId) =>
        filterId == OkoExperimenter.AllFilters ? filters.List() : [filters.Describe(filterId)];

    private static FilterDescription Describe(FilterInfo filter) => new(
        filter.FilterId,
        filter.Generation,
        (uint)filter.Instructions,
        (uint)filter.WorstCaseInstructions,
        (uint)filter.References,
        [.. filter.Sha256],
        filter.Name,
        [.. filter.Maps.Select(Describe)]);

    private static MapDescription Describe(FilterMapInfo map) => new(
        (uint)map.Spec.Type,
        map.Spec.KeySize,
        map.Spec.ValueSize,
        map.Spec.MaxEntries,
        (uint?)map.Entries ?? UnknownEntries,
        (map.IsWritable ? WritableMap : 0) | (map.IsDumpable ? DumpableMap : 0),
        map.Spec.Name);

    private static FilterStatistics Measure(FilterInfo filter) => new(
        filter.FilterId,
        filter.Generation,
        (ulong)filter.Runs,
        (ulong)filter.Matches,
        (ulong)filter.SampledRuns,
        (ulong)filter.SampledNanoseconds,
        filter.UpdatesRefused);

    /// <summary>Records of a ring buffer go to this connection from now on, or no longer. The reply has no entries.</summary>
    private MapDumpReply Subscribe(ControllerSession session, MapDumpRequest request)
    {
        var ring = filters.GetRingBuffer(request.FilterId, request.MapIndex);
        switch (request.Flags)
        {
            case SubscribeFlag:
                filters.Events.Subscribe(request.FilterId, request.MapIndex, ring, session);
                break;
            case UnsubscribeFlag:
                filters.Events.Unsubscribe(request.FilterId, request.MapIndex, session);
                break;
            default:
                throw new OkoErrorException(OkoErrorType.MapOperation, request.FilterId,
                    $"filter {request.FilterId}, map {ring.Name}: flags {request.Flags} are not 1 (subscribe) or 2 (unsubscribe).");
        }

        return new MapDumpReply(request.FilterId, request.MapIndex, (uint)ring.KeySize, (uint)ring.ValueSize, []);
    }

    private MapDumpReply Dump(MapDumpRequest request)
    {
        var map = filters.GetMap(request.FilterId, request.MapIndex);
        return new MapDumpReply(
            request.FilterId,
            request.MapIndex,
            (uint)map.KeySize,
            (uint)map.DumpValueSize,
            [.. _maps.Dump(request.FilterId, request.MapIndex).Select(entry => new MapItem(entry.Key, entry.Value))]);
    }
}
