using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Tests.Messages;

/// <summary>Descriptions and statistics of queues. Source: OpenFlow 1.3.5, 7.2.2, 7.3.5.8 and 7.3.6.</summary>
public sealed class QueueMessageTests
{
    [Test]
    public void Description_RatesAndOtherProperties_AreKept()
    {
        const string Bytes =
            "04170050 00000016 00000002 00000000" +
            "00000000 00000002 0030 000000000000 0001 0010 00000000 00c8 000000000000 0002 0010 00000000 03e8 000000000000" +
            "00000001 00000002 0010 000000000000";
        Check(Bytes, new QueueGetConfigReply(new PortNumber(2),
        [
            new QueueDescription(new QueueId(0), new PortNumber(2), [new QueueProperty(1, 200, []), new QueueProperty(2, 1000, [])]),
            new QueueDescription(new QueueId(1), new PortNumber(2), []),
        ]) { Xid = 22 });
        Check(
            "04170038 00000016 00000002 00000000 00000005 00000002 0028 000000000000 ffff 0018 00000000 00112233 00000000 0102030405060708",
            new QueueGetConfigReply(new PortNumber(2),
                [new QueueDescription(new QueueId(5), new PortNumber(2), [new QueueProperty(0xFFFF, 0, [0, 0x11, 0x22, 0x33, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])])]) { Xid = 22 });
    }

    [Test]
    public void Statistics_OfAQueue_AreKept() => Check(
        "04130038 00000016 0005 0000 00000000" +
        "00000002 00000001 0000000000000100 0000000000000004 0000000000000003 00000005 0000000a",
        new MultipartReply(new QueueStatsReply(
            [new QueueStatsEntry(new PortNumber(2), new QueueId(1), 256, 4, 3, TimeSpan.FromSeconds(5))])) { Xid = 22 },
        "04130038 00000016 0005 0000 00000000" +
        "00000002 00000001 0000000000000100 0000000000000004 0000000000000003 00000005 00000000");

    [TestCase("04170020 00000016 00000002 00000000 00000000 00000002 000f 000000000000", TestName = "Description_ShorterThanItsHeader_BadLen")]
    [TestCase("04170020 00000016 00000002 00000000 00000000 00000002 0020 000000000000", TestName = "Description_BeyondTheMessage_BadLen")]
    [TestCase("04170028 00000016 00000002 00000000 00000000 00000002 0018 000000000000 0001 0004 00000000", TestName = "Description_PropertyShorterThanItsHeader_BadLen")]
    [TestCase("04170028 00000016 00000002 00000000 00000000 00000002 0018 000000000000 0001 0008 00000000", TestName = "Description_RateWithoutRate_BadLen")]
    public void Description_Malformed(string bytes) =>
        FluentActions.Invoking(() => MessageCodec.Decode(Parse(bytes))).Should().Throw<OpenFlowErrorException>()
            .Where(error => error.Type == ErrorType.BadRequest && error.Code == (ushort)BadRequestCode.BadLen);

    private static void Check(string bytes, OpenFlowMessage expected, string? written = null)
    {
        MessageCodec.Decode(Parse(bytes)).Should().BeEquivalentTo(expected, options => options.RespectingRuntimeTypes().ComparingRecordsByMembers());
        Convert.ToHexString(MessageCodec.Encode(expected)).Should().Be(Convert.ToHexString(Parse(written ?? bytes)));
    }

    private static byte[] Parse(string hex) => Convert.FromHexString(hex.Replace(" ", string.Empty));
}
