using System.Security.Authentication;

namespace Oko.OpenFlow.Channel.Tls;

/// <summary>A check of the handshake failed on this side; the message says which, for the log.</summary>
internal sealed class TlsCheckException(string message, Exception inner) : AuthenticationException(message, inner);
