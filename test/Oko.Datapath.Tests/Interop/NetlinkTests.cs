using System.Runtime.InteropServices;
using System.Text;
using Oko.Datapath.Interop;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Tests.Interop;

public sealed class NetlinkTests
{
    [Test]
    public void Find_Loopback_IsThere()
    {
        var link = LinkWatcher.Find("lo");

        link.Should().NotBeNull();
        link!.Index.Should().Be(1);
        link.Mtu.Should().BeGreaterThan(0);
        LinkWatcher.Find("no-such-link").Should().BeNull();
    }

    [Test]
    public void LinkWatcher_Made_ListsWhatFindFinds()
    {
        using var watcher = new LinkWatcher(_ => { });

        watcher.List().Should().Contain(link => link.Name == "lo");
    }

    [Test]
    public void Parse_NewLink_ReadsTheAttributes()
    {
        var link = ParseAll(Veth()).Should().ContainSingle().Subject;

        link.Type.Should().Be(Netlink.NewLink);
        link.Link.Should().Be(new LinkInfo(7, "p1")
        {
            HardwareAddress = new MacAddress(0x020000000001),
            Mtu = 1500,
            IsEnabled = true,
            IsRunning = true,
            Kind = "veth",
            XdpProgramId = 42,
        });
    }

    [Test]
    public void Parse_BridgeFamily_IsNoLink()
    {
        var message = Veth();
        message[16] = 7;

        ParseAll(message).Should().ContainSingle().Which.Link.Should().BeNull();
    }

    [Test]
    public void Parse_CutAtEachByte_DoesNotFail()
    {
        var message = Veth();
        for (var length = 0; length < message.Length; length++)
        {
            ParseAll(message[..length]).Should().BeEmpty("the message says that it is longer");
            MemoryMarshal.Write(message.AsSpan(), length);
            var parsing = () => ParseAll(message[..length]);
            parsing.Should().NotThrow();
            MemoryMarshal.Write(message.AsSpan(), message.Length);
        }
    }

    [Test]
    public void Parse_AnyLengthFlipped_DoesNotFail()
    {
        for (var at = 0; at < Veth().Length; at++)
        {
            foreach (var value in new byte[] { 0, 1, 3, 4, 0x7F, 0xFF })
            {
                var message = Veth();
                message[at] = value;
                var parsing = () => ParseAll(message);
                parsing.Should().NotThrow();
            }
        }
    }

    [TestCase(3, 0, "EndOfDump")]
    [TestCase(3, 0x10, "BadDump")]
    [TestCase(2, 0, "BadDump")]
    [TestCase(16, 0, "Messages")]
    [TestCase(16, 0x10, "BadDump")]
    public void Parse_EndOfAList_SaysWhetherItIsWhole(byte type, byte flags, string result)
    {
        Netlink.Parse([20, 0, 0, 0, type, 0, flags, 0, .. Number(0), .. Number(0), .. Number(0)], _ => { }).ToString().Should().Be(result);
    }

    private static List<Netlink.LinkMessage> ParseAll(byte[] datagram)
    {
        var messages = new List<Netlink.LinkMessage>();
        Netlink.Parse(datagram, messages.Add);
        return messages;
    }

    private static byte[] Veth()
    {
        byte[] body =
        [
            0, 0, 1, 0, .. Number(7), .. Number(0x11043), .. Number(0),
            .. Attribute(3, Encoding.ASCII.GetBytes("p1\0")),
            .. Attribute(1, [2, 0, 0, 0, 0, 1]),
            .. Attribute(4, Number(1500)),
            .. Attribute(18, Attribute(1, Encoding.ASCII.GetBytes("veth\0"))),
            .. Attribute(43, [.. Attribute(2, [1]), .. Attribute(4, Number(42))]),
        ];
        return [.. Number(body.Length + 16), 16, 0, 0, 0, .. Number(0), .. Number(0), .. body];
    }

    private static byte[] Attribute(int type, byte[] value) =>
        [(byte)(value.Length + 4), 0, (byte)type, 0, .. value, .. new byte[(4 - (value.Length % 4)) % 4]];

    private static byte[] Number(int value) => BitConverter.GetBytes(value);
}
