using System.Net;

namespace Oko.OpenFlow.Channel;

/// <summary>Socket addresses for people. Any thread.</summary>
internal static class AddressText
{
    /// <summary>An address and port; an IPv4 address that arrived over an IPv6 socket is written as IPv4.</summary>
    public static string Of(EndPoint? address) => address switch
    {
        IPEndPoint { Address.IsIPv4MappedToIPv6: true } mapped => new IPEndPoint(mapped.Address.MapToIPv4(), mapped.Port).ToString(),
        null => "unknown address",
        _ => address.ToString()!,
    };
}
