using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Channel;

/// <summary>
/// Takes what happens on the connections of an <see cref="OpenFlowChannel"/>. Calls for one connection come in order, all calls
/// on the channel's one thread: an implementation hands work on and returns, since echo replies wait for it.
/// </summary>
/// <remarks>HELLO and echo are dealt with in the channel and do not come here.</remarks>
public interface IConnectionHandler
{
    /// <summary>A peer has agreed on OpenFlow 1.3.</summary>
    void OnOpened(OpenFlowConnection connection);

    /// <summary>A well-formed message has arrived.</summary>
    /// <param name="connection">Where.</param>
    /// <param name="message">The message.</param>
    /// <param name="raw">Its bytes with the header; of a request in parts the first part, then the bodies of the others. The memory is
    /// the receiver's to keep.</param>
    void OnMessage(OpenFlowConnection connection, OpenFlowMessage message, ReadOnlyMemory<byte> raw);

    /// <summary>A malformed message has arrived: the receiver answers with the error.</summary>
    /// <param name="connection">Where; it lives on.</param>
    /// <param name="error">What is wrong.</param>
    /// <param name="raw">The bytes with a whole header; the memory is the receiver's to keep.</param>
    void OnInvalid(OpenFlowConnection connection, OpenFlowErrorException error, ReadOnlyMemory<byte> raw);

    /// <summary>What has arrived so far has been handed over: the time to begin with it, all of it at once.</summary>
    void OnReceived(OpenFlowConnection connection);

    /// <summary>A connection that had been opened is gone; nothing comes for it any more.</summary>
    /// <param name="connection">Which.</param>
    /// <param name="reason">Why, as a sentence part for people.</param>
    void OnClosed(OpenFlowConnection connection, string reason);
}
