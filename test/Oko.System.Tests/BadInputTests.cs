using System.Security.Cryptography;
using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>What is wrong gets a clear error, and the switch goes on forwarding.</summary>
public sealed class BadInputTests
{
    private const string ReadsPastThePacket = """
        #include <linux/bpf.h>
        #include <bpf/bpf_helpers.h>
        SEC("xdp") int past(struct xdp_md *ctx)
        {
            unsigned char *data = (void *)(long)ctx->data;
            return data[100] == 7;
        }
        """;

    private static Network _network = null!;
    private static SwitchProcess _switch = null!;

    [OneTimeSetUp]
    public void StartSwitch()
    {
        _network = new Network("okobad", 2);
        _switch = SwitchProcess.StartWithListener(_network, 2);
    }

    [OneTimeTearDown]
    public void StopSwitch()
    {
        _switch?.Dispose();
        _network?.Dispose();
    }

    [TearDown]
    public void StillForwards()
    {
        _network.Ping(1, 2).Should().Be(3, "the switch must go on; its log: {0}", _switch.Log);
    }

    [TestCase("truncated", "truncated|past the end|outside")]
    [TestCase("random", "ELF")]
    [TestCase("ten-mebibytes", "ELF")]
    [TestCase("wrong-machine", "machine")]
    [TestCase("empty", "ELF|empty")]
    public void FilterLoad_BadObject_IsRefusedWithTheReason(string kind, string reason)
    {
        var good = File.ReadAllBytes(Filters.CompileSample("blocklist"));
        var bytes = kind switch
        {
            "truncated" => good[..(good.Length / 2)],
            "random" => new Random(1).GetItems(Enumerable.Range(0, 256).Select(value => (byte)value).ToArray(), 4096),
            "ten-mebibytes" => RandomNumberGenerator.GetBytes(10 << 20),
            "wrong-machine" => WithMachine(good, 62),
            _ => [],
        };
        var file = Path.Combine(TestContext.CurrentContext.WorkDirectory, kind + ".o");
        File.WriteAllBytes(file, bytes);
        foreach (var arguments in new[] { new[] { "filter", "load", "9", file }, ["filter", "check", file] })
        {
            var result = arguments[1] == "check" ? Command.Run(30, SwitchProcess.Binary, arguments) : _switch.TryOko(arguments);
            result.ExitCode.Should().NotBe(0);
            result.Errors.Should().MatchRegex(reason).And.NotContain("   at ");
        }
    }

    [Test]
    public void FilterLoad_ReadPastPacket_NamesInstructionAndReason()
    {
        var file = Filters.CompileText("past", ReadsPastThePacket);
        var result = _switch.TryOko("filter", "load", "9", file);
        result.ExitCode.Should().NotBe(0);
        result.Errors.Should().Contain("packet").And.MatchRegex("(instruction|slot) [0-9]+").And.Contain("past.c");
    }

    [Test]
    public void FilterLoad_ObjectWithoutMaps_Loads()
    {
        var file = Filters.CompileText("mapless", """
            #include <linux/bpf.h>
            #include <bpf/bpf_helpers.h>
            SEC("xdp") int mapless(struct xdp_md *ctx) { return 0; }
            """);
        _switch.Oko("filter", "load", "9", file);
        _switch.TryOko("map", "dump", "9", "none").ExitCode.Should().NotBe(0);
        _switch.Oko("filter", "unload", "9");
    }

    [TestCase(new[] { "--port", "nosuch0" }, "nosuch0")]
    [TestCase(new[] { "--port", "p1=1", "--port", "p2=1" }, "1")]
    [TestCase(new[] { "--datapath-id", "xyz" }, "datapath")]
    [TestCase(new[] { "--controller", "http://1.2.3.4" }, "http")]
    public void Run_BadOption_SaysWhatAndEnds(string[] options, string name)
    {
        var result = Network.TryIn(_network.SwitchSpace, 20,
            [SwitchProcess.Binary, "run", "--management", Path.Combine(TestContext.CurrentContext.WorkDirectory, "bad.sock"), .. options]);
        result.ExitCode.Should().NotBe(0);
        result.Output.Should().NotContain("ready");
        result.Errors.Should().Contain(name).And.NotContain("   at ");
    }

    [Test]
    public void Run_ListenerInUse_SaysSo()
    {
        var result = Network.TryIn(_network.SwitchSpace, 20,
            SwitchProcess.Binary, "run", "--management", Path.Combine(TestContext.CurrentContext.WorkDirectory, "bad.sock"), "--listen", "ptcp:6654");
        result.ExitCode.Should().NotBe(0);
        result.Errors.Should().Contain("6654").And.MatchRegex("in use").And.NotContain("   at ");
    }

    [Test]
    public void Run_InterfaceInUse_SaysSo()
    {
        var result = Network.TryIn(_network.SwitchSpace, 20,
            SwitchProcess.Binary, "run", "--management", Path.Combine(TestContext.CurrentContext.WorkDirectory, "bad.sock"), "--port", "p1");
        result.ExitCode.Should().NotBe(0);
        result.Errors.Should().Contain("p1").And.MatchRegex("XDP|in use").And.NotContain("   at ");
    }

    [Test]
    public void Run_ManagementSocketInUse_SaysSo()
    {
        var result = Network.TryIn(_network.SwitchSpace, 20, SwitchProcess.Binary, "run", "--management", _switch.Management);
        result.ExitCode.Should().NotBe(0);
        result.Errors.Should().Contain(_switch.Management).And.MatchRegex("in use|runs already|already").And.NotContain("   at ");
    }

    [Test]
    public void OpenFlow_EveryMessageCutAtEveryByte_CostsAtMostAnErrorReply()
    {
        Command.Need("osken-manager");
        var script = Path.Combine(SwitchProcess.Repository, "test", "Oko.System.Tests", "Scripts", "cut_messages.py");
        var text = Network.In(_network.SwitchSpace, 120, "/usr/bin/python3", script, "127.0.0.1", "6654");
        TestContext.Out.WriteLine(text);
        text.Should().MatchRegex("[0-9]{4} messages survived, [1-9][0-9]{2,} error replies");
        // What the mutated messages installed would stand in the way of the next test.
        _switch.Ofctl("del-flows");
        _switch.Oko("flow", "add", "priority=0,actions=NORMAL");
        _switch.Ofctl("mod-port", "1", "forward");
        _switch.Ofctl("mod-port", "1", "receive");
        _switch.Ofctl("mod-port", "1", "up");
    }

    private static byte[] WithMachine(byte[] elf, byte machine)
    {
        var copy = (byte[])elf.Clone();
        copy[18] = machine;
        return copy;
    }
}
