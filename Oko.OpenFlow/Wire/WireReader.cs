using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Wire;

/// <summary>
/// Reads big-endian values from a message. Every read is checked; reading past the end raises the error that the part of the
/// message calls for (BAD_REQUEST / BAD_LEN unless said otherwise). On the stack, for one thread.
/// </summary>
public ref struct WireReader
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly ErrorType _type;
    private readonly ushort _code;

    /// <summary>Reads the bytes given.</summary>
    public WireReader(ReadOnlySpan<byte> bytes)
        : this(bytes, ErrorType.BadRequest, (ushort)BadRequestCode.BadLen)
    {
    }

    /// <summary>Reads the bytes given; shortage is the error given.</summary>
    public WireReader(ReadOnlySpan<byte> bytes, ErrorType shortageType, ushort shortageCode)
    {
        _bytes = bytes;
        _type = shortageType;
        _code = shortageCode;
    }

    /// <summary>Offset of the next byte.</summary>
    public int Offset { get; private set; }

    /// <summary>Bytes left.</summary>
    public readonly int Remaining => _bytes.Length - Offset;

    /// <summary>Reads 8 bits.</summary>
    public byte U8() => Take(1)[0];

    /// <summary>Reads 16 bits.</summary>
    public ushort U16() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

    /// <summary>Reads 32 bits.</summary>
    public uint U32() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    /// <summary>Reads 64 bits.</summary>
    public ulong U64() => BinaryPrimitives.ReadUInt64BigEndian(Take(8));

    /// <summary>Reads an unsigned integer of 1 to 16 bytes.</summary>
    public UInt128 Integer(int bytes)
    {
        UInt128 value = 0;
        foreach (var part in Take(bytes))
        {
            value = (value << 8) | part;
        }

        return value;
    }

    /// <summary>Reads that many bytes.</summary>
    public ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > Remaining)
        {
            ThrowShort(count);
        }

        var taken = _bytes.Slice(Offset, count);
        Offset += count;
        return taken;
    }

    /// <summary>Reads the rest.</summary>
    public ReadOnlySpan<byte> Rest() => Take(Remaining);

    /// <summary>Passes over padding.</summary>
    public void Skip(int count) => Take(count);

    /// <summary>A reader of the next bytes alone.</summary>
    public WireReader Part(int count) => new(Take(count), _type, _code);

    /// <summary>A reader of the next bytes alone, with its own error for shortage.</summary>
    public WireReader Part(int count, ErrorType shortageType, ushort shortageCode) => new(Take(count), shortageType, shortageCode);

    /// <summary>Reads a NUL-padded UTF-8 text field.</summary>
    public string Text(int bytes)
    {
        var field = Take(bytes);
        var end = field.IndexOf((byte)0);
        return System.Text.Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    /// <summary>Raises the error unless everything was read.</summary>
    public readonly void ExpectEnd()
    {
        if (Remaining != 0)
        {
            throw new OpenFlowErrorException(_type, _code, $"{Remaining} bytes follow the end at offset {Offset}");
        }
    }

    [DoesNotReturn]
    private readonly void ThrowShort(int count) =>
        throw new OpenFlowErrorException(_type, _code, $"{count} bytes expected at offset {Offset}, {Remaining} are left");
}
