using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Tests.Execution;

namespace Oko.Bpf.Tests.Loading;

/// <summary>Objects as compilers make them, loaded and run: what the loader put together does what the source says.</summary>
public sealed class ObjectTests
{
    private static readonly string[] Globals = ["globals-v1", "globals-v2", "globals-v3", "globals-clang19-v2", "globals-clang19-v3", "globals-clang19-v4"];

    [TestCaseSource(nameof(Globals))]
    public void GlobalVariables_CountAndLimit_LiveInTheirMaps(string name)
    {
        using var filter = Load(name, "count");
        Enumerable.Range(0, 5).Select(_ => Ask(filter, new byte[60])).Should().Equal(false, false, false, true, true);
        Ask(filter, new byte[20]).Should().BeFalse();
        Ask(filter, new byte[33]).Should().BeFalse();
        Value(filter, ".bss").Should().Equal(5, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0);
        filter.Maps.Single(map => map.Name == ".data").Update(new byte[4], [9, 0, 0, 0, 0, 0], 0).Should().Be(0);
        Ask(filter, new byte[60]).Should().BeFalse();
    }

    [TestCaseSource(nameof(Globals))]
    public void ConstantTable_IndexedByTheProgram_IsRead(string name)
    {
        using var filter = Load(name, "lookup");
        Ask(filter, new byte[60], queue: 13).Should().BeTrue();
        Value(filter, "counters", 1).Should().Equal(7, 0, 0, 0, 0, 0, 0, 0);
    }

    [TestCaseSource(nameof(Globals))]
    public void Functions_WeakAndGlobal_CallEachOther(string name)
    {
        using var filter = Load(name, "sum");
        Ask(filter, new byte[60]).Should().BeFalse();
    }

    [TestCaseSource(nameof(Globals))]
    public void Callback_OfALoop_IsCalledForEachRound(string name)
    {
        using var filter = Load(name, "rounds");
        Ask(filter, new byte[60]).Should().BeTrue();
    }

    [TestCase("core")]
    [TestCase("core-clang19")]
    public void Core_OnContextsAndHeaders_ReadsTheRightBytes(string name)
    {
        var udp = new byte[60];
        (udp[14], udp[23]) = (0x45, 17);
        using var context = Load(name, "context");
        Ask(context, udp, queue: 3).Should().BeTrue();
        Ask(context, udp, queue: 4).Should().BeFalse();
        udp[23] = 6;
        Ask(context, udp, queue: 3).Should().BeFalse();
        using var exists = Load(name, "exists");
        Ask(exists, udp).Should().BeTrue();
        using var length = Load(name, "length");
        Ask(length, udp, port: 5).Should().BeTrue();
        Ask(length, udp, port: 6).Should().BeFalse();
        Ask(length, udp[..40], port: 5).Should().BeFalse();
    }

    private static LoadedFilter Load(string name, string? entry = null) => LoadedFilter.Create(FilterLoader.Load(TestObject.Read(name), entry));

    private static unsafe bool Ask(LoadedFilter filter, byte[] packet, uint queue = 0, uint port = 1)
    {
        using var bytes = new TestPacket(packet);
        var context = bytes.Context;
        (context.RxQueue, context.InPort) = (queue, port);
        return filter.Matches(&context);
    }

    private static byte[] Value(LoadedFilter filter, string map, byte key = 0)
    {
        var found = filter.Maps.Single(candidate => candidate.Name == map);
        var value = new byte[found.ValueSize];
        found.TryLookup([key, 0, 0, 0], value).Should().BeTrue();
        return value;
    }
}
