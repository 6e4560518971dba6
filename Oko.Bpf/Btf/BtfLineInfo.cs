using System.Buffers.Binary;

namespace Oko.Bpf.Btf;

/// <summary>Source lines of instructions, from <c>.BTF.ext</c>. What cannot be read is left out: lines only help people.</summary>
internal sealed class BtfLineInfo
{
    private const int MaxSourceLength = 160;

    private readonly Dictionary<string, List<Line>> _sections = [];
    private readonly BtfTypes _types;

    internal BtfLineInfo(BtfTypes types, ReadOnlySpan<byte> data)
    {
        _types = types;
        if (data.Length < 24 || BinaryPrimitives.ReadUInt16LittleEndian(data) != 0xEB9F)
        {
            return;
        }

        ulong header = U32(data, 4), start = U32(data, 16), bytes = U32(data, 20);
        var end = header + start + bytes;
        if (end > (ulong)data.Length || bytes < 4)
        {
            return;
        }

        var at = (int)(header + start);
        var record = (int)Math.Min(U32(data, at), 1024);
        at += 4;
        while (record >= 16 && at + 8 <= (int)end)
        {
            var lines = new List<Line>();
            _sections[types.Text(U32(data, at))] = lines;
            var count = U32(data, at + 4);
            at += 8;
            for (uint index = 0; index < count && at + record <= (int)end; index++, at += record)
            {
                lines.Add(new Line(U32(data, at), U32(data, at + 4), U32(data, at + 8), U32(data, at + 12) >> 10));
            }
        }
    }

    /// <summary>The line of the instruction at a byte offset in a section: "file:line: text", or null.</summary>
    internal string? Find(string section, ulong offset)
    {
        if (!_sections.TryGetValue(section, out var lines))
        {
            return null;
        }

        // The last record at or before the offset; compilers write them in rising order.
        int low = 0, high = lines.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = lines[middle].Offset <= offset ? (middle + 1, high) : (low, middle);
        }

        return low == 0 ? null : lines[low - 1].Place ??= Format(lines[low - 1]);
    }

    private string Format(Line line)
    {
        var source = _types.Text(line.Source).Trim();
        return $"{Path.GetFileName(_types.Text(line.File))}:{line.Number}: {source[..Math.Min(source.Length, MaxSourceLength)]}";
    }

    private static uint U32(ReadOnlySpan<byte> data, int at) => BinaryPrimitives.ReadUInt32LittleEndian(data[at..]);

    /// <summary>A record: where it begins (bytes), file and source as offsets of strings, line number.</summary>
    private sealed record Line(uint Offset, uint File, uint Source, uint Number)
    {
        /// <summary>As people read it, once somebody has asked.</summary>
        internal string? Place { get; set; }
    }
}
