using System.Collections.Immutable;
using Oko.Datapath.Pipeline;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Controllers;

/// <summary>
/// Brings packets from the worker's queue to the sessions that want them, on a thread of its own. Neither the worker nor the
/// control thread waits for a controller: what a connection does not take is lost and counted.
/// </summary>
/// <remarks>Source: OpenFlow 1.3.5, 7.4.1 "Packet-In Message". Packets are cut by the worker, to the length in the output
/// action; nothing is buffered.</remarks>
internal sealed class PacketInDelivery : IDisposable
{
    private readonly Oko.Datapath.Workers.Datapath _datapath;
    private readonly SessionSet _sessions;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Thread _thread;

    /// <summary>Prepares the thread.</summary>
    public PacketInDelivery(Oko.Datapath.Workers.Datapath datapath, SessionSet sessions, ILogger log)
    {
        _datapath = datapath;
        _sessions = sessions;
        _log = log;
        _thread = new Thread(Run) { Name = "oko-packet-in", IsBackground = true };
    }

    /// <summary>Starts the thread.</summary>
    public void Start() => _thread.Start();

    /// <summary>Ends the thread; before the datapath is disposed of.</summary>
    public void Dispose()
    {
        _stopping.Cancel();
        if (_thread.IsAlive)
        {
            _thread.Join();
        }

        _stopping.Dispose();
    }

    private void Run()
    {
        try
        {
            while (!_stopping.IsCancellationRequested)
            {
                _datapath.WaitForPacketIn(Timeout.InfiniteTimeSpan, _stopping.Token);
                while (_datapath.TryReadPacketIn(out var record))
                {
                    Deliver(record);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The switch is stopping.
        }
    }

    private void Deliver(PacketInRecord record)
    {
        try
        {
            byte[]? encoded = null;
            foreach (var session in _sessions.Current)
            {
                if (session.State.WantsPacketIn((PacketInReason)record.Kind))
                {
                    session.DeliverPacketIn(encoded ??= MessageCodec.Encode(Translate(record)), record.InPort);
                }
            }
        }
        catch (Exception exception)
        {
            // One packet that cannot be told of must not end the delivery of all others.
            ControllerLog.PacketInFailed(_log, exception);
        }
    }

    private static PacketIn Translate(PacketInRecord record)
    {
        var match = ImmutableArray.Create(new OxmEntry(OxmCatalogue.InPort, record.InPort));
        if (record.Metadata != 0)
        {
            match = match.Add(new OxmEntry(OxmCatalogue.Metadata, record.Metadata));
        }

        if (record.TunnelId != 0)
        {
            match = match.Add(new OxmEntry(OxmCatalogue.TunnelId, record.TunnelId));
        }

        return new PacketIn(
            BufferId.NoBuffer,
            (ushort)Math.Min(record.TotalLength, ushort.MaxValue),
            (PacketInReason)record.Kind,
            new TableId(record.TableId),
            new Cookie(record.Cookie),
            new FlowMatch(match),
            record.Data);
    }
}
