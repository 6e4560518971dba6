namespace Oko.Agent.Tests.Cli;

/// <summary>Global variables of a filter, read and changed by their names.</summary>
public sealed class GlobalDataTests
{
    private ManagementBench _switch = null!;

    [SetUp]
    public async Task SetUp()
    {
        _switch = ManagementBench.WithElfObjects();
        await _switch.RunAsync("filter", "load", "1", SourceTree.BpfObject("globals-v3.o"), "--entry", "count");
        await _switch.RunAsync("flow", "add", "priority=100,filter=1,actions=output:3", "priority=0,actions=output:2");
    }

    [TearDown]
    public async Task TearDown() => await _switch.DisposeAsync();

    [Test]
    public async Task Variables_Dumped_HaveNamesAndValues()
    {
        _switch.Bench.Forward(1, 2);
        _switch.Bench.Forward(1, 2);
        (await _switch.RunAsync("map", "dump", "1", ".bss")).Should().Contain("{packets=2,short_packets=0}");
        (await _switch.RunAsync("map", "dump", "1", ".data")).Should().Contain("{limit=3,second_limit=4660}");
        (await _switch.RunAsync("map", "dump", "1", ".rodata")).Should().Contain("minimum_length=34");
        await _switch.RunAsync("map", "update", "1", ".data", "0", "{limit=1,second_limit=1}");
        _switch.Bench.Forward(1, 3);
    }

    [Test]
    public async Task Variables_OfAReplacedFilter_StartAnewEvenWhereMapsAreKept()
    {
        await _switch.RunAsync("map", "update", "1", ".data", "0", "{limit=0,second_limit=1}");
        _switch.Bench.Forward(1, 3);
        var reply = await _switch.RunAsync("filter", "load", "1", SourceTree.BpfObject("globals-v3.o"), "--entry", "count", "--replace", "--keep-maps");
        reply.Should().Contain("map counters: content kept").And.Contain("map .data: starts empty").And.Contain("map .bss: starts empty");
        _switch.Bench.Forward(1, 2);
        (await _switch.RunAsync("map", "dump", "1", ".bss")).Should().Contain("{packets=1,short_packets=0}");
    }
}
