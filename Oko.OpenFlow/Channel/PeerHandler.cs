using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using DotNetty.Common.Concurrency;
using DotNetty.Handlers.Tls;
using DotNetty.Transport.Channels;
using Microsoft.Extensions.Logging;
using Oko.OpenFlow.Channel.Tls;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Channel;

/// <summary>
/// The OpenFlow side of one TCP connection: exchange of HELLO, echo in both directions, silence, decoding, and the hand-over to
/// the <see cref="IConnectionHandler"/>. One per connection, on the channel's thread.
/// </summary>
/// <remarks>
/// <para>Our HELLO goes out first and at once: ONOS says nothing before it. Echo requests are answered here, before agreement too and
/// whatever version they carry, since the peer may not have seen our HELLO yet (Floodlight sends an echo of version 0x06 right after its HELLO).
/// The first message of version 0x04 other than a HELLO ends that tolerance.</para>
/// <para>Source: OpenFlow 1.3.5, 6.3.1 "Connection Setup", 6.3.3 "Connection Maintenance".</para>
/// </remarks>
internal sealed class PeerHandler(
    OpenFlowEndpoint endpoint, ulong id, AuxiliaryOf? auxiliary, ChannelSettings settings, IConnectionHandler consumer, ILogger log)
    : ChannelHandlerAdapter
{
    private const string PeerClosed = "the peer closed the connection";
    private const string PeerClosedBeforeHello = "the peer closed the connection before its HELLO; does it trust the switch's certificate?";
    private const string InternalError = "internal error, see the log";

    private readonly TaskCompletionSource<TimeSpan> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<OpenFlowConnection?> _agreed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly MultipartAssembler _multiparts = new();
    private OpenFlowConnection? _connection;
    private string? _failure;
    private bool _isAgreed;
    private bool _hasPeerAgreed;
    private long _openedAt;
    private long _lastHeardAt;
    private bool _isEchoOutstanding;
    private IScheduledTask? _helloCheck;
    private IScheduledTask? _silenceCheck;

    /// <summary>The endpoint this connection belongs to.</summary>
    public OpenFlowEndpoint Endpoint => endpoint;

    /// <summary>Completes with the connection when a version has been agreed on, or with null when that did not happen.</summary>
    public Task<OpenFlowConnection?> Agreed => _agreed.Task;

    /// <summary>Completes when the TCP connection is gone, with the time the connection was agreed for.</summary>
    public Task<TimeSpan> Closed => _closed.Task;

    /// <inheritdoc/>
    public override void ChannelActive(IChannelHandlerContext context)
    {
        _lastHeardAt = Stopwatch.GetTimestamp();
        _connection = new OpenFlowConnection(context.Channel, endpoint, id, settings, auxiliary);
        _connection.SendAhead(HelloExchange.CreateHello(_connection.NextXid()));
        _helloCheck = context.Channel.EventLoop.Schedule(CheckHello, settings.HelloTimeout);
        ScheduleSilenceCheck(context.Channel, settings.EchoAfter);
        base.ChannelActive(context);
    }

    /// <inheritdoc/>
    public override void ChannelRead(IChannelHandlerContext context, object message)
    {
        var frame = (byte[])message;
        _lastHeardAt = Stopwatch.GetTimestamp();
        _isEchoOutstanding = false;
        if (_connection!.CloseReason is not null)
        {
            return;
        }

        switch (frame[1])
        {
            case HelloExchange.HelloType:
                OnHello(frame);
                break;
            case HelloExchange.EchoRequestType when IsVersionWelcome(frame):
                _connection.SendAhead(HelloExchange.CreateEchoReply(frame));
                break;
            case HelloExchange.EchoReplyType when IsVersionWelcome(frame):
                break;
            case HelloExchange.ErrorType when !_isAgreed:
                throw new ChannelFormatException(DescribeEarlyError(frame));
            default:
                OnAgreedMessage(frame);
                break;
        }
    }

    /// <inheritdoc/>
    public override void ChannelReadComplete(IChannelHandlerContext context)
    {
        if (_isAgreed)
        {
            consumer.OnReceived(_connection!);
        }

        base.ChannelReadComplete(context);
    }

    /// <inheritdoc/>
    public override void ChannelWritabilityChanged(IChannelHandlerContext context)
    {
        _connection?.ScheduleDrain();
        base.ChannelWritabilityChanged(context);
    }

    /// <inheritdoc/>
    public override void UserEventTriggered(IChannelHandlerContext context, object theEvent)
    {
        if (theEvent is TlsHandshakeCompletionEvent { IsSuccessful: false } handshake)
        {
            _failure ??= TlsFailure.Describe(handshake.Exception);
        }

        base.UserEventTriggered(context, theEvent);
    }

    /// <inheritdoc/>
    public override void ChannelInactive(IChannelHandlerContext context)
    {
        var reason = _connection?.CloseReason ?? _failure ?? (endpoint.IsSecure && !_isAgreed ? PeerClosedBeforeHello : PeerClosed);
        var wasOpenFor = _isAgreed ? Stopwatch.GetElapsedTime(_openedAt) : TimeSpan.Zero;

        // What this side ends, for whatever reason, is worth a line; a tool that has finished is not.
        var level = reason == PeerClosed ? ChannelLog.LevelOf(endpoint) : LogLevel.Information;
        ChannelLog.Closed(log, level, endpoint.ToString(), _connection?.Peer ?? "unknown address", reason);
        _connection?.OnGone();

        // They would hold the connection for seconds after its end, thousands of connections when a peer comes and goes.
        _helloCheck?.Cancel();
        _silenceCheck?.Cancel();
        try
        {
            if (_isAgreed)
            {
                consumer.OnClosed(_connection!, reason);
            }
        }
        finally
        {
            Finish(wasOpenFor);
        }

        base.ChannelInactive(context);
    }

    /// <inheritdoc/>
    public override void HandlerRemoved(IChannelHandlerContext context) => Finish(TimeSpan.Zero);

    /// <inheritdoc/>
    public override void ExceptionCaught(IChannelHandlerContext context, Exception exception)
    {
        var cause = TlsFailure.Unwrap(exception);
        _failure ??= cause switch
        {
            ChannelFormatException => cause.Message,
            SocketException socket => $"{socket.SocketErrorCode}: {socket.Message}",
            _ when endpoint.IsSecure && TlsFailure.IsTls(cause) => TlsFailure.Describe(cause),
            _ => InternalError,
        };
        if (_failure == InternalError)
        {
            ChannelLog.InternalError(log, _connection?.Peer ?? "unknown address", cause);
        }

        _connection?.Close(_failure);
    }

    private void Finish(TimeSpan wasOpenFor)
    {
        _agreed.TrySetResult(null);
        _closed.TrySetResult(wasOpenFor);
    }

    private void OnHello(byte[] hello)
    {
        if (_isAgreed)
        {
            // The spec allows HELLO at the beginning only, but a second one does no harm.
            return;
        }

        if (!HelloExchange.IsCompatible(hello, out var offer))
        {
            _connection!.SendAhead(HelloExchange.CreateIncompatible(hello, $"OkoSwitch speaks OpenFlow 1.3 (0x04) only, the peer offers {offer}"));
            _connection.Close($"no common version: the peer offers {offer}, the switch speaks OpenFlow 1.3 (0x04) only");
            return;
        }

        _isAgreed = true;
        _helloCheck?.Cancel();
        _openedAt = _lastHeardAt;
        ChannelLog.Opened(log, ChannelLog.LevelOf(endpoint), endpoint.ToString(), _connection!.Peer);
        consumer.OnOpened(_connection);
        _agreed.TrySetResult(_connection);
    }

    private void OnAgreedMessage(byte[] frame)
    {
        if (!_isAgreed)
        {
            throw new ChannelFormatException(string.Create(CultureInfo.InvariantCulture,
                $"the first message is not a HELLO but has type {frame[1]} and version 0x{frame[0]:x2}; is the peer an OpenFlow controller?"));
        }

        if (frame[0] != HelloExchange.Version)
        {
            _connection!.SendAhead(HelloExchange.CreateBadVersion(frame));
            throw new ChannelFormatException(string.Create(CultureInfo.InvariantCulture,
                $"a message of version 0x{frame[0]:x2} came after the agreement on OpenFlow 1.3 (0x04)"));
        }

        _hasPeerAgreed = true;
        var raw = frame;
        OpenFlowMessage message;
        try
        {
            if (_multiparts.Accept(frame) is not { } whole)
            {
                return;
            }

            raw = whole;
            message = ReferenceEquals(whole, frame) ? MessageCodec.Decode(frame) : MessageCodec.DecodeAssembled(whole);
        }
        catch (OpenFlowErrorException error)
        {
            consumer.OnInvalid(_connection!, error, raw);
            return;
        }

        consumer.OnMessage(_connection!, message, raw);
    }

    private bool IsVersionWelcome(byte[] frame) => frame[0] == HelloExchange.Version || !_hasPeerAgreed;

    private void CheckHello()
    {
        if (!_isAgreed)
        {
            _connection!.Close(string.Create(CultureInfo.InvariantCulture, $"no HELLO came within {settings.HelloTimeout.TotalSeconds:0.###} s"));
        }
    }

    /// <summary>Looks again when the silence could have become long enough; one timer per connection, none per message.</summary>
    private void CheckSilence(IChannel channel)
    {
        if (!channel.Active)
        {
            return;
        }

        var silence = Stopwatch.GetElapsedTime(_lastHeardAt);
        if (_isEchoOutstanding)
        {
            var limit = settings.EchoAfter + settings.DropAfter;
            if (silence >= limit)
            {
                _connection!.Close(string.Create(CultureInfo.InvariantCulture, $"the peer has been silent for {silence.TotalSeconds:0.#} s and answers no echo"));
                return;
            }

            ScheduleSilenceCheck(channel, limit - silence);
            return;
        }

        if (silence < settings.EchoAfter)
        {
            ScheduleSilenceCheck(channel, settings.EchoAfter - silence);
            return;
        }

        _isEchoOutstanding = true;
        if (_isAgreed)
        {
            _connection!.SendAhead(HelloExchange.CreateEchoRequest(_connection.NextXid()));
        }

        ScheduleSilenceCheck(channel, settings.DropAfter < settings.EchoAfter ? settings.DropAfter : settings.EchoAfter);
    }

    private void ScheduleSilenceCheck(IChannel channel, TimeSpan delay) =>
        _silenceCheck = channel.EventLoop.Schedule(() => CheckSilence(channel), delay + TimeSpan.FromMilliseconds(1));

    private static string DescribeEarlyError(byte[] frame) => frame.Length < 12
        ? "the peer refuses the HELLO with an error without type and code"
        : "the peer refuses the HELLO: " + ErrorCatalogue.Describe(
            (ErrorType)BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(8)), BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(10)));
}
