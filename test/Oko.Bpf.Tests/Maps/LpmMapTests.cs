using System.Buffers.Binary;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Testing;

namespace Oko.Bpf.Tests.Maps;

[TestFixture]
public sealed unsafe class LpmMapTests
{
    [Test]
    public void Operations_RandomPrefixes_AgreeWithALinearSearch()
    {
        var random = new Random(11);
        using BpfMap map = Create(60);
        var model = new Dictionary<(int Length, uint Bits), ulong>();
        for (int step = 0; step < 20_000; step++)
        {
            int length = random.Next(33);
            uint mask = length == 0 ? 0 : uint.MaxValue << (32 - length);
            uint address = (uint)random.Next(16) << 28 | (uint)random.Next(4) << 8 | (uint)random.Next(4);
            byte[] key = Key(length, address);
            bool isKnown = model.ContainsKey((length, address & mask));
            switch (random.Next(4))
            {
                case 0:
                    map.Delete(key).Should().Be(isKnown ? 0 : MapErrno.NotFound);
                    model.Remove((length, address & mask));
                    break;
                case 1:
                    int error = !isKnown && model.Count == 60 ? MapErrno.Full : 0;
                    map.Update(key, BitConverter.GetBytes((ulong)step), MapUpdateFlags.Any).Should().Be(error);
                    if (error == 0)
                    {
                        model[(length, address & mask)] = (ulong)step;
                    }

                    break;
                default:
                    ulong? expected = model
                        .Where(entry => entry.Key.Length <= length &&
                            (entry.Key.Length == 0 || entry.Key.Bits == (address & (uint.MaxValue << (32 - entry.Key.Length)))))
                        .OrderByDescending(entry => entry.Key.Length).Select(entry => (ulong?)entry.Value).FirstOrDefault();
                    fixed (byte* bytes = key)
                    {
                        var found = (ulong*)MapOperations.Lookup((MapHeader*)map.Handle, bytes, 0);
                        (found == null ? null : (ulong?)*found).Should().Be(expected, $"step {step}");
                    }

                    map.TryLookup(key, new byte[8]).Should().Be(isKnown, "the controller asks for exactly this prefix");
                    break;
            }
        }

        map.Count.Should().Be(model.Count);
        map.Clear();
        map.TryLookup(Key(0, 0), new byte[8]).Should().BeFalse();
    }

    [Test]
    public void Operations_LengthBeyondTheData_AreRefused()
    {
        using BpfMap map = Create(4);
        map.Update(Key(33, 0), new byte[8], MapUpdateFlags.Any).Should().Be(MapErrno.Invalid);
        map.Delete(Key(33, 0)).Should().Be(MapErrno.Invalid);
        map.TryLookup(Key(33, 0), new byte[8]).Should().BeFalse();
    }

    [Test]
    public void Create_WithoutNoPreallocation_IsRefusedAsInLinux() =>
        BpfMap.FindFault(new MapSpec("t", MapType.LpmTrie, 8, 8, 4, 0)).Should().Contain("BPF_F_NO_PREALLOC");

    [Test]
    public void LookupAndUpdate_Warm_AllocateNothing()
    {
        using BpfMap map = Create(4);
        nint handle = map.Handle;
        Allocations.Of(() =>
        {
            ulong key = 24 | (ulong)0x0a << 32;
            for (int i = 0; i < 1000; i++)
            {
                MapOperations.Update((MapHeader*)handle, (byte*)&key, (byte*)&key, 0, 0);
                MapOperations.Lookup((MapHeader*)handle, (byte*)&key, 0);
            }
        }).Should().Be(0);
    }

    private static BpfMap Create(uint capacity) =>
        BpfMap.Create(new MapSpec("t", MapType.LpmTrie, 8, 8, capacity, MapCreateFlags.NoPreallocation));

    private static byte[] Key(int length, uint address)
    {
        var key = new byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(key, length);
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(4), address);
        return key;
    }
}
