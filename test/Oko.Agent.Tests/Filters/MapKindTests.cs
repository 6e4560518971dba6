using Microsoft.Extensions.Logging.Abstractions;
using Oko.Agent.Filters;
using Oko.Agent.Tests.Rules;
using Oko.Bpf.Maps;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Tests.Filters;

/// <summary>What controllers may do with maps of the other types, on an object that has one of each (mapkinds.c).</summary>
public sealed class MapKindTests
{
    private RuleBench _bench = null!;
    private FilterStore _store = null!;
    private MapService _maps = null!;

    [SetUp]
    public void SetUp()
    {
        _bench = new RuleBench();
        _store = new FilterStore(_bench.Rules, FilterVerification.Verify, new FilterQuotas(), NullLogger<FilterStore>.Instance);
        _maps = new MapService(_store);
        var elf = File.ReadAllBytes(SourceTree.BpfObject("mapkinds.o"));
        _bench.Rules.RunAsync(() => _store.InstallAsync(1, elf, null, "percpu", 0)).Result.Wait();
    }

    [TearDown]
    public void TearDown()
    {
        _bench.Dispose();
        _store.Dispose();
    }

    [Test]
    public void Update_PerCpuMap_SetsTheValueOfEachWorker()
    {
        var map = _store.GetMap(1, Index("perarray"));
        var value = MapText.ParseValue(1, map, "7");
        value.Should().HaveCount(8 * BpfMap.Workers);
        _maps.Update(1, Index("perarray"), [([2, 0, 0, 0], value)], MapUpdateFlags.Any);
        _maps.Dump(1, Index("perarray")).Single(entry => entry.Key[0] == 2).Value.Should().Equal(value);
        MapText.FormatValue(map.Spec, value).Should().Contain("7");
        Refused(() => _maps.Update(1, Index("perarray"), [([2, 0, 0, 0], new byte[4])], MapUpdateFlags.Any)).Type.Should().Be(OkoErrorType.MapSize);
    }

    [Test]
    public void Update_FullLruMap_MakesRoom()
    {
        for (byte key = 0; key < 8; key++)
        {
            _maps.Update(1, Index("lru"), [([key, 0, 0, 0], new byte[8])], MapUpdateFlags.Any);
        }

        _maps.Dump(1, Index("lru")).Should().HaveCount(4);
    }

    [Test]
    public void Update_Queue_AddsValuesOrNone()
    {
        _maps.Update(1, Index("queue"), [([], Number(1))], MapUpdateFlags.Any);
        Refused(() => _maps.Update(1, Index("queue"), [([], Number(2)), ([], Number(3))], MapUpdateFlags.Any)).Type.Should().Be(OkoErrorType.MapEntry);
        Refused(() => _maps.Update(1, Index("queue"), [([], Number(2))], MapUpdateFlags.Exist)).Type.Should().Be(OkoErrorType.MapOperation);
        _maps.Dump(1, Index("queue")).Select(entry => entry.Value[0]).Should().Equal(1);
        _maps.Delete(1, Index("queue"), []);
        _maps.Dump(1, Index("queue")).Should().BeEmpty();
        Refused(() => _maps.Delete(1, Index("queue"), [[]])).Type.Should().Be(OkoErrorType.MapOperation);
    }

    [TestCase("bloom")]
    [TestCase("ring")]
    [TestCase("sketch")]
    public void Dump_OfWhatCannotBeListed_IsRefusedWithWhatIsOffered(string name)
    {
        Refused(() => _maps.Dump(1, Index(name))).Should().Match<OkoError>(error =>
            error.Type == OkoErrorType.MapOperation && error.Text.Contains("does not offer dump"));
        var described = Describe().Maps[Index(name)];
        described.IsDumpable.Should().BeFalse();
        described.Entries.Should().BeNull();
    }

    [Test]
    public void Update_SketchAndPrefixes_AreTaken()
    {
        _maps.Update(1, Index("sketch"), [([9, 0, 0, 0], Number(100))], MapUpdateFlags.Any);
        _maps.Update(1, Index("lpm"), [([8, 0, 0, 0, 10, 0, 0, 0], [1, 0, 0, 0])], MapUpdateFlags.Any);
        _maps.Dump(1, Index("lpm")).Should().ContainSingle();
        Describe().Maps[Index("ring")].IsWritable.Should().BeFalse();
    }

    private int Index(string name) => _store.FindMap(1, name);

    private FilterInfo Describe() => _bench.Rules.RunAsync(() => _store.Describe(1)).Result;

    private static byte[] Number(ulong value) => BitConverter.GetBytes(value);

    private static OkoError Refused(Action action) => action.Should().Throw<OkoErrorException>().Which.Error;
}
