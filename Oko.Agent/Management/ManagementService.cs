using Grpc.Core;
using Oko.Agent.Controllers;
using Oko.Agent.Filters;
using Oko.Agent.Management.V1;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Text;

namespace Oko.Agent.Management;

/// <summary>Answers the management API. Requests come on pool threads; whatever touches rules, filters or ports runs on the control
/// thread, formatting does not.</summary>
internal sealed class ManagementService(SwitchParts parts) : V1.Management.ManagementBase
{
    private const int FlowsPerPart = 1000, EntriesPerPart = 1000;

    // Values can have a mebibyte; a part stays well below the 4 MiB that clients take.
    private const int BytesPerPart = 1 << 20;

    private readonly MapService _maps = new(parts.Filters);

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
            _maps.Borrow(request.FilterId, parts.Filters.FindMap(request.FilterId, request.Map)));
        var entries = map.Snapshot();
        var perPart = Math.Clamp(BytesPerPart / (map.KeySize + map.DumpValueSize), 1, EntriesPerPart);
        foreach (var part in entries.Chunk(perPart))
        {
            var message = new MapEntries();
            message.Entries.AddRange(part.Select(entry => ManagementMessages.ToMessage(map.Spec, entry.Key, entry.Value)));
            await responseStream.WriteAsync(message, context.CancellationToken);
        }
    }

    /// <inheritdoc/>
    public override async Task<UpdateMapReply> UpdateMap(UpdateMapRequest request, ServerCallContext context)
    {
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
    public override async Task WatchEvents(WatchEventsRequest request, IServerStreamWriter<V1.FilterEventRecord> responseStream, ServerCallContext context)
    {
        var stream = new EventStream();
        await parts.Rules.RunAsync(() =>
        {
            var index = request.Map.Length == 0 ? parts.Filters.FindRingBuffer(request.FilterId) : parts.Filters.FindMap(request.FilterId, request.Map);
            parts.Filters.Events.Subscribe(request.FilterId, index, parts.Filters.GetRingBuffer(request.FilterId, index), stream);
        });
        try
        {
            // The client is told that it is heard, before there is a record.
            await context.WriteResponseHeadersAsync([]);
            await foreach (var record in stream.ReadAll(context.CancellationToken))
            {
                await responseStream.WriteAsync(ManagementMessages.ToMessage(record), context.CancellationToken);
            }
        }
        catch (OperationCanceledException)
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
