using Microsoft.Extensions.Logging.Abstractions;
using Oko.OpenFlow.Channel;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.OpenFlow.Tests.Channel;

/// <summary>The channel over loopback sockets, with a scripted peer.</summary>
public partial class OpenFlowChannelTests
{
    private const byte Hello = 0;
    private const byte Error = 1;
    private const byte EchoRequest = 2;
    private const byte EchoReply = 3;
    private const byte Experimenter = 4;
    private const byte FeaturesRequest = 5;
    private const byte BarrierRequest = 20;
    private const byte BarrierReply = 21;

    private static readonly OpenFlowEndpoint AnyPort = OpenFlowEndpoint.Parse("ptcp:0:127.0.0.1");

    private RecordingHandler _handler = null!;
    private OpenFlowChannel _channel = null!;

    [SetUp]
    public void SetUp() => Use(new ChannelSettings());

    [TearDown]
    public async Task TearDown() => await _channel.DisposeAsync();

    [Test]
    public async Task Connection_Accepted_GetsHelloUnasked()
    {
        await using var peer = await ControllerSimulator.ConnectAsync(await _channel.AddListenerAsync(AnyPort));
        var hello = await peer.ExpectRawAsync(_ => true);
        hello.Should().HaveCount(16);
        hello[..4].Should().Equal(4, Hello, 0, 16);
        hello[8..].Should().Equal(0, 1, 0, 8, 0, 0, 0, 0x10);
    }

    [TestCase(4, new byte[0])]
    [TestCase(5, new byte[0])]
    [TestCase(6, new byte[0])]
    [TestCase(6, new byte[] { 0, 1, 0, 8, 0, 0, 0, 0x7E })]
    [TestCase(1, new byte[] { 0, 1, 0, 8, 0, 0, 0, 0x12 })]
    [TestCase(6, new byte[] { 0, 9, 0, 5, 1, 0, 0, 0, 0, 1, 0, 12, 0, 0, 0, 0x10, 0, 0, 0, 0 })]
    [TestCase(4, new byte[] { 0, 1, 0, 3 })]
    [TestCase(4, new byte[] { 0, 1, 0xFF, 0xFF, 0 })]
    public async Task Hello_WithVersion13InCommon_OpensTheConnection(byte version, byte[] elements)
    {
        await using var peer = await ControllerSimulator.ConnectAsync(await _channel.AddListenerAsync(AnyPort));
        await peer.SendRawAsync(ControllerSimulator.Frame(version, Hello, 1, elements));
        var opened = await _handler.NextAsync<RecordingHandler.Opened>();
        opened.Connection.IsController.Should().BeFalse();
        opened.Connection.Peer.Should().StartWith("127.0.0.1:");
    }

    [TestCase(1, new byte[0])]
    [TestCase(3, new byte[0])]
    [TestCase(4, new byte[] { 0, 1, 0, 8, 0, 0, 0, 0x62 })]
    public async Task Hello_WithoutVersion13InCommon_IsRefusedAsIncompatible(byte version, byte[] elements)
    {
        await using var peer = await ControllerSimulator.ConnectAsync(await _channel.AddListenerAsync(AnyPort));
        await peer.SendRawAsync(ControllerSimulator.Frame(version, Hello, 77, elements));
        var error = await peer.ExpectRawAsync(frame => frame[1] == Error);
        ControllerSimulator.XidOf(error).Should().Be(77);
        error[8..12].Should().Equal(0, 0, 0, 0);
        await peer.ExpectClosedAsync();
    }

    [Test]
    public async Task FirstMessage_IsNoHello_ClosesTheConnection()
    {
        await using var peer = await ControllerSimulator.ConnectAsync(await _channel.AddListenerAsync(AnyPort));
        await peer.SendRawAsync(ControllerSimulator.Frame(4, FeaturesRequest, 1));
        await peer.ExpectClosedAsync();
    }

    [Test]
    public async Task Echo_OfAnotherVersionBeforeAgreement_IsAnswered()
    {
        await using var peer = await ControllerSimulator.ConnectAsync(await _channel.AddListenerAsync(AnyPort));
        await peer.SendRawAsync(ControllerSimulator.Frame(6, EchoRequest, 5, 1, 2, 3));
        (await peer.ExpectRawAsync(frame => frame[1] == EchoReply)).Should().Equal(ControllerSimulator.Frame(6, EchoReply, 5, 1, 2, 3));

        // Floodlight: HELLO 0x06 and at once an echo 0x06, before it can have seen our HELLO.
        await peer.SendRawAsync([.. ControllerSimulator.Frame(6, Hello, 6), .. ControllerSimulator.Frame(6, EchoRequest, 7)]);
        await _handler.NextAsync<RecordingHandler.Opened>();
        ControllerSimulator.XidOf(await peer.ExpectRawAsync(frame => frame[1] == EchoReply)).Should().Be(7);
        peer.PeekReceived().Should().OnlyContain(frame => frame[1] == Hello);
    }

    [Test]
    public async Task Message_OfAnotherVersionAfterAgreement_ClosesTheConnection()
    {
        await using var peer = await ControllerSimulator.OpenAsync(await _channel.AddListenerAsync(AnyPort));
        await peer.SendRawAsync(ControllerSimulator.Frame(4, BarrierRequest, 1));
        await peer.SendRawAsync(ControllerSimulator.Frame(5, BarrierRequest, 2));
        var error = await peer.ExpectRawAsync(frame => frame[1] == Error);
        error[8..12].Should().Equal([0, 1, 0, 0], "this is BAD_REQUEST / BAD_VERSION");
        await peer.ExpectClosedAsync();
    }

    [TestCase(0)]
    [TestCase(7)]
    public async Task Header_WithLengthBelowItself_ClosesTheConnectionAndNoOther(byte size)
    {
        var address = await _channel.AddListenerAsync(AnyPort);
        await using var other = await ControllerSimulator.OpenAsync(address);
        await _handler.NextAsync<RecordingHandler.Opened>();
        await using var peer = await ControllerSimulator.OpenAsync(address);
        var opened = await _handler.NextAsync<RecordingHandler.Opened>();
        await peer.SendRawAsync(4, EchoRequest, 0, size, 0, 0, 0, 1, 4, EchoRequest, 0, 8, 0, 0, 0, 2);
        var closed = await _handler.NextAsync<RecordingHandler.Closed>();
        closed.Connection.Should().BeSameAs(opened.Connection);
        closed.Reason.Should().Contain($"{size} bytes");
        await peer.ExpectClosedAsync();
        await other.SendRawAsync(ControllerSimulator.Frame(4, EchoRequest, 9));
        await other.ExpectRawAsync(frame => frame[1] == EchoReply);
    }

    [Test]
    public async Task Messages_CutAtEveryByteOfTheStream_ArriveWholeAndInOrder()
    {
        await using var peer = await ControllerSimulator.OpenAsync(await _channel.AddListenerAsync(AnyPort));
        await _handler.NextAsync<RecordingHandler.Opened>();
        byte[] stream = [.. ControllerSimulator.Frame(4, BarrierRequest, 1), .. ControllerSimulator.Frame(4, FeaturesRequest, 2)];
        foreach (var part in stream)
        {
            await peer.SendRawAsync(part);
        }

        (await _handler.NextAsync<RecordingHandler.Message>()).Content.Xid.Should().Be(1);
        (await _handler.NextAsync<RecordingHandler.Message>()).Content.Xid.Should().Be(2);
    }

    [Test]
    public async Task Message_Malformed_IsReportedAndTheConnectionLives()
    {
        await using var peer = await ControllerSimulator.OpenAsync(await _channel.AddListenerAsync(AnyPort));
        await _handler.NextAsync<RecordingHandler.Opened>();
        var unknown = ControllerSimulator.Frame(4, 99, 3, 1, 2);
        await peer.SendRawAsync([.. unknown, .. ControllerSimulator.Frame(4, BarrierRequest, 4)]);
        (await _handler.NextAsync<RecordingHandler.Invalid>()).Raw.Should().Equal(unknown);
        (await _handler.NextAsync<RecordingHandler.Message>()).Content.Xid.Should().Be(4);
    }

    [Test]
    public async Task Consumer_Throws_ClosesThatConnection()
    {
        _handler.WhenMessage = _ => throw new InvalidOperationException("a fault of the consumer");
        await using var peer = await ControllerSimulator.OpenAsync(await _channel.AddListenerAsync(AnyPort));
        await _handler.NextAsync<RecordingHandler.Opened>();
        await peer.SendRawAsync(ControllerSimulator.Frame(4, BarrierRequest, 1));
        (await _handler.NextAsync<RecordingHandler.Closed>()).Reason.Should().Contain("internal error");
        await peer.ExpectClosedAsync();
    }

    [Test]
    public async Task EchoReply_WithMuchQueuedForTheSamePeer_Overtakes()
    {
        const int Count = 500;
        const int Size = 60_000;
        var connection = await OpenAsync(out var opening);
        await using var peer = await opening;
        for (uint xid = 0; xid < Count; xid++)
        {
            connection.Send(ControllerSimulator.Frame(4, BarrierReply, xid, new byte[Size - 8]));
        }

        // What is pending are whole messages, so that a rest is the echo reply: it has to be queued before the peer begins to read.
        await peer.SendRawAsync(ControllerSimulator.Frame(4, EchoRequest, Count));
        SpinWait.SpinUntil(() => connection.PendingBytes % Size == 8, TimeSpan.FromSeconds(5)).Should().BeTrue();
        peer.StartReading();
        await peer.ExpectRawAsync(received => ControllerSimulator.XidOf(received) == Count - 1);
        var types = peer.PeekReceived().Select(received => received[1]).ToList();
        types.Count(type => type == BarrierReply).Should().Be(Count - 1, "one has been taken");
        types.IndexOf(EchoReply).Should().BeInRange(1, 400, "only what the socket had taken is before it");
    }

    [Test]
    public async Task Send_FromManyThreads_KeepsTheOrderOfEach()
    {
        const int Count = 20_000;
        await using var peer = await ControllerSimulator.OpenAsync(await _channel.AddListenerAsync(AnyPort));
        var connection = (await _handler.NextAsync<RecordingHandler.Opened>()).Connection;
        await Task.WhenAll(Enumerable.Range(0, 2).Select(thread => Task.Run(() =>
        {
            for (uint number = 0; number < Count; number++)
            {
                connection.Send(ControllerSimulator.Frame(4, BarrierReply, ((uint)thread << 24) | number, new byte[number % 300]));
            }
        })));
        await peer.ExpectRawAsync(frame => ControllerSimulator.XidOf(frame) == Count - 1, TimeSpan.FromSeconds(30));
        await peer.ExpectRawAsync(frame => ControllerSimulator.XidOf(frame) == ((1 << 24) | (Count - 1)), TimeSpan.FromSeconds(30));
        var received = peer.PeekReceived().Select(ControllerSimulator.XidOf).ToList();
        received.Should().HaveCount((2 * Count) - 2);
        received.Where(xid => xid < 1 << 24).Should().BeInAscendingOrder();
        received.Where(xid => xid >= 1 << 24).Should().BeInAscendingOrder();
    }

    [Test]
    public async Task PendingBytes_AfterEverythingWasRead_IsZero()
    {
        var connection = await OpenAsync(out var opening);
        await using var peer = await opening;
        connection.PendingBytes.Should().Be(0);
        for (var i = 0; i < 400; i++)
        {
            connection.Send(ControllerSimulator.Frame(4, BarrierReply, (uint)i, new byte[60_000]));
        }

        connection.IsWritable.Should().BeFalse();
        connection.PendingBytes.Should().BeGreaterThan(1 << 20);
        peer.StartReading();
        await peer.ExpectRawAsync(frame => frame[1] == BarrierReply && ControllerSimulator.XidOf(frame) == 399);
        SpinWait.SpinUntil(() => connection.PendingBytes == 0, TimeSpan.FromSeconds(5)).Should().BeTrue();
        connection.IsWritable.Should().BeTrue();
    }

    [Test]
    public async Task Droppable_WithAPeerThatDoesNotRead_IsLostBeyondItsLimitAndOvertakenByOthers()
    {
        await UseAsync(new ChannelSettings { MaxDroppableBytes = 200_000 });
        var connection = await OpenAsync(out var opening);
        await using var peer = await opening;
        for (uint xid = 0; xid < 200; xid++)
        {
            connection.Send(ControllerSimulator.Frame(4, Experimenter, xid, new byte[60_000]));
        }

        var taken = 0UL;
        while (connection.TrySendDroppable(NumberedPacketIn(taken)))
        {
            taken++;
        }

        connection.Send(ControllerSimulator.Frame(4, BarrierReply, 777));
        peer.StartReading();
        await peer.ExpectAsync<PacketIn>(packet => packet.Cookie.Value == taken - 1);
        var received = peer.PeekReceived();
        taken.Should().BeInRange(150, 200);
        received.Count(frame => frame[1] == (byte)MessageType.PacketIn).Should().Be((int)taken - 1);
        var firstPacketIn = received.TakeWhile(frame => frame[1] != (byte)MessageType.PacketIn).ToList();
        firstPacketIn.Exists(frame => ControllerSimulator.XidOf(frame) == 777).Should().BeTrue("packet-ins wait for all others");
        connection.TrySendDroppable(NumberedPacketIn(0)).Should().BeTrue();
    }

    [Test]
    public async Task WhenWritable_AfterMuchWasSent_EndsWhenThePeerReads()
    {
        var connection = await OpenAsync(out var opening);
        await using var peer = await opening;
        connection.WhenWritableAsync().IsCompleted.Should().BeTrue();
        for (var i = 0; i < 400; i++)
        {
            connection.Send(ControllerSimulator.Frame(4, BarrierReply, (uint)i, new byte[60_000]));
        }

        var waiting = connection.WhenWritableAsync();
        waiting.IsCompleted.Should().BeFalse();
        peer.StartReading();
        await waiting.WaitAsync(TimeSpan.FromSeconds(10));
        connection.IsWritable.Should().BeTrue();
    }

    [Test]
    public async Task WhenWritable_OnAConnectionThatEnds_Ends()
    {
        var connection = await OpenAsync(out var opening);
        var peer = await opening;
        for (var i = 0; i < 400; i++)
        {
            connection.Send(ControllerSimulator.Frame(4, BarrierReply, (uint)i, new byte[60_000]));
        }

        var waiting = connection.WhenWritableAsync();
        await peer.DisposeAsync();
        await waiting.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task Peer_ThatDoesNotRead_IsDroppedAtTheLimit()
    {
        await UseAsync(new ChannelSettings { MaxPendingBytes = 8 << 20 });
        var connection = await OpenAsync(out var opening);
        await using var peer = await opening;
        var sent = 0L;
        while (sent < 64 << 20)
        {
            connection.Send(new byte[60_000]);
            sent += 60_000;
        }

        (await _handler.NextAsync<RecordingHandler.Closed>()).Reason.Should().Contain("does not read");
        connection.PendingBytes.Should().BeLessThan(9 << 20);
    }

    [Test]
    public async Task Peer_ThatSendsEchoesAndDoesNotRead_IsDroppedAtTheLimit()
    {
        await UseAsync(new ChannelSettings { MaxPendingBytes = 1 << 20 });
        await OpenAsync(out var opening);
        await using var peer = await opening;
        var echo = ControllerSimulator.Frame(4, EchoRequest, 1, new byte[60_000]);
        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < 1000; i++)
            {
                await peer.SendRawAsync(echo);
            }
        });
        (await _handler.NextAsync<RecordingHandler.Closed>()).Reason.Should().Contain("does not read");
        await FluentActions.Awaiting(() => sending).Should().ThrowAsync<IOException>();
    }

    [TestCase(1024)]
    [TestCase(2048)]
    [TestCase(65536)]
    public async Task Thread_WithASocketThatGaveExactlyWhatWasAskedFor_DoesNotWaitInIt(int size)
    {
        // The first reads ask for sizes that are powers of two; a read that is filled exactly is followed by another.
        var address = await _channel.AddListenerAsync(AnyPort);
        await using var other = await ControllerSimulator.OpenAsync(address);
        await using var peer = await ControllerSimulator.ConnectAsync(address);
        var hello = ControllerSimulator.Frame(4, Hello, 1);
        var rest = ControllerSimulator.Frame(4, BarrierRequest, 2, new byte[size - hello.Length - 8]);
        await peer.SendRawAsync([.. hello, .. rest]);
        await other.SendRawAsync(ControllerSimulator.Frame(4, EchoRequest, 9));
        await other.ExpectRawAsync(frame => frame[1] == EchoReply);
    }

    [Test]
    public async Task Reading_StoppedByTheConsumer_ResumesWhereItStopped()
    {
        await using var peer = await ControllerSimulator.OpenAsync(await _channel.AddListenerAsync(AnyPort));
        var connection = (await _handler.NextAsync<RecordingHandler.Opened>()).Connection;
        connection.SetReading(false);
        for (uint xid = 1; xid <= 100; xid++)
        {
            await peer.SendRawAsync(ControllerSimulator.Frame(4, Experimenter, xid, new byte[10_000]));
        }

        connection.SetReading(true);
        for (uint xid = 1; xid <= 100; xid++)
        {
            (await _handler.NextAsync<RecordingHandler.Message>()).Raw.Length.Should().Be(10_008);
        }
    }

    private static PacketIn NumberedPacketIn(ulong number) => new(
        BufferId.NoBuffer, 1000, PacketInReason.Action, new TableId(0), new Oko.OpenFlow.Protocol.Cookie(number), FlowMatch.Any, new byte[1000]);

    private void Use(ChannelSettings settings)
    {
        _handler = new RecordingHandler();
        _channel = new OpenFlowChannel(_handler, NullLogger.Instance, settings);
    }

    private async Task UseAsync(ChannelSettings settings)
    {
        await _channel.DisposeAsync();
        Use(settings);
    }

    /// <summary>Opens a connection whose peer does not read until told to.</summary>
    private Task<OpenFlowConnection> OpenAsync(out Task<ControllerSimulator> peer)
    {
        var opening = OpenSilentPeerAsync();
        peer = opening;
        return ConnectionAsync();

        async Task<ControllerSimulator> OpenSilentPeerAsync()
        {
            var simulator = await ControllerSimulator.ConnectAsync(await _channel.AddListenerAsync(AnyPort), isReading: false);
            await simulator.SendRawAsync(ControllerSimulator.Frame(4, Hello, 1));
            return simulator;
        }

        async Task<OpenFlowConnection> ConnectionAsync()
        {
            await opening;
            return (await _handler.NextAsync<RecordingHandler.Opened>()).Connection;
        }
    }
}
