using System.Buffers.Binary;
using System.Text;

namespace Oko.OpenFlow.Wire;

/// <summary>Writes big-endian values into a growing buffer. One thread.</summary>
public sealed class WireWriter
{
    private byte[] _bytes = new byte[256];

    /// <summary>Number of bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>What was written.</summary>
    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    /// <summary>Writes 8 bits.</summary>
    public void U8(byte value) => Reserve(1)[0] = value;

    /// <summary>Writes 16 bits.</summary>
    public void U16(ushort value) => BinaryPrimitives.WriteUInt16BigEndian(Reserve(2), value);

    /// <summary>Writes 32 bits.</summary>
    public void U32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Reserve(4), value);

    /// <summary>Writes 64 bits.</summary>
    public void U64(ulong value) => BinaryPrimitives.WriteUInt64BigEndian(Reserve(8), value);

    /// <summary>Writes an unsigned integer of 1 to 16 bytes.</summary>
    public void Integer(UInt128 value, int bytes)
    {
        var target = Reserve(bytes);
        for (var at = bytes - 1; at >= 0; at--)
        {
            target[at] = (byte)value;
            value >>= 8;
        }
    }

    /// <summary>Writes bytes.</summary>
    public void Bytes(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Reserve(bytes.Length));

    /// <summary>Writes bytes into a place of fixed size.</summary>
    /// <exception cref="ArgumentException">They are more or fewer than the place has.</exception>
    public void Bytes(ReadOnlySpan<byte> bytes, int size)
    {
        if (bytes.Length != size)
        {
            throw new ArgumentException($"{bytes.Length} bytes for a field of {size}", nameof(bytes));
        }

        Bytes(bytes);
    }

    /// <summary>Writes zeros.</summary>
    public void Zeros(int count) => Reserve(count).Clear();

    /// <summary>Writes zeros until the length since <paramref name="start"/> is a multiple of 8.</summary>
    public void PadTo8(int start = 0) => Zeros((8 - ((Length - start) & 7)) & 7);

    /// <summary>Writes a text as NUL-padded UTF-8, cut to leave one NUL.</summary>
    public void Text(string text, int bytes)
    {
        var target = Reserve(bytes);
        target.Clear();
        Encoding.UTF8.GetEncoder().Convert(text, target[..(bytes - 1)], true, out _, out _, out _);
    }

    /// <summary>Writes 16 bits at an earlier place.</summary>
    public void PatchU16(int at, int value) => BinaryPrimitives.WriteUInt16BigEndian(_bytes.AsSpan(at, 2), checked((ushort)value));

    /// <summary>Begins again with nothing written.</summary>
    public void Clear() => Length = 0;

    /// <summary>A copy of what was written.</summary>
    public byte[] ToArray() => Written.ToArray();

    private Span<byte> Reserve(int count)
    {
        if (Length + count > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + count));
        }

        var reserved = _bytes.AsSpan(Length, count);
        Length += count;
        return reserved;
    }
}
