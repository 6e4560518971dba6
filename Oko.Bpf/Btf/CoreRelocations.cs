using System.Buffers.Binary;
using Oko.Bpf.Elf;

namespace Oko.Bpf.Btf;

// CO-RE: the compiler notes which instructions hold a number that depends on the layout of a type (an offset, a size, whether a member
// exists), and the loader writes the number of the kernel the program is loaded into. Programs that include vmlinux.h have such
// notes for every struct access, most of them harmless. A filter sees no kernel types, so:
//
//   struct xdp_md, struct __sk_buff   by name from the layout of our contexts (ContextLayouts), whatever members the object declares
//   headers of packets (iphdr, ...)   their layout is the wire's: the object's own numbers stay
//   everything else                   refused, with the name of the type and member
//
// Only the notes of instructions that become part of a program are looked at.
//
// Source: Linux, include/uapi/linux/bpf.h (struct bpf_core_relo) and Documentation/bpf/llvm_reloc.rst.

/// <summary>The CO-RE relocations of an object, from <c>.BTF.ext</c>. One per load.</summary>
internal sealed class CoreRelocations
{
    private const int HeaderBytes = 32, RecordBytes = 16, MaxDepth = 32;

    private readonly BtfTypes _types;
    private readonly Dictionary<(string Section, ulong Offset), CoreRelocation> _byPlace = [];

    /// <summary>Reads the relocations.</summary>
    /// <exception cref="ElfFormatException">They are truncated.</exception>
    internal CoreRelocations(BtfTypes types, ReadOnlySpan<byte> data)
    {
        _types = types;
        if (data.Length < HeaderBytes || BinaryPrimitives.ReadUInt16LittleEndian(data) != 0xEB9F || U32(data, 4) < HeaderBytes)
        {
            return;                             // older compilers had none
        }

        ulong header = U32(data, 4), start = U32(data, 24), bytes = U32(data, 28);
        if (bytes == 0)
        {
            return;
        }

        var end = header + start + bytes;
        if (end > (ulong)data.Length || bytes < 4)
        {
            throw new ElfFormatException("the .BTF.ext section is truncated: its header points outside");
        }

        data = data[..(int)end];
        var at = (int)(header + start);
        var record = U32(data, at);
        if (record is < RecordBytes or > 1024)
        {
            throw new ElfFormatException($"the .BTF.ext section has CO-RE relocations of {record} bytes; {RecordBytes} are expected");
        }

        at += 4;
        while (at < data.Length)
        {
            var section = types.Text(U32(data, at));
            var count = U32(data, at + 4);
            at += 8;
            for (uint index = 0; index < count; index++, at += (int)record)
            {
                var offset = U32(data, at);
                _byPlace[(section, offset)] = new CoreRelocation(this, (CoreRelocationKind)U32(data, at + 12), U32(data, at + 4), types.Text(U32(data, at + 8)));
            }
        }
    }

    /// <summary>The relocation of the instruction at a byte offset in a section, or null.</summary>
    internal CoreRelocation? Find(string section, ulong offset) => _byPlace.GetValueOrDefault((section, offset));

    /// <summary>The number that an instruction gets, or null when it keeps the object's own.</summary>
    /// <exception cref="ElfFormatException">It depends on a type that a filter does not see.</exception>
    internal uint? Resolve(CoreRelocation relocation, string program)
    {
        if (relocation.Kind == CoreRelocationKind.LocalTypeId)
        {
            return null;
        }

        var type = _types.Resolve(relocation.Type);
        var name = WithoutFlavor(type.Name);
        var isStruct = type.Kind is BtfKind.Struct or BtfKind.Union;
        var knowsLayout = relocation.Kind is not (CoreRelocationKind.TargetTypeId or CoreRelocationKind.ConstantExists or CoreRelocationKind.ConstantValue);
        if (isStruct && knowsLayout && ContextLayouts.IsPacketHeader(name))
        {
            return null;
        }

        if (isStruct && knowsLayout && ContextLayouts.Find(name) is { } layout)
        {
            return relocation.Kind switch
            {
                CoreRelocationKind.TypeExists or CoreRelocationKind.TypeMatches => 1,
                CoreRelocationKind.TypeSize => layout.Size,
                _ => ResolveField(relocation, layout, name, program),
            };
        }

        throw new ElfFormatException(
            $"program {program} has a CO-RE relocation for {Describe(relocation, type)}, which needs the running kernel's types; a filter sees only its packet and struct xdp_md or __sk_buff");
    }

    private uint ResolveField(CoreRelocation relocation, ContextLayout layout, string name, string program)
    {
        var (member, inside, size) = Walk(relocation);
        var exists = layout.Fields.TryGetValue(member, out var field);
        if (relocation.Kind == CoreRelocationKind.FieldExists)
        {
            return exists ? 1u : 0u;
        }

        if (!exists || inside >= field.Size || size == 0 || size > field.Size - inside)
        {
            throw new ElfFormatException($"program {program} accesses {size} bytes of {name}::{(member.Length > 0 ? member : relocation.Path)} by CO-RE; "
                + (exists ? $"the member has {field.Size}" : $"there is no such member (there are {string.Join(", ", layout.Fields.Keys)})"));
        }

        return relocation.Kind switch
        {
            CoreRelocationKind.FieldOffset => field.Offset + inside,
            CoreRelocationKind.FieldSize => size,
            CoreRelocationKind.FieldSigned => 0,
            CoreRelocationKind.FieldLeftShift or CoreRelocationKind.FieldRightShift => 64 - Math.Min(size * 8, 64),
            _ => throw new ElfFormatException($"program {program} has a CO-RE relocation of kind {(uint)relocation.Kind} for {name}, which is unknown"),
        };
    }

    /// <summary>Follows the access path: first named member, bytes behind its start, bytes accessed. No name when it cannot be followed.</summary>
    private (string Member, uint Inside, uint Size) Walk(CoreRelocation relocation)
    {
        var path = relocation.Path.Split(':', MaxDepth + 1);
        if (path.Length > MaxDepth || path[0] != "0")
        {
            return (string.Empty, 0, 0);
        }

        var (member, inside, id) = (string.Empty, 0ul, relocation.Type);
        foreach (var part in path.Skip(1))
        {
            var type = _types.Resolve(id);
            if (!int.TryParse(part, out var index) || index < 0)
            {
                return (string.Empty, 0, 0);
            }

            if (type.Kind == BtfKind.Array && member.Length > 0)
            {
                (inside, id) = (inside + ((ulong)index * _types.SizeOf(type.Target)), type.Target);
            }
            else if (type.Kind is BtfKind.Struct or BtfKind.Union && index < type.Members.Count && member.Length == 0)
            {
                // Members of a union without a name count as the struct's own.
                (member, id) = (type.Members[index].Name, type.Members[index].Type);
            }
            else
            {
                return (string.Empty, 0, 0);
            }
        }

        return inside > uint.MaxValue ? (string.Empty, 0, 0) : (member, (uint)inside, _types.SizeOf(id));
    }

    private string Describe(CoreRelocation relocation, BtfType type)
    {
        var name = WithoutFlavor(type.Name);
        name = name.Length > 0 ? name : "a type without a name";
        var path = relocation.Path.Split(':');
        return type.Kind is BtfKind.Struct or BtfKind.Union && path.Length > 1 && int.TryParse(path[1], out var index) && index >= 0 && index < type.Members.Count
            ? $"{name}::{type.Members[index].Name}" : name;
    }

    /// <summary>"struct xdp_md___old" is another declaration of "struct xdp_md".</summary>
    private static string WithoutFlavor(string name) =>
        name.IndexOf("___", StringComparison.Ordinal) is var at and > 0 ? name[..at] : name;

    private static uint U32(ReadOnlySpan<byte> data, int at) =>
        at >= 0 && at <= data.Length - 4 ? BinaryPrimitives.ReadUInt32LittleEndian(data[at..])
            : throw new ElfFormatException($"the .BTF.ext section is truncated at offset {at}");
}
