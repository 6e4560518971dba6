using System.Collections.Concurrent;
using Oko.Agent.Controllers.Bundles;
using Oko.Agent.Filters;
using Oko.Agent.Rules;
using Oko.OpenFlow.Channel;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Controllers;

// Order. A peer relies on three things: its requests are carried out in the order it sent them, replies and errors to them
// leave in that order, and a barrier reply leaves last. So every connection has one queue of requests, worked off on the control
// thread in turns of a bounded number, so that a barrier of one connection never waits for the thousands of flow-mods that
// another has sent; and what they send goes into the connection's one queue. Some requests take longer than a turn may (a
// filter is verified, a reply has megabytes): those return a task, and the queue of the *same* connection rests until it has
// ended; other connections do not notice.
//
// Bound. What a peer sends faster than it is worked off is counted from its arrival on the channel's thread until its turn on
// the control thread. Above MaxWaitingBytes the socket is not read until half of it is gone. Nothing else stops reading, since
// a peer whose sending blocks for 5 s may close (os-ken).

/// <summary>
/// One connection of a controller or tool: its requests in order, and what it has begun and not ended. Belongs to the control thread, except where a member says otherwise.
/// </summary>
internal sealed class ControllerSession : IFilterEventListener
{
    private const int RequestsPerTurn = 64;
    private const int RequestsRunAtOnce = 8;

    private readonly RuleManager _rules;
    private readonly RequestHandler _handler;
    private readonly long _maxWaitingBytes;
    private readonly ConcurrentQueue<SessionRequest> _requests = new();
    private readonly Action _runTurn;
    private volatile ControllerSession[] _auxiliaries = [];
    private int _receivedCount;
    private bool _hasReceivedLong;
    private int _isScheduled;
    private bool _isWaiting;
    private bool _isClosed;
    private long _waitingBytes;
    private int _isReadingStopped;
    private long _droppedPacketIns;

    /// <summary>Makes the session of a connection that has just agreed on a version. Channel thread.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="main">Session of the controller's main connection, for an auxiliary one.</param>
    /// <param name="rules">Gives the turns.</param>
    /// <param name="handler">Carries the requests out.</param>
    /// <param name="maxWaitingBytes">Bound of what waits.</param>
    public ControllerSession(OpenFlowConnection connection, ControllerSession? main, RuleManager rules, RequestHandler handler, long maxWaitingBytes)
    {
        Connection = connection;
        _rules = rules;
        _handler = handler;
        _maxWaitingBytes = maxWaitingBytes;
        _runTurn = RunTurn;
        State = main?.State ?? new ControllerState(SessionAwareness.Initial(connection.Endpoint));
    }

    /// <summary>The connection; any thread.</summary>
    public OpenFlowConnection Connection { get; }

    /// <summary>Unfinished uploads of filters.</summary>
    public FilterUploadAssembler Uploads { get; } = new();

    /// <summary>Bundles that are not committed yet.</summary>
    public SessionBundles Bundles { get; } = new();

    /// <summary>What is known of the controller; its auxiliary connections share it with the main one.</summary>
    public ControllerState State { get; }

    /// <summary>Packet-ins that were lost since the peer did not take them. Any thread.</summary>
    public long DroppedPacketIns => Volatile.Read(ref _droppedPacketIns);

    /// <summary>Takes a request over from the connection. Channel thread.</summary>
    public void Receive(SessionRequest request)
    {
        if (Interlocked.Add(ref _waitingBytes, request.Cost) > _maxWaitingBytes && Interlocked.Exchange(ref _isReadingStopped, 1) == 0)
        {
            Connection.SetReading(false);
        }

        _requests.Enqueue(request);
        _receivedCount++;
        _hasReceivedLong |= !request.IsShort;
    }

    /// <summary>Begins with what has been taken over. Channel thread.</summary>
    public void BeginReceived()
    {
        var isShort = _receivedCount <= RequestsRunAtOnce && !_hasReceivedLong;
        _receivedCount = 0;
        _hasReceivedLong = false;
        if (_requests.IsEmpty || Interlocked.Exchange(ref _isScheduled, 1) == 1)
        {
            return;
        }

        if (isShort)
        {
            _rules.RunOrPost(_runTurn);
        }
        else
        {
            _rules.Post(_runTurn);
        }
    }

    /// <summary>The connection is gone. What it has sent is carried out still, but what waits for something else is dropped.</summary>
    public void Close()
    {
        while (!_isWaiting && _requests.TryDequeue(out var request))
        {
            Run(request);
        }

        _isClosed = true;
        _requests.Clear();
        Uploads.Clear();
        Bundles.Clear();
    }

    /// <summary>Sends a reply or an asynchronous message. Any thread.</summary>
    public void Send(OpenFlowMessage message) => Connection.Send(message);

    /// <summary>Gives the main connection an auxiliary one. Control thread.</summary>
    public void AddAuxiliary(ControllerSession auxiliary) => _auxiliaries = [.. _auxiliaries, auxiliary];

    /// <summary>Takes an auxiliary connection away. Control thread.</summary>
    public void RemoveAuxiliary(ControllerSession auxiliary) => _auxiliaries = [.. _auxiliaries.Where(other => other != auxiliary)];

    /// <summary>Hands a packet-in, encoded, to the controller or counts it as lost. The delivering thread only.</summary>
    /// <param name="encoded">The message.</param>
    /// <param name="inPort">The port it came from: with auxiliary connections the packets of a port, and so those of a flow, keep to one
    /// of them (6.3.7).</param>
    public void DeliverPacketIn(byte[] encoded, uint inPort)
    {
        var auxiliaries = _auxiliaries;
        var connection = auxiliaries.Length == 0 ? Connection : auxiliaries[inPort % (uint)auxiliaries.Length].Connection;
        if (!connection.TrySendDroppable(encoded))
        {
            _droppedPacketIns++;
        }
    }

    /// <inheritdoc/>
    bool IFilterEventListener.TryDeliver(FilterEventRecord record) => record.Data.Length <= FilterEvent.MaxRecordBytes && Connection.TrySendDroppable(MessageCodec.Encode(
        new FilterEvent(record.FilterId, (ushort)record.MapIndex, record.TimeNanoseconds, record.Lost, record.Data)));

    /// <inheritdoc/>
    void IFilterEventListener.End(uint filterId, string map)
    {
        // There is no message for it: a controller that unloads a filter knows, others find out by FILTER_DESC.
    }

    /// <summary>Carries out some requests and lines up again behind the other connections when there are more.</summary>
    private void RunTurn()
    {
        for (var count = 0; count < RequestsPerTurn && !_isWaiting && _requests.TryDequeue(out var request); count++)
        {
            Run(request);
        }

        if (_isWaiting)
        {
            // The turn goes on when what it waits for has ended.
            return;
        }

        Volatile.Write(ref _isScheduled, 0);

        // Looked at after the flag is down, so that what arrives in between is not missed.
        Interlocked.MemoryBarrier();
        if (!_requests.IsEmpty && Interlocked.Exchange(ref _isScheduled, 1) == 0)
        {
            _rules.Post(_runTurn);
        }
    }

    private void Run(in SessionRequest request)
    {
        Release(request);
        if (_isClosed)
        {
            return;
        }

        State.View = SessionAwareness.After(State.View, Connection.Endpoint, request);
        var work = _handler.Handle(this, request);
        if (!work.IsCompleted)
        {
            _isWaiting = true;
            work.ContinueWith(_ => _rules.Post(Resume), TaskScheduler.Default);
        }
    }

    private void Resume()
    {
        _isWaiting = false;
        RunTurn();
    }

    private void Release(in SessionRequest request)
    {
        if (Interlocked.Add(ref _waitingBytes, -request.Cost) < _maxWaitingBytes / 2 && Interlocked.Exchange(ref _isReadingStopped, 0) == 1)
        {
            Connection.SetReading(true);
        }
    }
}
