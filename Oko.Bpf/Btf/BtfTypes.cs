using System.Buffers.Binary;
using System.Text;
using Oko.Bpf.Elf;

namespace Oko.Bpf.Btf;

/// <summary>BTF_KIND. Source: Linux, Documentation/bpf/btf.rst.</summary>
public enum BtfKind
{
    /// <summary>void.</summary>
    Void = 0,

    /// <summary>Integer.</summary>
    Int = 1,

    /// <summary>Pointer.</summary>
    Pointer = 2,

    /// <summary>Array.</summary>
    Array = 3,

    /// <summary>struct.</summary>
    Struct = 4,

    /// <summary>union.</summary>
    Union = 5,

    /// <summary>enum of 32 bits.</summary>
    Enum = 6,

    /// <summary>Forward declaration.</summary>
    Forward = 7,

    /// <summary>typedef.</summary>
    Typedef = 8,

    /// <summary>volatile.</summary>
    Volatile = 9,

    /// <summary>const.</summary>
    Const = 10,

    /// <summary>restrict.</summary>
    Restrict = 11,

    /// <summary>Function.</summary>
    Function = 12,

    /// <summary>Function prototype.</summary>
    FunctionPrototype = 13,

    /// <summary>Variable.</summary>
    Variable = 14,

    /// <summary>Data section.</summary>
    DataSection = 15,

    /// <summary>Floating point.</summary>
    Float = 16,

    /// <summary>Declaration tag.</summary>
    DeclarationTag = 17,

    /// <summary>Type tag.</summary>
    TypeTag = 18,

    /// <summary>enum of 64 bits.</summary>
    Enum64 = 19,
}

/// <summary>A member of a struct or union, or a variable of a data section.</summary>
/// <param name="Name">Name; of a variable that of its type.</param>
/// <param name="Type">Type id.</param>
/// <param name="BitOffset">Where it begins, in bits.</param>
/// <param name="BitSize">Bits of a bit field, 0 for others.</param>
public readonly record struct BtfMember(string Name, uint Type, uint BitOffset, byte BitSize);

/// <summary>One type.</summary>
/// <param name="Kind">Kind.</param>
/// <param name="Name">Name, empty if it has none.</param>
/// <param name="Size">Bytes, of kinds that have a size of their own.</param>
/// <param name="Target">Type referred to.</param>
/// <param name="Elements">Number of elements of an array.</param>
/// <param name="IsSigned">Of integers and enums.</param>
/// <param name="Members">Members.</param>
/// <param name="FirstValue">Of an enum: its first constant, sign-extended, 0 if it has none.</param>
/// <param name="IsBool">Of integers: only 0 and 1.</param>
public sealed record BtfType(
    BtfKind Kind, string Name, uint Size, uint Target, uint Elements, bool IsSigned, IReadOnlyList<BtfMember> Members, long FirstValue = 0, bool IsBool = false);

/// <summary>The type information of an object (<c>.BTF</c>), checked as it is read. Immutable once the object is
/// loaded.</summary>
public sealed class BtfTypes
{
    private const int MaxTypes = 1 << 17;
    private const int MaxDepth = 32;
    private const int MaxTextBytes = 1024;

    private readonly List<BtfType> _types = [new(BtfKind.Void, string.Empty, 0, 0, 0, false, [])];
    private readonly ReadOnlyMemory<byte> _strings;
    private readonly Dictionary<uint, string> _texts = [];
    private long _textBudget;

    /// <summary>Reads a <c>.BTF</c> section.</summary>
    /// <exception cref="ElfFormatException">It cannot be read.</exception>
    public BtfTypes(ReadOnlyMemory<byte> section)
    {
        var data = section.Span;
        if (data.Length < 24 || BinaryPrimitives.ReadUInt16LittleEndian(data) != 0xEB9F)
        {
            throw new ElfFormatException("the .BTF section has no BTF header; compile with clang -g");
        }

        ulong header = U32(data, 4), types = U32(data, 8), typeBytes = U32(data, 12), strings = U32(data, 16), stringBytes = U32(data, 20);
        if (header < 24 || header + types + typeBytes > (ulong)data.Length || header + strings + stringBytes > (ulong)data.Length)
        {
            throw new ElfFormatException("the .BTF section is truncated: its header points outside");
        }

        _strings = section.Slice((int)(header + strings), (int)stringBytes);
        _textBudget = (4L * (long)stringBytes) + MaxTextBytes;
        var at = (int)(header + types);
        var end = at + (int)typeBytes;
        while (at < end)
        {
            if (_types.Count >= MaxTypes)
            {
                throw new ElfFormatException($"the .BTF section has more than {MaxTypes} types");
            }

            at = ReadType(data[..end], at);
        }
    }

    /// <summary>All types; the id is the index, 0 is void.</summary>
    public IReadOnlyList<BtfType> All => _types;

    /// <summary>The type of an id; void for ids that do not exist.</summary>
    public BtfType this[uint id] => id < _types.Count ? _types[(int)id] : _types[0];

    /// <summary>A name of the string table; empty outside it. Not for several threads at once.</summary>
    public string Text(uint offset)
    {
        var strings = _strings.Span;
        if (offset >= strings.Length)
        {
            return string.Empty;
        }

        if (_texts.TryGetValue(offset, out var known))
        {
            return known;
        }

        var rest = strings[(int)offset..];
        var end = rest.IndexOf((byte)0);
        rest = rest[..Math.Min(end < 0 ? rest.Length : end, MaxTextBytes)];
        // Names may share their ends, but not so that a small object takes much memory.
        if ((_textBudget -= rest.Length) < 0)
        {
            throw new ElfFormatException("the names of the .BTF section overlap too much; compile again");
        }

        var text = Encoding.UTF8.GetString(rest);
        _texts.Add(offset, text);
        return text;
    }

    /// <summary>Follows typedefs and qualifiers; void when they never end.</summary>
    public BtfType Resolve(uint id)
    {
        for (var depth = 0; depth < MaxDepth; depth++)
        {
            var type = this[id];
            if (type.Kind is not (BtfKind.Typedef or BtfKind.Volatile or BtfKind.Const or BtfKind.Restrict or BtfKind.TypeTag))
            {
                return type;
            }

            id = type.Target;
        }

        return _types[0];
    }

    /// <summary>Size of a type in bytes; 0 if it has none or is nested too deep.</summary>
    public uint SizeOf(uint id, int depth = 0)
    {
        var type = Resolve(id);
        if (depth > MaxDepth)
        {
            return 0;
        }

        return type.Kind switch
        {
            BtfKind.Int or BtfKind.Struct or BtfKind.Union or BtfKind.Enum or BtfKind.Enum64 or BtfKind.Float => type.Size,
            BtfKind.Pointer => 8,
            BtfKind.Array => (uint)Math.Min((ulong)type.Elements * SizeOf(type.Target, depth + 1), uint.MaxValue),
            _ => 0,
        };
    }

    /// <summary>The section that an undefined symbol is declared in (<c>.kconfig</c>, <c>.ksyms</c>), or null.</summary>
    internal string? SectionOfExtern(string name) => _types.Where(type => type.Kind == BtfKind.DataSection && type.Name is ".kconfig" or ".ksyms")
        .FirstOrDefault(section => section.Members.Any(member => member.Name == name))?.Name;

    /// <summary>Adds a type that the object does not spell out, while it is being loaded.</summary>
    /// <returns>Its id.</returns>
    internal uint Add(BtfType type)
    {
        _types.Add(type);
        return (uint)_types.Count - 1;
    }

    private static uint U32(ReadOnlySpan<byte> data, int at) =>
        at >= 0 && at + 4 <= data.Length ? BinaryPrimitives.ReadUInt32LittleEndian(data[at..])
            : throw new ElfFormatException($"the .BTF section is truncated at offset {at}");

    private int ReadType(ReadOnlySpan<byte> data, int at)
    {
        var name = Text(U32(data, at));
        var info = U32(data, at + 4);
        var sizeOrType = U32(data, at + 8);
        var kind = (BtfKind)((info >> 24) & 0x1F);
        var count = (int)(info & 0xFFFF);
        var hasBitFields = info >> 31 != 0;
        at += 12;
        uint target = 0, elements = 0, size = 0;
        bool isSigned = false, isBool = false;
        var firstValue = 0L;
        List<BtfMember> members = [];
        switch (kind)
        {
            case BtfKind.Int:
                size = sizeOrType;
                (isSigned, isBool) = (((U32(data, at) >> 24) & 1) != 0, ((U32(data, at) >> 24) & 4) != 0);
                at += 4;
                break;
            case BtfKind.Array:
                target = U32(data, at);
                elements = U32(data, at + 8);
                at += 12;
                break;
            case BtfKind.Struct or BtfKind.Union:
                size = sizeOrType;
                for (var index = 0; index < count; index++, at += 12)
                {
                    var place = U32(data, at + 8);
                    members.Add(new BtfMember(
                        Text(U32(data, at)), U32(data, at + 4), hasBitFields ? place & 0xFFFFFF : place, hasBitFields ? (byte)(place >> 24) : (byte)0));
                }

                break;
            case BtfKind.DataSection:
                size = sizeOrType;
                for (var index = 0; index < count; index++, at += 12)
                {
                    members.Add(new BtfMember(this[U32(data, at)].Name, U32(data, at), (uint)Math.Min(U32(data, at + 4) * 8UL, uint.MaxValue), 0));
                }

                break;
            case BtfKind.Enum:
                firstValue = count == 0 ? 0 : hasBitFields ? (int)U32(data, at + 4) : U32(data, at + 4);
                (size, isSigned, at) = (sizeOrType, hasBitFields, at + (count * 8));
                break;
            case BtfKind.Enum64:
                firstValue = count == 0 ? 0 : (long)(((ulong)U32(data, at + 8) << 32) | U32(data, at + 4));
                (size, isSigned, at) = (sizeOrType, hasBitFields, at + (count * 12));
                break;
            case BtfKind.FunctionPrototype:
                (target, at) = (sizeOrType, at + (count * 8));
                break;
            case BtfKind.Variable or BtfKind.DeclarationTag:
                (target, at) = (sizeOrType, at + 4);
                break;
            case BtfKind.Float:
                size = sizeOrType;
                break;
            case BtfKind.Pointer or BtfKind.Typedef or BtfKind.Volatile or BtfKind.Const or BtfKind.Restrict or BtfKind.Function
                or BtfKind.TypeTag or BtfKind.Forward:
                target = sizeOrType;
                break;
            default:
                throw new ElfFormatException($"the .BTF section has a type of kind {(int)kind}, which is unknown");
        }

        _types.Add(new BtfType(kind, name, size, target, elements, isSigned, members, firstValue, isBool));
        return at;
    }
}
