using System.Globalization;
using DotNetty.Buffers;
using DotNetty.Codecs;
using DotNetty.Transport.Channels;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Channel;

/// <summary>
/// Cuts the byte stream into OpenFlow messages by the 16-bit length of the header and hands each on as one array. One per
/// connection, on the channel's thread.
/// </summary>
/// <remarks>A length below 8 cannot be skipped over, so the stream is lost: <see cref="ChannelFormatException"/>. Above that any
/// length up to 65,535 is possible, which bounds what one peer makes the switch hold.
/// Source: OpenFlow 1.3.5, 7.1 "OpenFlow Header".</remarks>
internal sealed class FrameDecoder : ByteToMessageDecoder
{
    /// <summary>Size of <c>struct ofp_header</c> in bytes.</summary>
    public const int HeaderSize = 8;

    /// <inheritdoc/>
    protected override void Decode(IChannelHandlerContext context, IByteBuffer input, List<object> output)
    {
        if (input.ReadableBytes < HeaderSize)
        {
            return;
        }

        int size = input.GetUnsignedShort(input.ReaderIndex + 2);
        if (size < HeaderSize)
        {
            var type = input.GetByte(input.ReaderIndex + 1);
            input.SkipBytes(input.ReadableBytes);
            throw new ChannelFormatException(string.Create(CultureInfo.InvariantCulture,
                $"a message of type {type} gives its length as {size} bytes, less than its own header of {HeaderSize}; the stream cannot be followed any further"));
        }

        if (input.ReadableBytes < size)
        {
            return;
        }

        var message = new byte[size];
        input.ReadBytes(message);
        output.Add(message);
    }
}
