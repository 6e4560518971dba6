using System.Security.Authentication;
using DotNetty.Codecs;
using DotNetty.Handlers.Tls;

namespace Oko.OpenFlow.Channel.Tls;

/// <summary>Why a TLS connection failed, for the log. Stateless, any thread.</summary>
internal static class TlsFailure
{
    /// <summary>Whether an exception comes from TLS rather than from a fault of the switch.</summary>
    public static bool IsTls(Exception exception) => exception is AuthenticationException or NotSslRecordException or IOException;

    /// <summary>The check that failed, the alert of the peer, or what else ended the handshake.</summary>
    public static string Describe(Exception exception)
    {
        var source = exception;
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            source = cause;
            switch (cause)
            {
                case TlsCheckException:
                    return $"TLS: {cause.Message}";
                case NotSslRecordException:
                    return "TLS: the peer does not speak TLS; use tcp: or ptcp: for a connection without it";
            }
        }

        // What OpenSSL said stands innermost, for instance "tlsv1 alert unknown ca"; without it the stream just ended.
        if (source is IOException)
        {
            return "TLS: the peer closed the connection during the handshake";
        }

        var reason = source.Message;
        return reason.Contains(" alert ", StringComparison.Ordinal) ? $"TLS: the peer refuses: {reason}" : $"TLS: the handshake failed: {reason}";
    }

    /// <summary>Takes off what DotNetty and tasks wrap around an exception.</summary>
    public static Exception Unwrap(Exception exception)
    {
        while (exception is DecoderException or AggregateException && exception.InnerException is { } inner)
        {
            exception = inner;
        }

        return exception;
    }
}
