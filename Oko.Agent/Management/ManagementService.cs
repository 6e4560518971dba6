using Grpc.Core;
using Oko.Agent.Controllers;
using Oko.Agent.Filters;
using Oko.Agent.Management.V1;
using Oko.Bpf.Maps;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Text;

namespace Oko.Agent.Management;

/// <summary>Answers the management API. Requests come on pool threads; whatever touches rules, filters or ports runs on the control
/// thread, formatting does not.</summary>
internal sealed class ManagementService(SwitchParts parts, IHostApplicationLifetime lifetime) : V1.Management.ManagementBase
{
    private const int FlowsPerPart = 1000, EntriesPerPart = 1000;

    // Each holds a copy of a map.
    private const int MaxWatches = 8;

    private const uint StandardInterval = 1000, LeastInterval = 100, MostInterval = 3_600_000;

    // Values can have a mebibyte; a part stays well below the 4 MiB that clients take.
    private const int BytesPerPart = 1 << 20;

    private readonly MapService _maps = new(parts.Filters);
    private int _watches;

    /// <inheritdoc/>
    public override async Task<LoadFilterReply> LoadFilter(LoadFilterRequest request, ServerCallContext context)
    {
        var flags = (request.Replace ? FilterInstallFlags.Replace : 0) | (request.KeepMaps ? FilterInstallFlags.KeepMaps : 0) |
            (request.DryRun ? FilterInstallFlags.DryRun : 0);
        var elf = request.Object.ToByteArray();
        var installing = await parts.Rules.RunAsync(() =>
            parts.Filters.InstallAsync(request.FilterId, elf, request.Name, request.Entry, flags));
        var result = await installing;
        return new LoadFilterReply
        {
            FilterId = result.FilterId,
            Generation = result.Generation,
            Instructions = (uint)result.Instructions,
            WorstCaseInstructions = (uint)result.WorstCaseInstructions,
            CodeBytes = (uint)result.CodeBytes,
            Maps = (uint)result.MapCount,
            MapsKept = (uint)result.MapsKept,
            Text = result.Text,
        };
    }

    /// <inheritdoc/>
    public override async Task<ListFiltersReply> ListFilters(ListFiltersRequest request, ServerCallContext context)
    {
        var filters = await parts.Rules.RunAsync(parts.Filters.List);
        return new ListFiltersReply { Filters = { filters.Select(ManagementMessages.ToMessage) } };
    }

    /// <inheritdoc/>
    public override async Task<UnloadFilterReply> UnloadFilter(UnloadFilterRequest request, ServerCallContext context)
    {
        await parts.Rules.RunAsync(() => parts.Filters.Unload(request.FilterId, request.Force));
        return new UnloadFilterReply();
    }

    /// <inheritdoc/>
    public override async Task DumpMap(DumpMapRequest request, IServerStreamWriter<MapEntries> responseStream, ServerCallContext context)
    {
        // A large map takes a while to copy; the control thread has other things to do.
        using var map = await parts.Rules.RunAsync(() =>
            _maps.Borrow(request.FilterId, parts.Filters.FindMap(request.FilterId, request.Map), MapAccess.Dump));
        var entries = map.Snapshot();
        foreach (var part in entries.Chunk(PerPart(map.KeySize + map.DumpValueSize)))
        {
            var message = new MapEntries();
            message.Entries.AddRange(part.Select(entry => ManagementMessages.ToMessage(map.Spec, entry.Key, entry.Value, request.Json)));
            await responseStream.WriteAsync(message, context.CancellationToken);
        }
    }

    /// <inheritdoc/>
    public override async Task<UpdateMapReply> UpdateMap(UpdateMapRequest request, ServerCallContext context)
    {
        if (request.HasJson)
        {
            await UpdateFromJson(request);
            return new UpdateMapReply();
        }

        await parts.Rules.RunAsync(() =>
        {
            var index = parts.Filters.FindMap(request.FilterId, request.Map);
            var map = parts.Filters.GetMap(request.FilterId, index);
            var entries = request.Entries.Select(entry =>
                (MapText.ParseKey(request.FilterId, map.Spec, entry.Key), MapText.ParseValue(request.FilterId, map, entry.Value))).ToList();
            _maps.Update(request.FilterId, index, entries, (ulong)request.Condition);
        });
        return new UpdateMapReply();
    }

    private async Task UpdateFromJson(UpdateMapRequest request)
    {
        if (request.Entries.Count != 0)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "give entries as texts or as JSON, not both."));
        }

        // A large document takes a while to read; the control thread has other things to do.
        var (index, map) = await parts.Rules.RunAsync(() =>
        {
            var found = parts.Filters.FindMap(request.FilterId, request.Map);
            return (found, _maps.Borrow(request.FilterId, found, MapAccess.Update));
        });
        using (map)
        {
            var entries = MapJson.ParseEntries(request.FilterId, map, request.Json.Memory);
            await parts.Rules.RunAsync(() =>
            {
                if (parts.Filters.GetMap(request.FilterId, index) != map)
                {
                    throw new OkoErrorException(OkoErrorType.MapUnknown, request.FilterId,
                        $"filter {request.FilterId}, map {map.Name}: the filter was replaced while the entries were read; nothing was changed, try again.");
                }

                _maps.Update(request.FilterId, index, entries, (ulong)request.Condition);
            });
        }
    }

    /// <inheritdoc/>
    public override async Task<DeleteFromMapReply> DeleteFromMap(DeleteFromMapRequest request, ServerCallContext context)
    {
        if (request.All != (request.Keys.Count == 0))
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "name the keys to delete, or ask for all of them, not both."));
        }

        await parts.Rules.RunAsync(() =>
        {
            var index = parts.Filters.FindMap(request.FilterId, request.Map);
            var spec = parts.Filters.GetMap(request.FilterId, index).Spec;
            _maps.Delete(request.FilterId, index, [.. request.Keys.Select(key => MapText.ParseKey(request.FilterId, spec, key))]);
        });
        return new DeleteFromMapReply();
    }

    /// <inheritdoc/>
    public override async Task WatchMap(WatchMapRequest request, IServerStreamWriter<MapChanges> responseStream, ServerCallContext context)
    {
        var interval = request.IntervalMilliseconds == 0 ? StandardInterval : request.IntervalMilliseconds;
        if (interval is < LeastInterval or > MostInterval)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"an interval of {interval} ms; allowed are {LeastInterval} to {MostInterval}."));
        }

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        try
        {
            if (Interlocked.Increment(ref _watches) > MaxWatches)
            {
                throw new RpcException(new Status(StatusCode.ResourceExhausted, $"{MaxWatches} maps are watched already, which is the limit; end one of the commands."));
            }

            await SendChanges(request, TimeSpan.FromMilliseconds(interval), responseStream, context, ending.Token);
        }
        catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested)
        {
            // The client has seen enough.
        }
        finally
        {
            Interlocked.Decrement(ref _watches);
        }
    }

    private async Task SendChanges(
        WatchMapRequest request, TimeSpan interval, IServerStreamWriter<MapChanges> responseStream, ServerCallContext context, CancellationToken ending)
    {
        var comparison = new MapComparison();
        var name = request.Map;
        using var timer = new PeriodicTimer(interval);
        for (var isFirst = true; isFirst || await timer.WaitForNextTickAsync(ending); isFirst = false)
        {
            IReadOnlyList<Filters.MapChange> changes;
            try
            {
                // Found anew each time: the filter may have been replaced.
                using var map = await parts.Rules.RunAsync(() => _maps.Borrow(request.FilterId, parts.Filters.FindMap(request.FilterId, name), MapAccess.Dump));
                changes = comparison.Next(request.FilterId, map);
                name = map.Name;
            }
            catch (OkoErrorException gone) when (!isFirst && gone.Error.Type is OkoErrorType.FilterUnknown or OkoErrorType.MapUnknown)
            {
                return;
            }

            if (isFirst)
            {
                // The client is told that changes are seen from now on, before there is one.
                await context.WriteResponseHeadersAsync([]);
            }

            var now = (ulong)Oko.Datapath.Workers.Datapath.NowNanoseconds;
            foreach (var part in changes.Chunk(changes.Count == 0 ? 1 : PerPart(changes[0].Key.Length + (2 * (int)changes[0].Map.ValueSize * BpfMap.Workers))))
            {
                var message = new MapChanges();
                message.Changes.AddRange(part.Select(change => ManagementMessages.ToMessage(change, now, request.Json)));
                await responseStream.WriteAsync(message, ending);
            }
        }
    }

    /// <summary>How many entries of so many bytes go into one message.</summary>
    private static int PerPart(int entryBytes) => Math.Clamp(BytesPerPart / entryBytes, 1, EntriesPerPart);

    /// <inheritdoc/>
    public override async Task WatchEvents(WatchEventsRequest request, IServerStreamWriter<V1.FilterEventRecord> responseStream, ServerCallContext context)
    {
        var stream = new EventStream();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        await parts.Rules.RunAsync(() =>
        {
            var index = request.Map.Length == 0 ? parts.Filters.FindRingBuffer(request.FilterId) : parts.Filters.FindMap(request.FilterId, request.Map);
            parts.Filters.Events.Subscribe(request.FilterId, index, parts.Filters.GetRingBuffer(request.FilterId, index), stream);
        });
        try
        {
            // The client is told that it is heard, before there is a record.
            await context.WriteResponseHeadersAsync([]);
            await foreach (var record in stream.ReadAll(ending.Token))
            {
                await responseStream.WriteAsync(ManagementMessages.ToMessage(record, request.Json), ending.Token);
            }
        }
        catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested)
        {
            // The client has seen enough.
        }
        finally
        {
            parts.Filters.Events.Remove(stream);
        }
    }

    /// <inheritdoc/>
    public override async Task ListFlows(ListFlowsRequest request, IServerStreamWriter<Flows> responseStream, ServerCallContext context)
    {
        var query = FlowTextParser.ParseStatsRequest(request.Match);
        var entries = await parts.Rules.RunAsync(() => parts.Rules.GetFlowStats(query, ConnectionView.Everything));
        foreach (var part in entries.Chunk(FlowsPerPart))
        {
            var message = new Flows();
            message.Flows_.AddRange(part.Select(ManagementMessages.ToMessage));
            await responseStream.WriteAsync(message, context.CancellationToken);
        }
    }

    /// <inheritdoc/>
    public override async Task<ModifyFlowsReply> ModifyFlows(ModifyFlowsRequest request, ServerCallContext context)
    {
        var command = request.Command switch
        {
            FlowCommand.Add => FlowModCommand.Add,
            FlowCommand.Delete => FlowModCommand.Delete,
            FlowCommand.DeleteStrict => FlowModCommand.DeleteStrict,
            FlowCommand.Modify => FlowModCommand.Modify,
            FlowCommand.ModifyStrict => FlowModCommand.ModifyStrict,
            _ => throw new RpcException(new Status(StatusCode.InvalidArgument, "the request names no command; name add, delete or modify.")),
        };

        // All of them are read before the first is carried out, so that a typing error changes nothing.
        var mods = request.Flows.Select(flow => FlowTextParser.ParseFlow(flow, command)).ToList();
        await parts.Rules.RunAsync(() =>
        {
            mods.ForEach(mod => parts.Rules.ApplyFlowMod(mod, ConnectionView.Everything));
            parts.Rules.Synchronize();
        });
        return new ModifyFlowsReply();
    }

    /// <inheritdoc/>
    public override async Task<ListPortsReply> ListPorts(ListPortsRequest request, ServerCallContext context)
    {
        var ports = await parts.Rules.RunAsync(() =>
            parts.Ports.All.OrderBy(port => port.Options.Number).Select(port => ManagementMessages.ToMessage(port.Options, port.Port)).ToList());
        return new ListPortsReply { Ports = { ports } };
    }

    /// <inheritdoc/>
    public override Task<GetStatisticsReply> GetStatistics(GetStatisticsRequest request, ServerCallContext context) =>
        parts.Rules.RunAsync(() => ManagementMessages.DescribeStatistics(parts));
}
