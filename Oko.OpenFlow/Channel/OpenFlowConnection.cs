using System.Collections.Concurrent;
using System.Globalization;
using DotNetty.Buffers;
using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;
using Oko.OpenFlow.Messages;
using TaskCompletionSource = System.Threading.Tasks.TaskCompletionSource;

namespace Oko.OpenFlow.Channel;

/// <summary>
/// One agreed OpenFlow 1.3 connection. Owned by its <see cref="OpenFlowChannel"/>; all members may be used from any thread and
/// none of them blocks.
/// </summary>
/// <remarks>
/// <para>Sending encodes at once and puts the bytes in a queue; the channel's thread moves them to the socket as the socket takes them,
/// many small messages in one buffer. Only a little is handed to the socket's side ahead of time, so that an echo reply, which
/// does not pass this queue, is never more than that behind. Packet-ins have a queue of their own, bounded, that moves only while
/// the other is empty (<see cref="TrySendDroppable(byte[])"/>).</para>
/// <para>Memory is bounded by <see cref="ChannelSettings.MaxPendingBytes"/>: a peer that does not read is dropped there.</para>
/// </remarks>
public sealed class OpenFlowConnection
{
    private const int BatchBytes = 32 * 1024;
    private static readonly TimeSpan CloseGrace = TimeSpan.FromSeconds(1);

    private readonly IChannel _channel;
    private readonly ChannelSettings _settings;
    private readonly ConcurrentQueue<byte[]> _queue = new();
    private readonly ConcurrentQueue<byte[]> _droppable = new();
    private TaskCompletionSource? _writable;
    private long _pendingBytes;
    private long _droppableBytes;
    private int _isDrainScheduled;
    private int _nextXid;
    private string? _closeReason;

    internal OpenFlowConnection(IChannel channel, OpenFlowEndpoint endpoint, ulong id, ChannelSettings settings, AuxiliaryOf? auxiliary)
    {
        Main = auxiliary?.Main;
        AuxiliaryId = auxiliary?.Id ?? 0;
        _channel = channel;
        _settings = settings;
        Endpoint = endpoint;
        Id = id;
        Peer = AddressText.Of(channel.RemoteAddress);
    }

    /// <summary>Address and port of the peer.</summary>
    public string Peer { get; }

    /// <summary>The endpoint this connection belongs to.</summary>
    public OpenFlowEndpoint Endpoint { get; }

    /// <summary>The main connection that this auxiliary one belongs to, or null: it is a main connection itself.</summary>
    public OpenFlowConnection? Main { get; }

    /// <summary>0 for a main connection.</summary>
    public byte AuxiliaryId { get; }

    /// <summary>True when the switch connected to a controller, false when a tool or controller connected to a listener.</summary>
    public bool IsController => !Endpoint.IsListener;

    /// <summary>Number of this connection, never used again in this process.</summary>
    public ulong Id { get; }

    /// <summary>Bytes handed to <see cref="Send(OpenFlowMessage)"/> that the socket has not taken yet.</summary>
    public long PendingBytes => Volatile.Read(ref _pendingBytes);

    /// <summary>False while so much waits to be sent that who can wait should wait.</summary>
    public bool IsWritable => PendingBytes < _settings.WritableBytes && _channel.Active;

    /// <summary>Why this side closed the connection, null when it did not.</summary>
    internal string? CloseReason => Volatile.Read(ref _closeReason);

    /// <summary>A transaction id for a message the switch sends unasked.</summary>
    public uint NextXid() => (uint)Interlocked.Increment(ref _nextXid);

    /// <summary>Encodes a message and queues it. On a connection that is closing it does nothing.</summary>
    public void Send(OpenFlowMessage message) => Send(MessageCodec.Encode(message));

    /// <summary>Queues a message that is encoded already. The array is the connection's from now on.</summary>
    public void Send(byte[] message)
    {
        if (CloseReason is not null || !_channel.Open)
        {
            return;
        }

        _queue.Enqueue(message);
        if (CountPending(message.Length))
        {
            ScheduleDrain();
        }
    }

    /// <summary>Queues a message that may be lost, behind all others; packet-ins.</summary>
    /// <returns>False when <see cref="ChannelSettings.MaxDroppableBytes"/> of such messages wait already, or on a connection
    /// that is closing: the message is lost.</returns>
    public bool TrySendDroppable(OpenFlowMessage message) => TrySendDroppable(MessageCodec.Encode(message));

    /// <summary>The same for a message that is encoded already. The array may be shared, but not changed from now on.</summary>
    public bool TrySendDroppable(byte[] message)
    {
        if (CloseReason is not null || !_channel.Open || Volatile.Read(ref _droppableBytes) >= _settings.MaxDroppableBytes)
        {
            return false;
        }

        Interlocked.Add(ref _droppableBytes, message.Length);
        _droppable.Enqueue(message);
        ScheduleDrain();
        return true;
    }

    /// <summary>A task that ends when <see cref="IsWritable"/> is true or the connection is gone. One waiter at a time.</summary>
    public Task WhenWritableAsync()
    {
        var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _writable, waiter)?.TrySetResult();

        // Looked at after the waiter is known, so that a change in between is not missed.
        ReleaseWaiter();
        return waiter.Task;
    }

    /// <summary>Closes the connection after what is queued has been sent, or after a second, whichever is first.</summary>
    /// <param name="reason">For the log and for <see cref="IConnectionHandler.OnClosed"/>; the first one given counts.</param>
    public void Close(string reason)
    {
        if (Interlocked.CompareExchange(ref _closeReason, reason, null) is null)
        {
            Execute(FlushAndClose);
        }
    }

    /// <summary>Stops or resumes reading from the peer: the bound of what a consumer holds for it. TCP slows the peer down.</summary>
    /// <remarks>Echo requests are not read either while reading is stopped, so this is for a consumer at its limit only.</remarks>
    public void SetReading(bool isReading) => Execute(() => _channel.Configuration.AutoRead = isReading);

    /// <summary>The TCP connection is gone. The channel's thread only.</summary>
    internal void OnGone() => Interlocked.Exchange(ref _writable, null)?.TrySetResult();

    /// <summary>Puts a message before everything that is queued. The channel's thread only.</summary>
    internal void SendAhead(byte[] message)
    {
        if (CountPending(message.Length))
        {
            Write(Unpooled.WrappedBuffer(message), message.Length);
            _channel.Flush();
        }
    }

    /// <summary>Has queued messages moved to the socket's side once the channel's thread is free.</summary>
    /// <remarks>Not at once: DotNetty reports "writable again" while it is removing what has been sent, and a flush from within that
    /// sends the rest of it a second time.</remarks>
    internal void ScheduleDrain()
    {
        if (Interlocked.Exchange(ref _isDrainScheduled, 1) == 0)
        {
            Execute(Drain);
        }
    }

    private void Drain()
    {
        Volatile.Write(ref _isDrainScheduled, 0);
        var hasWritten = false;
        while (_channel.IsWritable && (WriteBatch(_queue) || WriteBatch(_droppable)))
        {
            hasWritten = true;
        }

        if (hasWritten)
        {
            _channel.Flush();
        }
    }

    /// <summary>Writes the first messages of a queue as one buffer; false when it is empty.</summary>
    private bool WriteBatch(ConcurrentQueue<byte[]> queue)
    {
        if (queue.IsEmpty)
        {
            return false;
        }

        var batch = _channel.Allocator.HeapBuffer(BatchBytes);
        while (queue.TryPeek(out var next) && (batch.ReadableBytes == 0 || batch.ReadableBytes + next.Length <= BatchBytes))
        {
            // Only this thread takes from the queue, so what was seen is what is taken.
            queue.TryDequeue(out _);
            batch.WriteBytes(next);
        }

        if (queue == _droppable)
        {
            Interlocked.Add(ref _droppableBytes, -batch.ReadableBytes);
            Interlocked.Add(ref _pendingBytes, batch.ReadableBytes);
        }

        Write(batch, batch.ReadableBytes);
        return true;
    }

    private void Write(IByteBuffer buffer, int size)
    {
        _channel.WriteAsync(buffer).ContinueWith(
            (_, count) =>
            {
                Interlocked.Add(ref _pendingBytes, -(int)count!);
                ReleaseWaiter();
            },
            size,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private void ReleaseWaiter()
    {
        if (Volatile.Read(ref _writable) is not null && (IsWritable || !_channel.Open))
        {
            Interlocked.Exchange(ref _writable, null)?.TrySetResult();
        }
    }

    /// <summary>False when the peer is at its limit; the connection is closed then.</summary>
    private bool CountPending(int size)
    {
        if (Interlocked.Add(ref _pendingBytes, size) <= _settings.MaxPendingBytes)
        {
            return true;
        }

        var reason = string.Create(CultureInfo.InvariantCulture,
            $"the peer does not read: more than {_settings.MaxPendingBytes} bytes wait to be sent to it");
        if (Interlocked.CompareExchange(ref _closeReason, reason, null) is null)
        {
            Execute(CloseNow);
        }

        return false;
    }

    private void FlushAndClose()
    {
        // Past the limit of what the socket's side takes ahead: nothing else will be sent, so nothing can be delayed.
        while (_channel.Open && WriteBatch(_queue))
        {
        }

        _channel.WriteAndFlushAsync(Unpooled.Empty).ContinueWith(_ => CloseNow(), TaskScheduler.Default);
        _channel.EventLoop.Schedule(CloseNow, CloseGrace);
    }

    private void CloseNow() => _ = _channel.CloseAsync();

    private void Execute(Action action)
    {
        try
        {
            _channel.EventLoop.Execute(action);
        }
        catch (RejectedExecutionException)
        {
            // The channel is being disposed of; its connections are closed there.
        }
    }
}
