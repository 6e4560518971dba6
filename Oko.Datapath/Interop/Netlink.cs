using System.Runtime.InteropServices;
using System.Text;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Interop;

/// <summary>
/// Messages of <c>linux/netlink.h</c> and <c>linux/rtnetlink.h</c> about network interfaces, and a socket to ask and
/// listen with. An instance belongs to one thread; the static parts are pure.
/// </summary>
/// <remarks>All fields in host byte order, attributes padded to 4 bytes. Source: rtnetlink(7), netlink(7).</remarks>
internal sealed unsafe class Netlink : IDisposable
{
    /// <summary><c>RTM_NEWLINK</c>: a link as it now is.</summary>
    internal const ushort NewLink = 16;

    /// <summary><c>RTM_DELLINK</c>: a link is gone.</summary>
    internal const ushort DeleteLink = 17;

    /// <summary><c>RTMGRP_LINK</c>: the multicast group of both.</summary>
    internal const uint GroupLink = 1;

    private const ushort GetLink = 18, MessageError = 2, MessageDone = 3;
    private const ushort FlagRequest = 1, FlagDump = 0x300, FlagInterrupted = 0x10;
    private const int DumpAttempts = 20;
    private const int HeaderSize = 16, LinkHeaderSize = 16, BufferSize = 65536;
    private const ushort AttributeAddress = 1, AttributeName = 3, AttributeMtu = 4, AttributeLinkInfo = 18, AttributeXdp = 43;
    private const ushort LinkInfoKind = 1, XdpProgramId = 4, AttributeTypeMask = 0x3FFF;
    // IFF_LOWER_UP is the carrier; IFF_RUNNING would follow it only up to a second later.
    private const uint InterfaceUp = 1, InterfaceLowerUp = 0x10000;

    private readonly byte[] _buffer = new byte[BufferSize];

    /// <summary>Opens a socket in the network namespace of the calling thread.</summary>
    /// <param name="groups">Groups to listen to, or 0.</param>
    /// <exception cref="IOException">The kernel refuses.</exception>
    internal Netlink(uint groups)
    {
        Handle = Socket.Open(Socket.FamilyNetlink, Socket.TypeRaw | Socket.CloseOnExec, 0);
        // SAFETY: struct sockaddr_nl is family (16 bits), padding, port id, groups: 12 bytes.
        var address = stackalloc uint[3] { Socket.FamilyNetlink, 0, groups };
        if (Handle < 0 || Socket.Bind(Handle, address, 12) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            Dispose();
            throw new IOException($"netlink: {Errno.Describe(error)}");
        }

        // A storm of link events must fit while the reader works; a refusal leaves the default.
        var size = 1 << 20;
        _ = Socket.SetOption(Handle, Socket.LevelSocket, Socket.OptionReceiveBuffer, &size, sizeof(int));
    }

    /// <summary>What one message says.</summary>
    /// <param name="Type">RTM_ number.</param>
    /// <param name="Link">The link; null when the message is malformed or of another type.</param>
    internal readonly record struct LinkMessage(ushort Type, LinkInfo? Link);

    /// <summary>The socket, for <see cref="Poll"/>.</summary>
    internal int Handle { get; private set; }

    /// <summary>All links of the namespace the calling thread is in.</summary>
    /// <exception cref="IOException">The kernel refuses, or the links change faster than they can be listed.</exception>
    internal static List<LinkInfo> ListLinks()
    {
        for (var attempt = 0; attempt < DumpAttempts; attempt++)
        {
            // A list that changed while it was read may lack links that are there.
            if (TryListLinks() is { } links)
            {
                return links;
            }
        }

        throw new IOException("netlink: the list of interfaces could not be read whole");
    }

    /// <summary>Outcome of <see cref="Receive"/>.</summary>
    internal enum ReceiveResult
    {
        /// <summary>Messages were handed on; there may be more.</summary>
        Messages,

        /// <summary>The end of a dump was among them.</summary>
        EndOfDump,

        /// <summary>The dump was refused, or its content changed meanwhile.</summary>
        BadDump,

        /// <summary>Nothing to read now.</summary>
        Nothing,

        /// <summary>The kernel dropped messages (ENOBUFS): what is still to read is not all.</summary>
        Lost,
    }

    /// <summary>Reads one datagram and hands its link messages on.</summary>
    /// <param name="handler">Called for each message.</param>
    /// <param name="wait">Whether to wait for a datagram.</param>
    internal ReceiveResult Receive(Action<LinkMessage> handler, bool wait)
    {
        nint size;
        int error;
        fixed (byte* buffer = _buffer)
        {
            do
            {
                size = Socket.Receive(Handle, buffer, BufferSize, wait ? 0 : Socket.DoNotWait);
                error = Marshal.GetLastPInvokeError();
            }
            while (size < 0 && error == Errno.Interrupted);
        }

        if (size < 0)
        {
            return error == Errno.NoBufferSpace ? ReceiveResult.Lost : ReceiveResult.Nothing;
        }

        return Parse(_buffer.AsSpan(0, (int)size), handler);
    }

    /// <summary>Walks the messages of a datagram. Stops at the first length that does not fit.</summary>
    internal static ReceiveResult Parse(ReadOnlySpan<byte> datagram, Action<LinkMessage> handler)
    {
        var isInterrupted = false;
        while (TakeMessage(ref datagram, out var type, out var flags, out var body))
        {
            isInterrupted |= (flags & FlagInterrupted) != 0;
            switch (type)
            {
                case MessageDone:
                    return isInterrupted ? ReceiveResult.BadDump : ReceiveResult.EndOfDump;
                case MessageError:
                    return ReceiveResult.BadDump;
                case NewLink or DeleteLink:
                    handler(new LinkMessage(type, ParseLink(body)));
                    break;
            }
        }

        return isInterrupted ? ReceiveResult.BadDump : ReceiveResult.Messages;
    }

    /// <summary>Takes the next message off a datagram; false at the end, and when the length does not fit.</summary>
    internal static bool TakeMessage(scoped ref ReadOnlySpan<byte> datagram, out ushort type, out ushort flags, out ReadOnlySpan<byte> body)
    {
        type = flags = 0;
        body = default;
        if (datagram.Length < HeaderSize)
        {
            return false;
        }

        var length = MemoryMarshal.Read<uint>(datagram);
        if (length < HeaderSize || length > datagram.Length)
        {
            return false;
        }

        type = MemoryMarshal.Read<ushort>(datagram[4..]);
        flags = MemoryMarshal.Read<ushort>(datagram[6..]);
        body = datagram[HeaderSize..(int)length];
        datagram = datagram[Math.Min(datagram.Length, Align((int)length))..];
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Handle >= 0)
        {
            _ = Socket.Close(Handle);
            Handle = -1;
        }
    }

    private static List<LinkInfo>? TryListLinks()
    {
        using var netlink = new Netlink(0);
        netlink.RequestDump();
        var links = new List<LinkInfo>();
        ReceiveResult result;
        do
        {
            result = netlink.Receive(message => AddTo(links, message), wait: true);
        }
        while (result == ReceiveResult.Messages);
        return result == ReceiveResult.EndOfDump ? links : null;
    }

    /// <summary>Asks for a message about each link.</summary>
    private void RequestDump()
    {
        Span<byte> request = stackalloc byte[HeaderSize + LinkHeaderSize];
        request.Clear();
        MemoryMarshal.Write(request, request.Length);
        MemoryMarshal.Write(request[4..], GetLink);
        MemoryMarshal.Write(request[6..], (ushort)(FlagRequest | FlagDump));
        fixed (byte* data = request)
        {
            if (Socket.SendTo(Handle, data, (nuint)request.Length, 0, null, 0) < 0)
            {
                throw new IOException($"netlink: {Errno.Describe(Marshal.GetLastPInvokeError())}");
            }
        }
    }

    private static void AddTo(List<LinkInfo> links, LinkMessage message)
    {
        if (message is { Type: NewLink, Link: { } link })
        {
            links.Add(link);
        }
    }

    private static LinkInfo? ParseLink(ReadOnlySpan<byte> body)
    {
        // struct ifinfomsg: family, padding, type (16 bits), index, flags, change mask.
        // Family AF_BRIDGE marks news about a bridge's member, whose removal from the bridge is no removal of the link.
        if (body.Length < LinkHeaderSize || body[0] != 0)
        {
            return null;
        }

        var index = MemoryMarshal.Read<uint>(body[4..]);
        var flags = MemoryMarshal.Read<uint>(body[8..]);
        var link = new LinkInfo(index, string.Empty)
        {
            IsEnabled = (flags & InterfaceUp) != 0,
            IsRunning = (flags & (InterfaceUp | InterfaceLowerUp)) == (InterfaceUp | InterfaceLowerUp),
        };
        var attributes = body[LinkHeaderSize..];
        while (TakeAttribute(ref attributes, out var type, out var value))
        {
            link = type switch
            {
                AttributeName => link with { Name = ReadText(value) },
                AttributeAddress when value.Length == 6 => link with { HardwareAddress = MacAddress.FromBytes(value) },
                AttributeMtu when value.Length >= 4 => link with { Mtu = MemoryMarshal.Read<int>(value) },
                AttributeLinkInfo => link with { Kind = ReadText(FindNested(value, LinkInfoKind)) },
                AttributeXdp when FindNested(value, XdpProgramId) is { Length: >= 4 } id =>
                    link with { XdpProgramId = MemoryMarshal.Read<uint>(id) },
                _ => link,
            };
        }

        return link.Name.Length == 0 ? null : link;
    }

    private static ReadOnlySpan<byte> FindNested(ReadOnlySpan<byte> attributes, ushort wanted)
    {
        while (TakeAttribute(ref attributes, out var type, out var value))
        {
            if (type == wanted)
            {
                return value;
            }
        }

        return default;
    }

    /// <summary>Takes the next attribute off a list; false at the end, and when the length does not fit.</summary>
    internal static bool TakeAttribute(scoped ref ReadOnlySpan<byte> attributes, out ushort type, out ReadOnlySpan<byte> value)
    {
        type = 0;
        value = default;
        if (attributes.Length < 4)
        {
            return false;
        }

        var length = MemoryMarshal.Read<ushort>(attributes);
        if (length < 4 || length > attributes.Length)
        {
            return false;
        }

        type = (ushort)(MemoryMarshal.Read<ushort>(attributes[2..]) & AttributeTypeMask);
        value = attributes[4..length];
        attributes = attributes[Math.Min(attributes.Length, Align(length))..];
        return true;
    }

    private static string ReadText(ReadOnlySpan<byte> value)
    {
        var end = value.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? value : value[..end]);
    }

    private static int Align(int length) => (length + 3) & ~3;
}
