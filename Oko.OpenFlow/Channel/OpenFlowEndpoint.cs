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
        + "?oko=auto|aware|strip|hide, tcp: and ssl: also by aux=0..3 after ? or &; write IPv6 addresses in brackets, for instance tcp:[::1]:6653";

    private OpenFlowEndpoint(bool isListener, bool isSecure, string host, int port, (EndpointAwareness Awareness, int AuxiliaryCount) options)
    {
        IsListener = isListener;
        IsSecure = isSecure;
        Host = host;
        Port = port;
        (Awareness, AuxiliaryCount) = options;
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

    /// <summary>Auxiliary connections beside the main one, by the <c>?aux=</c> option. 0 unless asked for: several controllers take one for
    /// a second switch.</summary>
    public int AuxiliaryCount { get; }

    /// <summary>Reads an address as people write it.</summary>
    /// <exception cref="FormatException">The text is neither form; the message says which part is wrong and what is allowed.</exception>
    public static OpenFlowEndpoint Parse(string text)
    {
        var (address, given) = text.Split('?', 2) is [var first, var second] ? (first, second) : (text, null);
        var options = given is null ? (EndpointAwareness.Auto, 0) : ParseOptions(text, given);
        var (scheme, rest) = address.Split(':', 2) is [var name, var tail] ? (name, tail) : (string.Empty, string.Empty);
        return scheme.ToLowerInvariant() switch
        {
            "tcp" => ParseController(text, rest, isSecure: false, options),
            "ssl" => ParseController(text, rest, isSecure: true, options),
            "ptcp" => ParseListener(text, rest, isSecure: false, options),
            "pssl" => ParseListener(text, rest, isSecure: true, options),
            _ => throw Invalid(text, "the address begins with none of 'tcp:', 'ssl:', 'ptcp:', 'pssl:'"),
        };
    }

    /// <summary>The address in the form <see cref="Parse"/> reads.</summary>
    public override string ToString()
    {
        var host = Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;
        var scheme = IsSecure ? "ssl" : "tcp";
        var address = IsListener ? $"p{scheme}:{Port}:{host}" : $"{scheme}:{host}:{Port}";
        string?[] options =
        [
            Awareness == EndpointAwareness.Auto ? null : $"oko={Awareness.ToString().ToLowerInvariant()}",
            AuxiliaryCount == 0 ? null : $"aux={AuxiliaryCount}",
        ];
        var given = string.Join('&', options.OfType<string>());
        return given.Length == 0 ? address : $"{address}?{given}";
    }

    private static OpenFlowEndpoint ParseController(string text, string rest, bool isSecure, (EndpointAwareness Awareness, int AuxiliaryCount) options)
    {
        var (host, port) = SplitHost(text, rest);
        if (host.Length == 0)
        {
            throw Invalid(text, "the host is missing");
        }

        var number = port is null ? DefaultPort : ParsePort(text, port, lowest: 1);
        return new OpenFlowEndpoint(false, isSecure, CheckHost(text, host), number, options);
    }

    private static OpenFlowEndpoint ParseListener(string text, string rest, bool isSecure, (EndpointAwareness Awareness, int AuxiliaryCount) options)
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

        if (options.AuxiliaryCount != 0)
        {
            throw Invalid(text, "auxiliary connections are opened to a controller, not to a listener");
        }

        var number = port.Length == 0 ? DefaultPort : ParsePort(text, port, lowest: 0);
        return new OpenFlowEndpoint(true, isSecure, address.ToString(), number, options);
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

    private static (EndpointAwareness Awareness, int AuxiliaryCount) ParseOptions(string text, string options)
    {
        var (awareness, auxiliaries) = (EndpointAwareness.Auto, 0);
        foreach (var option in options.Split('&'))
        {
            (awareness, auxiliaries) = option switch
            {
                "oko=auto" => (EndpointAwareness.Auto, auxiliaries),
                "oko=aware" => (EndpointAwareness.Aware, auxiliaries),
                "oko=strip" => (EndpointAwareness.Strip, auxiliaries),
                "oko=hide" => (EndpointAwareness.Hide, auxiliaries),
                ['a', 'u', 'x', '=', >= '0' and <= '3' and var digit] => (awareness, digit - '0'),
                _ => throw Invalid(text, $"the option '{option}' is unknown; there are oko=auto, oko=aware, oko=strip, oko=hide and aux=0 to aux=3"),
            };
        }

        return (awareness, auxiliaries);
    }

    private static FormatException Invalid(string text, string what) => new($"OpenFlow address '{text}': {what}. Allowed: {Forms}.");
}
