using Oko.Datapath.Interop;

namespace Oko.Datapath.Tests.Interop;

public sealed class NetdevTests
{
    private const ushort Family = 30;

    [Test]
    public void ParseDevices_Change_GivesIndexAndFeatures()
    {
        Parse(Change()).Should().Equal(new Netdev.Device(9, 0x27));
    }

    [Test]
    public void ParseDevices_AnotherFamily_IsIgnored()
    {
        var message = Change();
        message[4] = 31;

        Parse(message).Should().BeEmpty();
    }

    [Test]
    public void ParseDevices_AnyByteFlippedOrCut_DoesNotFail()
    {
        for (var at = 0; at < Change().Length; at++)
        {
            foreach (var value in new byte[] { 0, 1, 3, 4, 0x7F, 0xFF })
            {
                var message = Change();
                message[at] = value;
                var parsing = () => (Parse(message), Parse(message[..at]));
                parsing.Should().NotThrow();
            }
        }
    }

    private static List<Netdev.Device> Parse(byte[] datagram)
    {
        var devices = new List<Netdev.Device>();
        Netdev.ParseDevices(datagram, Family, devices.Add);
        return devices;
    }

    private static byte[] Change() =>
    [
        40, 0, 0, 0, (byte)Family, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // header
        4, 1, 0, 0,                                                 // NETDEV_CMD_DEV_CHANGE_NTF
        8, 0, 1, 0, 9, 0, 0, 0,                                     // NETDEV_A_DEV_IFINDEX
        12, 0, 3, 0, 0x27, 0, 0, 0, 0, 0, 0, 0,                     // NETDEV_A_DEV_XDP_FEATURES
    ];
}
