using System.Diagnostics;
using System.Net;
using Oko.OpenFlow.Channel;
using Oko.Testing;

namespace Oko.OpenFlow.Tests.Channel;

/// <content>How connections end and come back, and where none can be.</content>
public partial class OpenFlowChannelTests
{
    [Test]
    public async Task Silence_OfThePeer_BringsAnEchoRequestThenTheEnd()
    {
        await UseAsync(new ChannelSettings { EchoAfter = TimeSpan.FromMilliseconds(100), DropAfter = TimeSpan.FromMilliseconds(200) });
        await using var peer = await ControllerSimulator.OpenAsync(await _channel.AddListenerAsync(AnyPort));
        await _handler.NextAsync<RecordingHandler.Opened>();
        for (var round = 0; round < 3; round++)
        {
            var request = await peer.ExpectRawAsync(frame => frame[1] == EchoRequest);
            await peer.SendRawAsync(ControllerSimulator.Frame(4, EchoReply, ControllerSimulator.XidOf(request)));
        }

        await peer.ExpectRawAsync(frame => frame[1] == EchoRequest);
        (await _handler.NextAsync<RecordingHandler.Closed>()).Reason.Should().Contain("silent");
        await peer.ExpectClosedAsync();
    }

    [Test]
    public async Task Hello_ThatNeverComes_ClosesTheConnection()
    {
        await UseAsync(new ChannelSettings { HelloTimeout = TimeSpan.FromMilliseconds(100) });
        await using var peer = await ControllerSimulator.ConnectAsync(await _channel.AddListenerAsync(AnyPort));
        await peer.ExpectClosedAsync();
    }

    [Test]
    public async Task Close_WithMessagesQueued_SendsThemFirst()
    {
        await using var peer = await ControllerSimulator.OpenAsync(await _channel.AddListenerAsync(AnyPort));
        var connection = (await _handler.NextAsync<RecordingHandler.Opened>()).Connection;
        for (uint xid = 1; xid <= 50; xid++)
        {
            connection.Send(ControllerSimulator.Frame(4, BarrierReply, xid, new byte[1000]));
        }

        connection.Close("the test ends");
        await peer.ExpectRawAsync(frame => frame[1] == BarrierReply && ControllerSimulator.XidOf(frame) == 50);
        (await _handler.NextAsync<RecordingHandler.Closed>()).Reason.Should().Be("the test ends");
        connection.Send(ControllerSimulator.Frame(4, BarrierReply, 51));
        connection.PendingBytes.Should().Be(0);
    }

    [Test]
    public async Task Controller_ThatGoesAway_IsReconnectedAfterASecond()
    {
        await UseAsync(new ChannelSettings { StableAfter = TimeSpan.Zero });
        using var listener = ControllerSimulator.Listen();
        _channel.AddController(OpenFlowEndpoint.Parse($"tcp:127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}"));
        for (var round = 0; round < 2; round++)
        {
            var peer = await ControllerSimulator.AcceptAsync(listener);
            await peer.HelloAsync();
            (await _handler.NextAsync<RecordingHandler.Opened>()).Connection.IsController.Should().BeTrue();
            await peer.DisposeAsync();
            await _handler.NextAsync<RecordingHandler.Closed>();
        }

        var since = Stopwatch.GetTimestamp();
        await using var last = await ControllerSimulator.AcceptAsync(listener);

        // 1.5 s at most by design; the margin is for a loaded machine.
        Stopwatch.GetElapsedTime(since).Should().BeGreaterThan(TimeSpan.FromSeconds(0.9)).And.BeLessThan(TimeSpan.FromSeconds(3));
    }

    [Test]
    public async Task Controller_ThatStartsLater_IsFound()
    {
        await UseAsync(new ChannelSettings { FirstRetry = TimeSpan.FromMilliseconds(100), LongestRetry = TimeSpan.FromMilliseconds(200) });
        int port;
        using (var probe = ControllerSimulator.Listen())
        {
            port = ((IPEndPoint)probe.LocalEndPoint!).Port;
        }

        _channel.AddController(OpenFlowEndpoint.Parse($"tcp:localhost:{port}"));
        _channel.AddController(OpenFlowEndpoint.Parse($"tcp:127.0.0.1:{port}"));
        await Task.Delay(300);
        using var listener = ControllerSimulator.Listen(port);
        await using var one = await ControllerSimulator.AcceptAsync(listener);
        await using var other = await ControllerSimulator.AcceptAsync(listener);
        await one.HelloAsync();
        await other.HelloAsync();
        var first = await _handler.NextAsync<RecordingHandler.Opened>();
        (await _handler.NextAsync<RecordingHandler.Opened>()).Connection.Id.Should().NotBe(first.Connection.Id);
    }

    [Test]
    public async Task Listener_OnAPortInUse_SaysSo()
    {
        using var taken = ControllerSimulator.Listen();
        var port = ((IPEndPoint)taken.LocalEndPoint!).Port;
        var failure = await FluentActions.Awaiting(() => _channel.AddListenerAsync(OpenFlowEndpoint.Parse($"ptcp:{port}:127.0.0.1"))).Should().ThrowAsync<IOException>();
        failure.Which.Message.Should().Contain($"port {port} is in use");
        var own = await _channel.AddListenerAsync(AnyPort);
        await FluentActions.Awaiting(() => _channel.AddListenerAsync(OpenFlowEndpoint.Parse($"ptcp:{own.Port}:127.0.0.1"))).Should().ThrowAsync<IOException>();
    }

    [Test]
    public async Task Listener_OnAForeignAddress_SaysSo()
    {
        var failure = await FluentActions.Awaiting(() => _channel.AddListenerAsync(OpenFlowEndpoint.Parse("ptcp:0:192.0.2.1"))).Should().ThrowAsync<IOException>();
        failure.Which.Message.Should().Contain("192.0.2.1");
    }

    [Test]
    public async Task Listener_WithAllConnectionsTaken_ClosesTheNext()
    {
        await UseAsync(new ChannelSettings { MaxAcceptedConnections = 2 });
        var address = await _channel.AddListenerAsync(AnyPort);
        await using var one = await ControllerSimulator.OpenAsync(address);
        await using var two = await ControllerSimulator.OpenAsync(address);
        await using var three = await ControllerSimulator.ConnectAsync(address);
        await three.ExpectClosedAsync();
        three.PeekReceived().Should().BeEmpty();
        await one.SendRawAsync(ControllerSimulator.Frame(4, EchoRequest, 9));
        await one.ExpectRawAsync(frame => frame[1] == EchoReply);
    }

    [Test]
    public async Task Dispose_WithConnections_ClosesAllOfThem()
    {
        using var listener = ControllerSimulator.Listen();
        _channel.AddController(OpenFlowEndpoint.Parse($"tcp:127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}"));
        await using var controller = await ControllerSimulator.AcceptAsync(listener);
        await using var tool = await ControllerSimulator.OpenAsync(await _channel.AddListenerAsync(AnyPort));
        await _channel.DisposeAsync();
        await controller.ExpectClosedAsync();
        await tool.ExpectClosedAsync();
    }
}
