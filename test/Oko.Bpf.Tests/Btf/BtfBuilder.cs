using System.Buffers.Binary;
using System.Text;
using Oko.Bpf.Btf;

namespace Oko.Bpf.Tests.Btf;

/// <summary>Writes <c>.BTF</c> sections by hand, sane or not.</summary>
internal sealed class BtfBuilder
{
    private readonly MemoryStream _types = new();
    private readonly MemoryStream _strings = new();
    private uint _count;

    public BtfBuilder() => _strings.WriteByte(0);

    /// <summary>Adds a string; its offset.</summary>
    public uint Text(string text)
    {
        var offset = (uint)_strings.Position;
        _strings.Write(Encoding.UTF8.GetBytes(text + "\0"));
        return offset;
    }

    /// <summary>Adds a type of raw words behind name and info; its id.</summary>
    public uint Type(uint name, BtfKind kind, int count, uint sizeOrType, params uint[] words)
    {
        foreach (var word in (uint[])[name, ((uint)kind << 24) | (uint)count, sizeOrType, .. words])
        {
            _types.Write(BitConverter.GetBytes(word));
        }

        return ++_count;
    }

    /// <summary>Adds an unsigned integer type.</summary>
    public uint Integer(uint bytes) => Type(Text($"u{bytes * 8}"), BtfKind.Int, 0, bytes, bytes * 8);

    /// <summary>Adds a struct; members as (type, byte offset).</summary>
    public uint Struct(uint size, params (uint Type, uint Offset)[] members)
    {
        var name = Text("m");
        return Type(Text("s"), BtfKind.Struct, members.Length, size, [.. members.SelectMany(member => (uint[])[name, member.Type, member.Offset * 8])]);
    }

    /// <summary>Sets the kind flag of a struct in a finished section: its offsets hold the sizes of bit fields.</summary>
    public static void SetFlag(byte[] section, uint type)
    {
        var at = 24;
        for (uint id = 1; id < type; id++)
        {
            var (kind, count) = ((BtfKind)(section[at + 7] & 0x1f), section[at + 4]);
            at += 12 + kind switch { BtfKind.Int => 4, BtfKind.Array => 12, BtfKind.Struct => 12 * count, _ => 0 };
        }

        section[at + 7] |= 0x80;
    }

    /// <summary>The section.</summary>
    public byte[] Bytes()
    {
        var section = new byte[24 + _types.Length + _strings.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(section, 0x0001EB9F);
        BinaryPrimitives.WriteUInt32LittleEndian(section.AsSpan(4), 24);
        BinaryPrimitives.WriteUInt32LittleEndian(section.AsSpan(12), (uint)_types.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(section.AsSpan(16), (uint)_types.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(section.AsSpan(20), (uint)_strings.Length);
        _types.ToArray().CopyTo(section, 24);
        _strings.ToArray().CopyTo(section, 24 + (int)_types.Length);
        return section;
    }
}
