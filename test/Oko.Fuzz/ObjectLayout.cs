using System.Buffers.Binary;
using System.Text;

namespace Oko.Fuzz;

/// <summary>Where the parts of an object are, as far as they lie inside the bytes. Read without any trust: mutated objects are mutated again.</summary>
internal sealed class ObjectLayout
{
    /// <summary>Bytes of a section header.</summary>
    public const int HeaderBytes = 64;

    private ObjectLayout(int headersAt, IReadOnlyList<Part> parts) => (HeadersAt, Parts) = (headersAt, parts);

    /// <summary>Offset of the section headers, 0 if there are none.</summary>
    public int HeadersAt { get; }

    /// <summary>The sections with content.</summary>
    public IReadOnlyList<Part> Parts { get; }

    /// <summary>Looks for the parts.</summary>
    public static ObjectLayout Of(byte[] file)
    {
        var parts = new List<Part>();
        if (file.Length < HeaderBytes)
        {
            return new ObjectLayout(0, parts);
        }

        var table = BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(40));
        int count = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(60)), names = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(62));
        if (table > (ulong)file.Length || (ulong)count * HeaderBytes > (ulong)file.Length - table)
        {
            return new ObjectLayout(0, parts);
        }

        var (stringsAt, stringBytes) = names < count ? Place(file, (int)table + (names * HeaderBytes)) : (0, 0);
        for (var at = (int)table; at < (int)table + (count * HeaderBytes); at += HeaderBytes)
        {
            var (offset, bytes) = Place(file, at);
            if (bytes > 0)
            {
                var name = BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at));
                var isCode = BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 4)) == 1 && (file[at + 8] & 4) != 0;
                parts.Add(new Part(Name(file.AsSpan(stringsAt, stringBytes), name), isCode, BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 4)), offset, bytes));
            }
        }

        return new ObjectLayout((int)table, parts);
    }

    // SHT_NOBITS has no bytes in the file.
    private static (int Offset, int Bytes) Place(byte[] file, int header)
    {
        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(header + 24)), bytes = BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(header + 32));
        return BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(header + 4)) is 0 or 8 || offset > (ulong)file.Length || bytes > (ulong)file.Length - offset
            ? (0, 0) : ((int)offset, (int)bytes);
    }

    private static string Name(ReadOnlySpan<byte> strings, uint at)
    {
        if (at >= (uint)strings.Length)
        {
            return string.Empty;
        }

        var rest = strings[(int)at..];
        var end = rest.IndexOf((byte)0);
        return Encoding.Latin1.GetString(end < 0 ? rest : rest[..end]);
    }

    /// <summary>A section.</summary>
    internal readonly record struct Part(string Name, bool IsCode, uint Type, int Offset, int Bytes);
}
