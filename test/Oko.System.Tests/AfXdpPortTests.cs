using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;
using Oko.Datapath.Ports;
using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>AF_XDP ports on veth pairs, driven by the test as a worker would.</summary>
public sealed unsafe class AfXdpPortTests
{
    private static readonly AfXdpOptions Native = new() { Mode = XdpMode.Native };
    private static readonly AfXdpOptions Generic = new() { Mode = XdpMode.Generic };

    [Test]
    public void Open_Veth_SaysHowItRuns()
    {
        using var network = new Network("okoxdp", 1);
        Namespace.Run(network.SwitchSpace, () =>
        {
            using var umem = new Umem(1024);
            using var port = AfXdpPort.Open("p1", 5, [umem], new AfXdpOptions());

            port.Number.Should().Be(5);
            port.ModeText.Should().StartWith("AF_XDP native copy, transmit by ");
            port.MayCarryPartialChecksums.Should().BeTrue();
            port.CurrentSpeedKbps.Should().Be(10_000_000);
            port.StateBits.Should().Be(Port.StateLive);
            LinkWatcher.Find("p1")!.HardwareAddress.Should().Be(port.HardwareAddress);
        });
    }

    [TestCase(XdpMode.Native)]
    [TestCase(XdpMode.Generic)]
    public void TwoPorts_ForwardByDescriptor_PingsPassBothWays(XdpMode mode)
    {
        using var network = new Network("okoxdp", 2);
        NoOffloads(network, 2);
        using var bounce = new Bounce(network, new AfXdpOptions { Mode = mode });

        network.Ping(1, 2, count: 50, interval: 0.01).Should().Be(50);
        network.Ping(2, 1, count: 50, interval: 0.01).Should().Be(50);

        bounce.Stop();
        bounce.LostFrames.Should().Be(0, "each chunk is free, or in a fill ring, at the end");
    }

    [Test]
    public void TwoPorts_BusyPolling_PingsPassBothWays()
    {
        using var network = new Network("okoxdp", 2);
        NoOffloads(network, 2);
        foreach (var (file, value) in new[] { ("napi_defer_hard_irqs", "2"), ("gro_flush_timeout", "200000") })
        {
            Command.Check(10, "ip", "netns", "exec", network.SwitchSpace, "sh", "-c", $"echo {value} > /sys/class/net/p1/{file} && echo {value} > /sys/class/net/p2/{file}");
        }

        using var bounce = new Bounce(network, new AfXdpOptions { BusyPollMicroseconds = 50 });
        bounce.Do(() => bounce.Ports.Should().OnlyContain(port => port.ModeText.Contains("copy, busy poll, transmit", StringComparison.Ordinal)));
        network.Ping(1, 2, count: 50, interval: 0.01).Should().Be(50);
        network.Ping(2, 1, count: 50, interval: 0.01).Should().Be(50);

        bounce.Stop();
        bounce.LostFrames.Should().Be(0, "each chunk is free, or in a fill ring, at the end");
    }

    [TestCase(XdpMode.Native)]
    [TestCase(XdpMode.Generic)]
    public void TwoPorts_LargeMtu_JumboPacketsPassBothWays(XdpMode mode)
    {
        using var network = new Network("okoxdp", 2);
        network.SetMtu(1, 9600);
        network.SetMtu(2, 9600);
        NoOffloads(network, 2);
        using var bounce = new Bounce(network, new AfXdpOptions { Mode = mode });
        network.Ping(1, 2).Should().Be(3);

        foreach (var size in new[] { 1700, 1800, 3500, 8972, 9572 })
        {
            network.PingWhole(1, 2, size, 20).Should().Be(20, "packets of {0} bytes pass", size);
            network.PingWhole(2, 1, size, 20).Should().Be(20, "packets of {0} bytes pass", size);
        }

        bounce.Stop();
        bounce.LostFrames.Should().Be(0, "each chunk is free, or in a fill ring, at the end");
        bounce.LostBuffers.Should().Be(0, "each jumbo buffer is free at the end");
    }

    [Test]
    public void Injection_PeerTakesXdpFrames_KeepsOrderAndContent()
    {
        const int Count = 200_000;
        using var network = new Network("okoxdp", 2);
        NoOffloads(network, 2);
        Network.In(network.HostSpace(2), 10, "ethtool", "-K", "eth0", "gro", "on");
        using var bounce = new Bounce(network, new AfXdpOptions());
        network.Ping(1, 2).Should().Be(3);
        Await.Until(() => bounce.Ports[1].IsInjecting, 5, "the kernel says that the other end takes XDP frames");
        bounce.Ports[0].IsInjecting.Should().BeFalse("host 1 has neither an XDP program nor GRO");

        using var listening = new ManualResetEventSlim();
        var received = new List<int>(Count);
        var wrong = 0;
        var receiver = new Thread(() => Namespace.Run(network.HostSpace(2), () =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp)
            {
                ReceiveBufferSize = 8 << 20,
                ReceiveTimeout = 1000,
            };
            socket.Bind(new IPEndPoint(IPAddress.Any, 2000));
            listening.Set();
            var buffer = new byte[2048];
            try
            {
                while (true)
                {
                    var size = socket.Receive(buffer);
                    var number = BitConverter.ToInt32(buffer);
                    received.Add(number);
                    wrong += size == SizeOf(number) && buffer.AsSpan(4, size - 4).IndexOfAnyExcept((byte)number) < 0 ? 0 : 1;
                }
            }
            catch (SocketException)
            {
                // A second without a packet: that was all.
            }
        }));
        receiver.Start();
        listening.Wait();
        Namespace.Run(network.HostSpace(1), () =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Connect(Network.Address(2), 2000);
            var buffer = new byte[2048];
            for (var number = 0; number < Count; number++)
            {
                var packet = buffer.AsSpan(0, SizeOf(number));
                packet.Fill((byte)number);
                BitConverter.TryWriteBytes(packet, number);
                socket.Send(packet);
            }
        });
        receiver.Join();

        TestContext.Out.WriteLine($"{received.Count} of {Count} received, {bounce.Ports[1].InjectedPackets} injected");
        wrong.Should().Be(0);
        received.Should().BeInAscendingOrder().And.OnlyHaveUniqueItems();
        received.Count.Should().BeGreaterThan(Count / 10);

        Network.In(network.HostSpace(2), 10, "ethtool", "-K", "eth0", "gro", "off");
        Await.Until(() => !bounce.Ports[1].IsInjecting, 5, "the kernel says that the other end takes them no more");
        network.Ping(1, 2).Should().Be(3);
        bounce.Stop();
        bounce.LostFrames.Should().Be(0);

        static int SizeOf(int number) => 18 + (number * 7 % 1400);
    }

    /// <summary>Both lanes' packets are sent by one program, which must tell whose turn it is, also in memory that the kernel uses again.</summary>
    [Test]
    public void Injection_TwoLanes_EachSendsItsOwnPackets()
    {
        const int Count = 40 * 64;
        using var network = new Network("okoxdp", 1, queues: 2);
        Network.In(network.HostSpace(1), 10, "ethtool", "-K", "eth0", "gro", "on");
        List<Socket> sockets = [];
        Namespace.Run(network.HostSpace(1), () =>
        {
            for (var lane = 0; lane < 2; lane++)
            {
                sockets.Add(new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 8 << 20, ReceiveTimeout = 1000 });
                sockets[lane].Bind(new IPEndPoint(IPAddress.Any, 3000 + lane));
            }
        });
        Namespace.Run(network.SwitchSpace, () =>
        {
            Umem[] umems = [new(4096), new(4096)];
            using (var port = AfXdpPort.Open("p1", 1, [.. umems], Native))
            {
                port.Lanes.Should().HaveCount(2);
                Await.Until(() => port.IsInjecting, 5, "the kernel says that the other end takes XDP frames");
                var buffer = new byte[2048];
                for (var first = 0; first < Count; first += 64)
                {
                    for (var lane = 0; lane < 2; lane++)
                    {
                        SendUdp(port.Lanes[lane], first, lane);
                    }

                    for (var round = 0; round < 4; round++)
                    {
                        port.Lanes[round % 2].Reap();
                    }

                    for (var packet = 0; packet < 2 * 64; packet++)
                    {
                        var (number, lane) = (first + (packet / 2), packet % 2);
                        var size = sockets[lane].Receive(buffer);
                        BitConverter.ToInt32(buffer).Should().Be(number);
                        size.Should().Be(SizeOf(number, lane));
                        buffer.AsSpan(4, size - 4).IndexOfAnyExcept((byte)(number + lane)).Should().BeNegative();
                    }
                }

                port.InjectedPackets.Should().Be(2 * Count);
            }

            Array.ForEach(umems, umem => umem.Dispose());
        });
        sockets.ForEach(socket => socket.Dispose());

        static int SizeOf(int number, int lane) => 18 + ((number + lane) * 7 % 1000);

        static void SendUdp(PortLane lane, int first, int which)
        {
            var batch = stackalloc FrameDescriptor[64];
            for (var index = 0; index < 64; index++)
            {
                var payload = SizeOf(first + index, which);
                lane.Umem.Frames.TryAllocate(out var address).Should().BeTrue();
                var packet = new Span<byte>(lane.Umem.Memory + address, 42 + payload);
                Convert.FromHexString("020000000001" + "0200000000fe" + "0800" + "4500000000000000401100000a6300fe0a630001" + "07d0000000000000").CopyTo(packet);
                BinaryPrimitives.WriteUInt16BigEndian(packet[16..], (ushort)(28 + payload));
                BinaryPrimitives.WriteUInt16BigEndian(packet[36..], (ushort)(3000 + which));
                BinaryPrimitives.WriteUInt16BigEndian(packet[38..], (ushort)(8 + payload));
                uint sum = 0;
                for (var at = 14; at < 34; at += 2)
                {
                    sum += BinaryPrimitives.ReadUInt16BigEndian(packet[at..]);
                }

                BinaryPrimitives.WriteUInt16BigEndian(packet[24..], (ushort)~((sum & 0xFFFF) + (sum >> 16)));
                packet[42..].Fill((byte)(first + index + which));
                BitConverter.TryWriteBytes(packet[42..], first + index);
                batch[index] = new FrameDescriptor(address, (uint)packet.Length);
            }

            lane.Transmit(0, batch, 64).Should().Be(64);
        }
    }

    [Test]
    public void Unplugged_WhileForwarding_PortIsDownAndTheOthersGoOn()
    {
        using var network = new Network("okoxdp", 3);
        NoOffloads(network, 3);
        using var bounce = new Bounce(network, Native, "p1", "p2", "p3");
        network.Ping(1, 2).Should().Be(3);

        // p1 registered the packet memory for all; it goes while packets for it are on their way.
        using var flood = Command.Start("ip", ["netns", "exec", network.HostSpace(2), "ping", "-q", "-i", "0.002", Network.Address(1)]);
        network.RemoveLink(1);
        Await.Until(() => bounce.Ports[0].StateBits == Port.StateLinkDown, 5, "the unplugged port is down");
        flood.Kill();
        flood.WaitForExit();
        network.Ping(2, 3).Should().Be(3);

        // Another link of the same name comes: it shares the memory of those that are left.
        bounce.Do(() => bounce.Close(0));
        network.AddLink(1);
        NoOffloads(network, 3);
        bounce.Do(() => bounce.Open("p1"));
        network.Ping(1, 3).Should().Be(3);
        bounce.Stop();
        bounce.LostFrames.Should().Be(0);
    }

    [Test]
    public void LinkDownAndUp_WhileForwarding_ForwardsAgain()
    {
        using var network = new Network("okoxdp", 2);
        NoOffloads(network, 2);
        using var bounce = new Bounce(network, Native);
        network.Ping(1, 2).Should().Be(3);

        Command.Check(10, "ip", "-n", network.SwitchSpace, "link", "set", "p2", "down");
        Await.Until(() => bounce.Ports[1].StateBits == Port.StateLinkDown, 5, "the port is down");
        network.Ping(1, 2, count: 1).Should().Be(0);
        Command.Check(10, "ip", "-n", network.SwitchSpace, "link", "set", "p2", "up");
        Await.Until(() => bounce.Ports[1].StateBits == Port.StateLive, 5, "the port is up");

        network.Ping(1, 2).Should().Be(3);
    }

    [Test]
    public void Open_SecondTime_SaysWhoHasIt()
    {
        using var network = new Network("okoxdp", 1);
        Namespace.Run(network.SwitchSpace, () =>
        {
            using var umem = new Umem(1024);
            using var port = AfXdpPort.Open("p1", 1, [umem], Native);
            using var another = new Umem(1024);
            var opening = () => AfXdpPort.Open("p1", 2, [another], Native);

            opening.Should().Throw<PortOpenException>().WithMessage("interface p1 cannot be opened: *EBUSY*XDP program * is attached*ip link set p1 xdp off*");
        });
    }

    [Test]
    public void Open_ClosedBefore_OpensAgainAndFreesAllFrames()
    {
        using var network = new Network("okoxdp", 1);
        Namespace.Run(network.SwitchSpace, () =>
        {
            using var umem = new Umem(1024);
            for (var round = 0; round < 3; round++)
            {
                using var port = AfXdpPort.Open("p1", 1, [umem], round == 1 ? Generic : Native);
                port.Lanes[0].Reap();
                umem.Frames.FreeCount.Should().BeLessThan(1024);
            }

            using var last = AfXdpPort.Open("p1", 1, [umem], new AfXdpOptions { RingSize = 64 });
            last.Lanes[0].Reap();
            umem.Frames.FreeCount.Should().Be(1024 - 64);
            LinkWatcher.Find("p1")!.XdpProgramId.Should().NotBe(0);
            last.Dispose();
            LinkWatcher.Find("p1")!.XdpProgramId.Should().Be(0, "the program goes with the port");
        });
    }

    [Test]
    public void Receive_AfterAPauseOfTheWorker_GetsAllThatCameMeanwhile()
    {
        const int Count = 8000;
        using var network = new Network("okoxdp", 1);
        Namespace.Run(network.SwitchSpace, () =>
        {
            using var umem = new Umem(32768);
            using var port = AfXdpPort.Open("p1", 1, [umem], Native);
            port.Lanes[0].Reap();
            umem.Frames.FreeCount.Should().Be(32768 - 8192);

            // Nobody receives while they are sent: four milliseconds at two million packets a second.
            Network.TryIn(network.HostSpace(1), 30, "python3", "-c", $"""
                import socket
                packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
                packets.bind(('eth0', 0))
                for _ in range({Count}):
                    packets.send(b'\x02' * 12 + b'\x88\xb5' + bytes(46))
                """).ExitCode.Should().Be(0);

            var batch = stackalloc FrameDescriptor[64];
            var received = 0;
            for (int count; (count = port.Lanes[0].Receive(batch, 64)) > 0;)
            {
                for (var n = 0; n < count; n++)
                {
                    // Others on the link (IPv6) may send as well.
                    received += umem.Memory[batch[n].Address + 12] == 0x88 && umem.Memory[batch[n].Address + 13] == 0xb5 ? 1 : 0;
                    umem.Frames.Free(batch[n].Address);
                }
            }

            received.Should().Be(Count);

            // One of 16 that it was behind with, less what the last few made good.
            port.Lanes[0].Reap();
            umem.Frames.FreeCount.Should().BeInRange(32768 - 8192 + 300, 32768 - 8192 + (Count / 16), "a worker that was behind leaves fewer with the kernel");
        });
    }

    [Test]
    public void Open_UnknownInterface_SaysSo()
    {
        using var umem = new Umem(64);
        var opening = () => AfXdpPort.Open("no-such-link", 1, [umem], Native);

        opening.Should().Throw<PortOpenException>().WithMessage("interface no-such-link does not exist*ip link*");
    }

    [Test]
    public void Open_MtuTooLarge_SaysTheLimit()
    {
        using var network = new Network("okoxdp", 1);
        Command.Check(10, "ip", "-n", network.SwitchSpace, "link", "set", "p1", "mtu", "20000");
        Namespace.Run(network.SwitchSpace, () =>
        {
            using var umem = new Umem(64);
            var opening = () => AfXdpPort.Open("p1", 1, [umem], Native);

            opening.Should().Throw<PortOpenException>().WithMessage("interface p1 has MTU 20000*at most 16110*mtu 9000*");
        });
    }

    [Test]
    public void Open_AnotherProgramAttached_SaysItsIdAndLeavesIt()
    {
        using var network = new Network("okoxdp", 1);
        var pass = Filters.CompileText("xdp-pass", """
            __attribute__((section("xdp"))) int pass(void *ctx) { return 2; }
            char _license[] __attribute__((section("license"))) = "GPL";
            """);
        Command.Check(10, "ip", "-n", network.SwitchSpace, "link", "set", "p1", "xdp", "object", pass, "section", "xdp");
        Namespace.Run(network.SwitchSpace, () =>
        {
            var before = LinkWatcher.Find("p1")!.XdpProgramId;
            using var umem = new Umem(64);
            var opening = () => AfXdpPort.Open("p1", 1, [umem], new AfXdpOptions());

            opening.Should().Throw<PortOpenException>().WithMessage($"*XDP program {before} is attached*");
            LinkWatcher.Find("p1")!.XdpProgramId.Should().Be(before);
        });
    }

    [Test]
    public void Open_SeveralQueues_ReceivesFromEach()
    {
        using var network = new Network("okoxdp", 0);
        Command.Check(10, "ip", "-n", network.SwitchSpace, "link", "add", "q1", "numrxqueues", "4", "numtxqueues", "4",
            "type", "veth", "peer", "name", "q2", "numrxqueues", "4", "numtxqueues", "4");
        Command.Check(10, "ip", "-n", network.SwitchSpace, "link", "set", "q1", "up");
        Command.Check(10, "ip", "-n", network.SwitchSpace, "link", "set", "q2", "up");
        Namespace.Run(network.SwitchSpace, () =>
        {
            using var umem = new Umem(4096);
            using var port = AfXdpPort.Open("q1", 1, [umem], Native);
            port.ReceiveQueueCount.Should().Be(4);
            port.Lanes[0].PollHandle.Should().BeGreaterThanOrEqualTo(0);
            port.Lanes[0].Reap();
        });
    }

    private static void NoOffloads(Network network, int hosts)
    {
        Command.Need("ethtool");
        for (var host = 1; host <= hosts; host++)
        {
            Network.In(network.HostSpace(host), 10, "ethtool", "-K", "eth0", "tx", "off");
        }
    }
}
