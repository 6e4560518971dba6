using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

[TestFixture]
public sealed unsafe class PerCpuMapTests
{
    [TestCase(MapType.PerCpuArray)]
    [TestCase(MapType.PerCpuHash)]
    public void Update_ByWorkers_EachSeesItsOwnCopyAndTheControllerAll(MapType type)
    {
        using var map = BpfMap.Create(new MapSpec("m", type, 4, 4, 3, 0));
        var header = (MapHeader*)map.Handle;
        uint key = 2;
        for (uint worker = 1; worker < BpfMap.MaxWorkers; worker += 2)
        {
            uint value = worker * 10;
            MapOperations.Update(header, (byte*)&key, (byte*)&value, MapUpdateFlags.Any, worker).Should().Be(0);
        }

        for (uint worker = 0; worker < BpfMap.MaxWorkers; worker++)
        {
            (*(uint*)MapOperations.Lookup(header, (byte*)&key, worker)).Should().Be(worker % 2 * worker * 10);
        }

        var dump = new byte[map.DumpValueSize];
        map.TryLookup([2, 0, 0, 0], dump).Should().BeTrue();
        dump.Should().HaveCount(64);
        dump[4].Should().Be(10);
        dump[60].Should().Be(150);
        map.Snapshot().Single(entry => entry.Key[0] == 2).Value.Should().Equal(dump);
    }

    [TestCase(MapType.PerCpuArray)]
    [TestCase(MapType.PerCpuHash)]
    public void Update_ByController_SetsEveryCopy(MapType type)
    {
        using var map = BpfMap.Create(new MapSpec("m", type, 4, 4, 3, 0));
        byte[] values = Enumerable.Range(0, map.DumpValueSize).Select(each => (byte)each).ToArray();

        map.Update([1, 0, 0, 0], values, MapUpdateFlags.Any).Should().Be(0);

        uint key = 1;
        for (uint worker = 0; worker < BpfMap.MaxWorkers; worker++)
        {
            (*MapOperations.Lookup((MapHeader*)map.Handle, (byte*)&key, worker)).Should().Be((byte)(worker * 4));
        }
    }
}
