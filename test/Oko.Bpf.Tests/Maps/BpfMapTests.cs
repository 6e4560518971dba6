using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

[TestFixture]
public sealed class BpfMapTests
{
    private static readonly MapSpec Array3 = new("a", MapType.Array, 4, 6, 3, 0);

    [Test]
    public void Array_Operations_FollowLinux()
    {
        using var map = BpfMap.Create(Array3);
        var value = new byte[6];

        map.Count.Should().Be(3);
        map.TryLookup([2, 0, 0, 0], value).Should().BeTrue();
        map.TryLookup([3, 0, 0, 0], value).Should().BeFalse();
        map.Update([2, 0, 0, 0], [1, 2, 3, 4, 5, 6], MapUpdateFlags.Exist).Should().Be(0);
        map.Update([2, 0, 0, 0], value, MapUpdateFlags.NoExist).Should().Be(MapErrno.Exists);
        map.Update([3, 0, 0, 0], value, MapUpdateFlags.Any).Should().Be(MapErrno.Full);
        map.Update([0, 0, 0, 0], value, 4).Should().Be(MapErrno.Invalid);
        map.Snapshot()[2].Value.Should().Equal(1, 2, 3, 4, 5, 6);
        map.Snapshot()[1].Value.Should().Equal(0, 0, 0, 0, 0, 0);
    }

    [Test]
    public void Array_DeleteAndClear_ZeroElements()
    {
        using var map = BpfMap.Create(Array3);
        var value = new byte[6];
        map.Update([1, 0, 0, 0], [1, 2, 3, 4, 5, 6], MapUpdateFlags.Any);
        map.Update([2, 0, 0, 0], [1, 2, 3, 4, 5, 6], MapUpdateFlags.Any);

        map.Delete([1, 0, 0, 0]).Should().Be(0);
        map.TryLookup([1, 0, 0, 0], value);
        value.Should().Equal(0, 0, 0, 0, 0, 0);
        map.Delete([9, 0, 0, 0]).Should().Be(MapErrno.Full);
        map.Clear();
        map.TryLookup([2, 0, 0, 0], value);
        value.Should().Equal(0, 0, 0, 0, 0, 0);
    }

    [Test]
    public unsafe void Array_DeleteByProgram_IsInvalid()
    {
        using var map = BpfMap.Create(Array3);
        uint key = 0;

        MapOperations.Delete((MapHeader*)map.Handle, (byte*)&key).Should().Be(MapErrno.Invalid);
    }

    [TestCase(MapType.Unspecified, 4u, 4u, 4u, 0u, "*type 0*")]
    [TestCase(MapType.RingBuffer, 0u, 0u, 5000u, 0u, "*power of two*")]
    [TestCase(MapType.RingBuffer, 4u, 0u, 4096u, 0u, "*no keys*")]
    [TestCase(MapType.PerCpuArray, 4u, 32769u, 4u, 0u, "*value size 32769*1..32768*")]
    [TestCase(MapType.Hash, 0u, 4u, 4u, 0u, "*key size 0*1..512*")]
    [TestCase(MapType.Hash, 513u, 4u, 4u, 0u, "*key size 513*")]
    [TestCase(MapType.Array, 8u, 4u, 4u, 0u, "*keys of 4 bytes, not 8*")]
    [TestCase(MapType.Hash, 4u, 0u, 4u, 0u, "*value size 0*")]
    [TestCase(MapType.Hash, 4u, uint.MaxValue, 4u, 0u, "*value size 4294967295*")]
    [TestCase(MapType.Hash, 4u, 4u, 0u, 0u, "*0 entries*")]
    [TestCase(MapType.Hash, 4u, 4u, uint.MaxValue, 0u, "*4294967295 entries*")]
    [TestCase(MapType.Hash, 512u, 1u << 20, 1u << 26, 0u, "*the limit is 1073741824*")]
    [TestCase(MapType.Array, 4u, 1u << 20, 1u << 26, 0u, "*the limit is 1073741824*")]
    [TestCase(MapType.Hash, 4u, 4u, 4u, 2u, "*flags 0x2*")]
    public void Create_FaultyDefinition_IsRefusedWithTheReason(
        MapType type, uint keySize, uint valueSize, uint maxEntries, uint flags, string reason)
    {
        var spec = new MapSpec("m", type, keySize, valueSize, maxEntries, flags);
        Action create = () => BpfMap.Create(spec);

        create.Should().Throw<ArgumentException>().WithMessage(reason);
        BpfMap.FindFault(spec).Should().Match(reason);
    }

    [Test]
    public void MapMemoryBytes_CountsEverything()
    {
        BpfMap.MapMemoryBytes(Array3).Should().Be(256 + (3 * 8));
        BpfMap.MapMemoryBytes(new MapSpec("h", MapType.Hash, 4, 4, 1000, 0))
            .Should().Be(256 + (2 * 4096 * 8) + ((1 + 1000 + 256) * (16 + 12)));
    }

    [Test]
    public void Dispose_LastReference_EndsTheMap()
    {
        var map = BpfMap.Create(Array3);
        map.AddReference();
        map.Dispose();
        map.Handle.Should().NotBe(0, "one reference is left");

        map.Dispose();

        map.Handle.Should().Be(0);
        Action use = () => map.Update(new byte[4], new byte[6], 0);
        Action refer = map.AddReference;
        use.Should().Throw<ObjectDisposedException>();
        refer.Should().Throw<ObjectDisposedException>();
    }

    [Test]
    public void Update_WrongSizes_AreRefused()
    {
        using var map = BpfMap.Create(Array3);
        Action key = () => map.Update(new byte[3], new byte[6], 0);
        Action value = () => map.Update(new byte[4], new byte[7], 0);

        key.Should().Throw<ArgumentException>().WithMessage("Map 'a' has keys of 4 bytes, not 3*");
        value.Should().Throw<ArgumentException>().WithMessage("Map 'a' has values of 6 bytes, not 7*");
    }

    [Test]
    public void Register_MoreReadersThanCapacity_IsRefusedUntilOneLeaves()
    {
        var readers = new List<MapReader>();
        Action register = () => readers.Add(MapReaders.Register());
        try
        {
            for (int i = 0; i < MapReaders.Capacity; i++)
            {
                register();
            }

            register.Should().Throw<InvalidOperationException>().WithMessage("64 threads*");
            readers[5].Dispose();
            register.Should().NotThrow();
        }
        finally
        {
            readers.ForEach(reader => reader.Dispose());
        }
    }
}
