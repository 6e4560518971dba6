using System.Threading.Channels;
using Oko.OpenFlow.Channel;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Tests.Channel;

/// <summary>Writes down what a channel reports; tests await the next event.</summary>
internal sealed class RecordingHandler : IConnectionHandler
{
    private readonly Channel<object> _events = System.Threading.Channels.Channel.CreateUnbounded<object>();
    private int _received;

    public sealed record Opened(OpenFlowConnection Connection);

    public sealed record Message(OpenFlowConnection Connection, OpenFlowMessage Content, byte[] Raw);

    public sealed record Invalid(OpenFlowConnection Connection, OpenFlowErrorException Error, byte[] Raw);

    public sealed record Closed(OpenFlowConnection Connection, string Reason);

    /// <summary>How often it was said that what arrived has been handed over.</summary>
    public int ReceivedCount => Volatile.Read(ref _received);

    public Action<OpenFlowMessage>? WhenMessage { get; set; }

    public void OnOpened(OpenFlowConnection connection) => _events.Writer.TryWrite(new Opened(connection));

    public void OnMessage(OpenFlowConnection connection, OpenFlowMessage message, ReadOnlyMemory<byte> raw)
    {
        WhenMessage?.Invoke(message);
        _events.Writer.TryWrite(new Message(connection, message, raw.ToArray()));
    }

    public void OnInvalid(OpenFlowConnection connection, OpenFlowErrorException error, ReadOnlyMemory<byte> raw) =>
        _events.Writer.TryWrite(new Invalid(connection, error, raw.ToArray()));

    public void OnReceived(OpenFlowConnection connection) => Interlocked.Increment(ref _received);

    public void OnClosed(OpenFlowConnection connection, string reason) => _events.Writer.TryWrite(new Closed(connection, reason));

    /// <summary>The next event, which must be of this kind.</summary>
    public async Task<T> NextAsync<T>()
    {
        var next = await _events.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        return next.Should().BeOfType<T>().Subject;
    }
}
