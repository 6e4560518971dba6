using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Tests.Execution;

namespace Oko.Bpf.Tests.Loading;

/// <summary>Objects as compilers make them, loaded and run: what the loader put together does what the source says.</summary>
public sealed class ObjectTests
{
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
}
