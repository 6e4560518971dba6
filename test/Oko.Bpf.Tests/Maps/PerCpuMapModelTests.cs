using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

/// <summary>Random operations on per-CPU maps, by workers and the controller, beside a dictionary of copies.</summary>
[TestFixture]
public sealed unsafe class PerCpuMapModelTests
{
    private const int Steps = 20_000;
    private const int Capacity = 20;

    [Test]
    public void Operations_RandomSequence_AgreeWithDictionaryOfCopies(
        [Values(MapType.PerCpuArray, MapType.PerCpuHash)] MapType type, [Values(1u, 8u, 12u)] uint valueSize)
    {
        int seed = (int)valueSize;
        var random = new Random(seed);
        bool isArray = type == MapType.PerCpuArray;
        using var map = BpfMap.Create(new MapSpec("m", type, 4, valueSize, Capacity, 0));
        var header = (MapHeader*)map.Handle;
        Dictionary<uint, byte[]> model = [];
        ClearModel(map, model);
        var bytes = new byte[map.DumpValueSize];
        for (int step = 0; step < Steps; step++)
        {
            string where = $"seed {seed}, step {step}";
            var key = (uint)random.Next(2 * Capacity);
            var worker = (uint)random.Next(BpfMap.Workers);
            var flags = (ulong)random.Next(4);
            bool isKnown = model.TryGetValue(key, out byte[]? expected);
            int error = flags > MapUpdateFlags.Exist ? MapErrno.Invalid
                : isKnown && flags == MapUpdateFlags.NoExist ? MapErrno.Exists
                : !isKnown && isArray ? MapErrno.Full
                : !isKnown && flags == MapUpdateFlags.Exist ? MapErrno.NotFound
                : !isKnown && model.Count == Capacity ? MapErrno.Full : 0;
            random.NextBytes(bytes);
            switch (random.Next(8))
            {
                case 0:
                    int absent = isArray ? MapErrno.Full : MapErrno.NotFound;
                    map.Delete(BitConverter.GetBytes(key)).Should().Be(isKnown ? 0 : absent, where);
                    model.Remove(key);
                    if (isArray && isKnown)
                    {
                        model[key] = new byte[map.DumpValueSize];
                    }

                    break;
                case 1 when isArray:
                    MapOperations.Delete(header, (byte*)&key).Should().Be(MapErrno.Invalid, where);
                    break;
                case 1:
                    MapOperations.Delete(header, (byte*)&key).Should().Be(isKnown ? 0 : MapErrno.NotFound, where);
                    model.Remove(key);
                    break;
                case 2:
                    var dump = new byte[map.DumpValueSize];
                    map.TryLookup(BitConverter.GetBytes(key), dump).Should().Be(isKnown, where);
                    dump.Should().Equal(expected ?? new byte[map.DumpValueSize], where);
                    break;
                case 3:
                    map.Update(BitConverter.GetBytes(key), bytes, flags).Should().Be(error, where);
                    if (error == 0)
                    {
                        model[key] = [.. bytes];
                    }

                    break;
                case < 6:
                    fixed (byte* value = bytes)
                    {
                        MapOperations.Update(header, (byte*)&key, value, flags, worker).Should().Be(error, where);
                    }

                    if (error == 0)
                    {
                        model.TryAdd(key, new byte[map.DumpValueSize]);
                        bytes.AsSpan(0, map.ValueSize).CopyTo(model[key].AsSpan((int)worker * map.ValueSize));
                    }

                    break;
                case 6 when step % 100 == 0:
                    map.Clear();
                    ClearModel(map, model);
                    break;
                default:
                    byte* found = MapOperations.Lookup(header, (byte*)&key, worker);
                    (found != null).Should().Be(isKnown, where);
                    if (found != null)
                    {
                        Span<byte> copy = expected.AsSpan((int)worker * map.ValueSize, map.ValueSize);
                        new Span<byte>(found, map.ValueSize).SequenceEqual(copy).Should().BeTrue(where);
                        found[0]++;
                        copy[0]++;
                    }

                    break;
            }
        }

        map.Count.Should().Be(model.Count);
        map.Snapshot().Select(entry => (BitConverter.ToUInt32(entry.Key), Convert.ToHexString(entry.Value)))
            .Should().BeEquivalentTo(model.Select(entry => (entry.Key, Convert.ToHexString(entry.Value))), $"seed {seed}");
    }

    private static void ClearModel(BpfMap map, Dictionary<uint, byte[]> model)
    {
        model.Clear();
        for (uint element = 0; element < Capacity && map.Type == MapType.PerCpuArray; element++)
        {
            model[element] = new byte[map.DumpValueSize];
        }
    }
}
