using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

/// <summary>Random operations on a prefix map beside a list that is searched from end to end.</summary>
[TestFixture]
public sealed unsafe class LpmMapModelTests
{
    private const int Steps = 20_000;
    private const int Capacity = 60;

    [Test]
    public void Operations_RandomPrefixes_AgreeWithALinearSearch([Values(1, 4, 7, 16, 256)] int dataBytes, [Values(1, 2)] int seed)
    {
        var random = new Random(seed);
        using var map = BpfMap.Create(new MapSpec("t", MapType.LpmTrie, 4 + (uint)dataBytes, 8, Capacity, MapCreateFlags.NoPreallocation));
        var header = (MapHeader*)map.Handle;
        var model = new List<Prefix>();
        var answers = new HashSet<int>();
        for (int step = 0; step < Steps; step++)
        {
            string where = $"seed {seed}, step {step}";
            byte[] data = RandomData(random, dataBytes);
            int length = RandomLength(random, dataBytes * 8);
            byte[] key = [.. BitConverter.GetBytes(length), .. data];
            Prefix? known = model.Find(prefix => prefix.Length == length && prefix.Covers(data, length));
            bool isValid = length <= dataBytes * 8;
            bool byProgram = random.Next(2) == 0;
            fixed (byte* bytes = key)
            {
                switch (random.Next(6))
                {
                    case 0:
                        long removed = byProgram ? MapOperations.Delete(header, bytes) : map.Delete(key);
                        removed.Should().Be(!isValid ? MapErrno.Invalid : known is null ? MapErrno.NotFound : 0, where);
                        model.RemoveAll(prefix => prefix == known);
                        break;
                    case 1:
                        var value = new byte[8];
                        map.TryLookup(key, value).Should().Be(known is not null, where);
                        BitConverter.ToUInt64(value).Should().Be(known?.Value ?? 0, where);
                        break;
                    case < 4:
                        var flags = (ulong)random.Next(4);
                        int error = !isValid || flags > MapUpdateFlags.Exist ? MapErrno.Invalid
                            : known is not null && flags == MapUpdateFlags.NoExist ? MapErrno.Exists
                            : known is null && flags == MapUpdateFlags.Exist ? MapErrno.NotFound
                            : known is null && model.Count == Capacity ? MapErrno.Full : 0;
                        var given = (ulong)step;
                        long updated = byProgram ? MapOperations.Update(header, bytes, (byte*)&given, flags, 0) : map.Update(key, BitConverter.GetBytes(given), flags);
                        updated.Should().Be(error, where);
                        if (error == 0)
                        {
                            model.RemoveAll(prefix => prefix == known);
                            model.Add(new Prefix(length, data, given));
                        }

                        break;
                    default:
                        Prefix? longest = isValid ? model.Where(prefix => prefix.Covers(data, length)).MaxBy(prefix => prefix.Length) : null;
                        var found = (ulong*)MapOperations.Lookup(header, bytes, 0);
                        (found == null ? null : (ulong?)*found).Should().Be(longest?.Value, where);
                        answers.Add(longest?.Length ?? -1);
                        break;
                }
            }

            map.Count.Should().Be(model.Count, where);
        }

        map.Snapshot().Select(entry => BitConverter.ToUInt64(entry.Value)).Should().BeEquivalentTo(model.Select(prefix => prefix.Value));
        answers.Should().Contain(0).And.Contain(dataBytes * 8).And.Contain(-1);
        map.Clear();
        map.Count.Should().Be(0);
        fixed (byte* any = new byte[4 + dataBytes])
        {
            *(int*)any = dataBytes * 8;
            (MapOperations.Lookup(header, any, 0) == null).Should().BeTrue("the map is empty");
        }
    }

    // Few different bytes, so that prefixes cover each other.
    private static byte[] RandomData(Random random, int size)
    {
        var data = new byte[size];
        data[0] = (byte)(random.Next(4) << 6);
        data[random.Next(size)] |= (byte)random.Next(4);
        data[size - 1] ^= (byte)random.Next(2);
        return data;
    }

    // Often the shortest and the longest, sometimes too long.
    private static int RandomLength(Random random, int most) => random.Next(8) switch
    {
        0 => 0,
        < 3 => most,
        3 => Math.Max(0, most - random.Next(10)),
        4 => random.Next(10),
        5 when random.Next(4) == 0 => most + 1 + random.Next(100),
        _ => random.Next(most + 1),
    };

    private sealed record Prefix(int Length, byte[] Data, ulong Value)
    {
        // Bits are counted from the top of the first byte.
        public bool Covers(byte[] data, int length) =>
            Length <= length && Enumerable.Range(0, Length).All(bit => ((Data[bit / 8] ^ data[bit / 8]) >> (7 - (bit % 8)) & 1) == 0);
    }
}
