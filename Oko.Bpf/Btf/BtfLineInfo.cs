using System.Buffers.Binary;

namespace Oko.Bpf.Btf;

/// <summary>Source lines of instructions, from <c>.BTF.ext</c>. What cannot be read is left out: lines only help people.</summary>
internal sealed class BtfLineInfo
{
    private readonly Dictionary<string, List<(uint Offset, string Place)>> _sections = [];

    internal BtfLineInfo(BtfTypes types, ReadOnlySpan<byte> data)
    {
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
            var lines = new List<(uint, string)>();
            _sections[types.Text(U32(data, at))] = lines;
            var count = U32(data, at + 4);
            at += 8;
            for (uint index = 0; index < count && at + record <= (int)end; index++, at += record)
            {
                var file = Path.GetFileName(types.Text(U32(data, at + 4)));
                var source = types.Text(U32(data, at + 8)).Trim();
                lines.Add((U32(data, at), $"{file}:{U32(data, at + 12) >> 10}: {source}"));
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

        string? best = null;
        foreach (var (at, place) in lines)
        {
            if (at > offset)
            {
                break;
            }

            best = place;
        }

        return best;
    }

    private static uint U32(ReadOnlySpan<byte> data, int at) => BinaryPrimitives.ReadUInt32LittleEndian(data[at..]);
}
