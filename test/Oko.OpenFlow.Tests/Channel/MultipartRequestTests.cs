using Microsoft.Extensions.Logging.Abstractions;
using Oko.OpenFlow.Channel;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.OpenFlow.Tests.Channel;

/// <summary>Multipart requests in several parts, through a connection.</summary>
public sealed class MultipartRequestTests
{
    private const ushort More = 1;

    private RecordingHandler _handler = null!;
    private OpenFlowChannel _channel = null!;
    private ControllerSimulator _peer = null!;

    [SetUp]
    public async Task OpenAsync()
    {
        _handler = new RecordingHandler();
        _channel = new OpenFlowChannel(_handler, NullLogger.Instance, new ChannelSettings());
        _peer = await ControllerSimulator.OpenAsync(await _channel.AddListenerAsync(OpenFlowEndpoint.Parse("ptcp:0:127.0.0.1")));
        await _handler.NextAsync<RecordingHandler.Opened>();
    }

    [TearDown]
    public async Task CloseAsync()
    {
        await _peer.DisposeAsync();
        await _channel.DisposeAsync();
    }

    [Test]
    public async Task Request_InThreeParts_ArrivesWhole()
    {
        await SendAsync(7, More, Tables(0, 1));
        await SendAsync(7, More, Tables(2));
        await SendAsync(7, 0, Tables(3));

        var message = await _handler.NextAsync<RecordingHandler.Message>();
        var request = message.Content.Should().BeOfType<MultipartRequest>().Subject;
        (request.Xid, request.More).Should().Be((7u, false));
        TablesOf(message).Should().Equal(0, 1, 2, 3);
        message.Raw.Should().HaveCount(16 + (4 * 64));
    }

    [Test]
    public async Task Requests_Interleaved_StayApart()
    {
        await SendAsync(7, More, Tables(0));
        await SendAsync(8, More, Tables(5));
        await SendAsync(9, 0, Tables(9));
        await SendAsync(8, 0, []);
        await SendAsync(7, 0, Tables(1));

        TablesOf(await _handler.NextAsync<RecordingHandler.Message>()).Should().Equal(9);
        TablesOf(await _handler.NextAsync<RecordingHandler.Message>()).Should().Equal(5);
        TablesOf(await _handler.NextAsync<RecordingHandler.Message>()).Should().Equal(0, 1);
    }

    [Test]
    public async Task Request_TooLong_IsRefusedOnceAndItsRestDropped()
    {
        var part = Tables([.. Enumerable.Repeat<byte>(1, 1000)]);
        for (var sent = 0; sent < 17; sent++)
        {
            await SendAsync(7, More, part);
        }

        var refused = await _handler.NextAsync<RecordingHandler.Invalid>();
        (refused.Error.Type, refused.Error.Code).Should().Be((ErrorType.BadRequest, (ushort)BadRequestCode.MultipartBufferOverflow));

        await SendAsync(7, More, part);
        await SendAsync(7, 0, Tables(2));
        await SendAsync(8, More, Tables(3));
        await SendAsync(8, 0, Tables(4));
        TablesOf(await _handler.NextAsync<RecordingHandler.Message>()).Should().Equal(3, 4);

        await SendAsync(7, 0, Tables(5));
        TablesOf(await _handler.NextAsync<RecordingHandler.Message>()).Should().Equal(5);
    }

    [Test]
    public async Task Request_WithPartsOfTwoTypes_IsRefused()
    {
        await SendAsync(7, More, Tables(0));
        await _peer.SendRawAsync(ControllerSimulator.Frame(4, (byte)MessageType.MultipartRequest, 7, [0, (byte)MultipartType.Desc, 0, 0, 0, 0, 0, 0]));

        var refused = await _handler.NextAsync<RecordingHandler.Invalid>();
        (refused.Error.Type, refused.Error.Code).Should().Be((ErrorType.BadRequest, (ushort)BadRequestCode.BadMultipart));
    }

    [Test]
    public async Task Request_InPartsWithTooManyBytesForItsType_IsBadLen()
    {
        byte[] body = [0, (byte)MultipartType.PortStats, 0, (byte)More, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        await _peer.SendRawAsync(ControllerSimulator.Frame(4, (byte)MessageType.MultipartRequest, 7, body));
        body[3] = 0;
        await _peer.SendRawAsync(ControllerSimulator.Frame(4, (byte)MessageType.MultipartRequest, 7, body));

        var refused = await _handler.NextAsync<RecordingHandler.Invalid>();
        (refused.Error.Type, refused.Error.Code).Should().Be((ErrorType.BadRequest, (ushort)BadRequestCode.BadLen));
    }

    [Test]
    public async Task Requests_TooManyUnfinished_CloseTheConnection()
    {
        for (uint xid = 1; xid <= 17; xid++)
        {
            await SendAsync(xid, More, []);
        }

        (await _handler.NextAsync<RecordingHandler.Closed>()).Reason.Should().Contain("16 multipart requests are unfinished");
    }

    private static IEnumerable<byte> TablesOf(RecordingHandler.Message message) =>
        ((TableFeatures)((MultipartRequest)message.Content).Body).Entries.Select(entry => entry.Table.Value);

    /// <summary>Table features without properties, 64 bytes each.</summary>
    private static byte[] Tables(params byte[] tables)
    {
        var bytes = new byte[64 * tables.Length];
        for (var index = 0; index < tables.Length; index++)
        {
            bytes[(64 * index) + 1] = 64;
            bytes[(64 * index) + 2] = tables[index];
        }

        return bytes;
    }

    private Task SendAsync(uint xid, ushort flags, byte[] tables) => _peer.SendRawAsync(ControllerSimulator.Frame(
        4, (byte)MessageType.MultipartRequest, xid, [0, (byte)MultipartType.TableFeatures, 0, (byte)flags, 0, 0, 0, 0, .. tables]));
}
