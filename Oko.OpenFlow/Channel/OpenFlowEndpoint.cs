using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Oko.OpenFlow.Channel;

/// <summary>
/// Where a controller is (<c>tcp:HOST[:PORT]</c>, over TLS <c>ssl:HOST[:PORT]</c>) or where the switch listens
/// (<c>ptcp:[PORT][:HOST]</c>, <c>pssl:[PORT][:HOST]</c>), with options after a question mark. Immutable, any thread.
/// </summary>
/// <remarks>The forms are those of Open vSwitch. IPv6 addresses stand in brackets. The port of OpenFlow is 6653. A listener
/// without an address listens on all IPv4 addresses.</remarks>
public sealed record OpenFlowEndpoint
{
    /// <summary>The port registered for OpenFlow.</summary>
    public const int DefaultPort = 6653;

    private const string Forms = "tcp:HOST[:PORT] or ptcp:[PORT][:HOST], with TLS ssl:HOST[:PORT] or pssl:[PORT][:HOST], each optionally followed by "
        + "?oko=auto|aware|strip|hide; write IPv6 addresses in brackets, for instance tcp:[::1]:6653";

    private OpenFlowEndpoint(bool isListener, bool isSecure, string host, int port, EndpointAwareness awareness)
    {
        IsListener = isListener;
        IsSecure = isSecure;
        Host = host;
        Port = port;
        Awareness = awareness;
    }

    /// <summary>True for <c>ptcp:</c> and <c>pssl:</c>.</summary>
    public bool IsListener { get; }

    /// <summary>True for <c>ssl:</c> and <c>pssl:</c>: TLS with certificates on both sides.</summary>
    public bool IsSecure { get; }

    /// <summary>Name or address, without brackets.</summary>
    public string Host { get; }

    /// <summary>TCP port; 0 in a listener lets the system choose one.</summary>
    public int Port { get; }

    /// <summary>The <c>?oko=</c> option.</summary>
    public EndpointAwareness Awareness { get; }

    /// <summary>Reads an address as people write it.</summary>
    /// <exception cref="FormatException">The text is neither form; the message says which part is wrong and what is allowed.</exception>
    public static OpenFlowEndpoint Parse(string text)
    {
        var (address, options) = text.Split('?', 2) is [var first, var second] ? (first, second) : (text, null);
        var awareness = options is null ? EndpointAwareness.Auto : ParseOptions(text, options);
        var (scheme, rest) = address.Split(':', 2) is [var name, var tail] ? (name, tail) : (string.Empty, string.Empty);
        return scheme.ToLowerInvariant() switch
        {
            "tcp" => ParseController(text, rest, isSecure: false, awareness),
            "ssl" => ParseController(text, rest, isSecure: true, awareness),
            "ptcp" => ParseListener(text, rest, isSecure: false, awareness),
            "pssl" => ParseListener(text, rest, isSecure: true, awareness),
            _ => throw Invalid(text, "the address begins with none of 'tcp:', 'ssl:', 'ptcp:', 'pssl:'"),
        };
    }

    /// <summary>The address in the form <see cref="Parse"/> reads.</summary>
    public override string ToString()
    {
        var host = Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;
        var scheme = IsSecure ? "ssl" : "tcp";
        var address = IsListener ? $"p{scheme}:{Port}:{host}" : $"{scheme}:{host}:{Port}";
        return Awareness == EndpointAwareness.Auto ? address : $"{address}?oko={Awareness.ToString().ToLowerInvariant()}";
    }

    private static OpenFlowEndpoint ParseController(string text, string rest, bool isSecure, EndpointAwareness awareness)
    {
        var (host, port) = SplitHost(text, rest);
        if (host.Length == 0)
        {
            throw Invalid(text, "the host is missing");
        }

        var number = port is null ? DefaultPort : ParsePort(text, port, lowest: 1);
        return new OpenFlowEndpoint(false, isSecure, CheckHost(text, host), number, awareness);
    }

    private static OpenFlowEndpoint ParseListener(string text, string rest, bool isSecure, EndpointAwareness awareness)
    {
        var (port, host) = rest.Split(':', 2) is [var first, var second] ? (first, second) : (rest, "0.0.0.0");
        if (host.StartsWith('[') && host.EndsWith(']'))
        {
            host = host[1..^1];
        }

        if (!IPAddress.TryParse(host, out var address))
        {
            throw Invalid(text, $"'{host}' is not an IP address to listen on");
        }

        var number = port.Length == 0 ? DefaultPort : ParsePort(text, port, lowest: 0);
        return new OpenFlowEndpoint(true, isSecure, address.ToString(), number, awareness);
    }

    private static (string Host, string? Port) SplitHost(string text, string rest)
    {
        if (rest.StartsWith('['))
        {
            var end = rest.IndexOf(']', StringComparison.Ordinal);
            if (end < 0)
            {
                throw Invalid(text, "the bracket of the IPv6 address is not closed");
            }

            var tail = rest[(end + 1)..];
            if (!IPAddress.TryParse(rest[1..end], out var address) || address.AddressFamily != AddressFamily.InterNetworkV6)
            {
                throw Invalid(text, $"'{rest[1..end]}' is not an IPv6 address");
            }

            return tail switch
            {
                "" => (rest[1..end], null),
                [':', ..] => (rest[1..end], tail[1..]),
                _ => throw Invalid(text, $"'{tail}' after the bracket is not a port"),
            };
        }

        return rest.Split(':') switch
        {
            [var host] => (host, null),
            [var host, var port] => (host, port),
            _ => throw Invalid(text, "there is more than one colon after the host"),
        };
    }

    private static string CheckHost(string text, string host) =>
        Uri.CheckHostName(host) == UriHostNameType.Unknown ? throw Invalid(text, $"'{host}' is neither a host name nor an IP address") : host;

    private static int ParsePort(string text, string port, int lowest) =>
        int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= lowest && number <= 65535
            ? number
            : throw Invalid(text, $"the port '{port}' is not a number from {lowest} to 65535");

    private static EndpointAwareness ParseOptions(string text, string options)
    {
        var awareness = EndpointAwareness.Auto;
        foreach (var option in options.Split('&'))
        {
            awareness = option switch
            {
                "oko=auto" => EndpointAwareness.Auto,
                "oko=aware" => EndpointAwareness.Aware,
                "oko=strip" => EndpointAwareness.Strip,
                "oko=hide" => EndpointAwareness.Hide,
                _ => throw Invalid(text, $"the option '{option}' is unknown; the only one is oko=auto, oko=aware, oko=strip or oko=hide"),
            };
        }

        return awareness;
    }

    private static FormatException Invalid(string text, string what) => new($"OpenFlow address '{text}': {what}. Allowed: {Forms}.");
}
