using System.Buffers.Binary;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

[TestFixture]
public sealed unsafe class LpmMapTests
{
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
