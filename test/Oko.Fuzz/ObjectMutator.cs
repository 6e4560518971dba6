using System.Buffers.Binary;

namespace Oko.Fuzz;

/// <summary>
/// Changes objects. Most changes know what they change (an instruction, a symbol, a relocation, a number in BTF or in a map definition), so
/// that the object still gets past the first checks and the fault, if there is one, lies deeper.
/// </summary>
internal sealed class ObjectMutator(Random random)
{
    private const uint SymbolTable = 2, Relocations = 9;
    private const int MostChanges = 6;

    // Around the limits of what is read: sizes of types, of maps, of the stack and of packets.
    private static readonly uint[] Numbers =
        [0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 512, 513, 4095, 4096, 65535, 65536, 1 << 20, 1 << 24, 1 << 26, int.MaxValue, 1u << 31, uint.MaxValue - 1, uint.MaxValue];

    private readonly InstructionMutator _instructions = new(random);

    /// <summary>A changed copy.</summary>
    /// <param name="original">What to change.</param>
    /// <param name="other">Parts may come from here.</param>
    public byte[] Mutate(byte[] original, byte[] other)
    {
        var file = (byte[])original.Clone();
        for (var changes = random.Next(random.Next(MostChanges)) + 1; changes > 0; changes--)
        {
            var layout = ObjectLayout.Of(file);
            switch (random.Next(100))
            {
                case < 50 when Choose(layout, part => part.IsCode) is { } code:
                    _instructions.Mutate(file.AsSpan(code.Offset, code.Bytes));
                    break;
                case < 60 when Choose(layout, part => part.IsCode) is { } code && Choose(ObjectLayout.Of(other), part => part.IsCode) is { } source:
                    _instructions.Splice(file.AsSpan(code.Offset, code.Bytes), other.AsSpan(source.Offset, source.Bytes));
                    break;
                case < 68 when Choose(layout, part => part.Type == SymbolTable) is { } symbols:
                    ChangeRecord(file.AsSpan(symbols.Offset, symbols.Bytes), 24, [4, 1, 1, 2, 8, 8]);
                    break;
                case < 76 when Choose(layout, part => part.Type == Relocations) is { } relocations:
                    ChangeRecord(file.AsSpan(relocations.Offset, relocations.Bytes), 16, [8, 4, 4]);
                    break;
                case < 88 when Choose(layout, part => !part.IsCode && part.Name.Length > 0 && part.Type == 1) is { } data:
                    ChangeNumber(file.AsSpan(data.Offset, data.Bytes), 4);
                    break;
                case < 92 when layout.HeadersAt > 0:
                    var headers = file.AsSpan(layout.HeadersAt);
                    ChangeRecord(headers, ObjectLayout.HeaderBytes, [4, 4, 8, 8, 8, 8, 4, 4, 8, 8]);
                    break;
                case < 94:
                    ChangeNumber(file.AsSpan(0, Math.Min(file.Length, 64)), 2);
                    break;
                default:
                    file = ChangeBytes(file, other);
                    break;
            }
        }

        return file;
    }

    private ObjectLayout.Part? Choose(ObjectLayout layout, Func<ObjectLayout.Part, bool> isWanted)
    {
        var parts = layout.Parts.Where(isWanted).ToList();
        return parts.Count == 0 ? null : parts[random.Next(parts.Count)];
    }

    /// <summary>A member of one of the records of a table.</summary>
    private void ChangeRecord(Span<byte> table, int recordBytes, ReadOnlySpan<int> members)
    {
        var records = table.Length / recordBytes;
        if (records == 0)
        {
            return;
        }

        var member = random.Next(members.Length);
        var at = random.Next(records) * recordBytes;
        foreach (var bytes in members[..member])
        {
            at += bytes;
        }

        var place = table.Slice(at, members[member]);
        if (random.Next(3) == 0)
        {
            // What another record has there is likely to make sense.
            table.Slice((at % recordBytes) + (random.Next(records) * recordBytes), place.Length).CopyTo(place);
        }
        else
        {
            ChangeNumber(place, place.Length);
        }
    }

    private void ChangeNumber(Span<byte> bytes, int size)
    {
        if (bytes.Length < size)
        {
            return;
        }

        var place = bytes[(random.Next(bytes.Length / size) * size)..];
        switch (random.Next(3))
        {
            case 0:
                place[random.Next(size)] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                Add(place, size, random.Next(-8, 9));
                break;
            default:
                Span<byte> number = stackalloc byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(number, random.Next(8) == 0 ? ulong.MaxValue - (ulong)random.Next(16) : Numbers[random.Next(Numbers.Length)]);
                number[..size].CopyTo(place);
                break;
        }
    }

    private static void Add(Span<byte> place, int size, int number)
    {
        for (var at = 0; at < size; at++)
        {
            number += place[at];
            place[at] = (byte)number;
            number >>= 8;
        }
    }

    private byte[] ChangeBytes(byte[] file, byte[] other)
    {
        if (file.Length == 0)
        {
            return [.. other];
        }

        var at = random.Next(file.Length);
        var length = random.Next(Math.Min(file.Length - at, 64)) + 1;
        switch (random.Next(6))
        {
            case 0:
                return file[..at];
            case 1:
                return [.. file[..at], .. file[(at + length)..]];
            case 2:
                return [.. file[..at], .. file.AsSpan(at, length), .. file[at..]];
            case 3:
                random.NextBytes(file.AsSpan(at, length));
                return file;
            case 4 when other.Length > length:
                other.AsSpan(random.Next(other.Length - length), length).CopyTo(file.AsSpan(at));
                return file;
            default:
                file[at] ^= (byte)(1 << random.Next(8));
                return file;
        }
    }
}
