using System.Buffers.Binary;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Tests.Messages;

/// <summary>Each malformation is answered with the type and code that the specification has for it.</summary>
public sealed class ErrorCodeTests
{
    private const string EthType = "80000a020800";

    [TestCase(14, "00000000", ExpectedResult = "BadRequest/BadLen")]
    [TestCase(63, "", ExpectedResult = "BadRequest/BadType")]
    [TestCase(5, "00", ExpectedResult = "BadRequest/BadLen")]
    [TestCase(9, "0000", ExpectedResult = "BadRequest/BadLen")]
    [TestCase(9, "0000000000", ExpectedResult = "BadRequest/BadLen")]
    [TestCase(20, "0000000000000000", ExpectedResult = "BadRequest/BadLen")]
    [TestCase(24, "00000002", ExpectedResult = "BadRequest/BadLen")]
    [TestCase(18, "004d000000000000", ExpectedResult = "BadRequest/BadMultipart")]
    [TestCase(18, "000000000000000000", ExpectedResult = "BadRequest/BadLen")]
    [TestCase(18, "0001000000000000ff000000", ExpectedResult = "BadRequest/BadLen")]
    [TestCase(4, "4f4b4f0000000063", ExpectedResult = "BadRequest/BadExpType")]
    [TestCase(4, "4f4b4f", ExpectedResult = "BadRequest/BadLen")]
    [TestCase(4, "4f4b4f000000000100000007", ExpectedResult = "BadRequest/BadLen")]
    [TestCase(18, "ffff0000000000004f4b4f000000006300000000", ExpectedResult = "BadRequest/BadExpType")]
    [TestCase(13, "fffffffffffffffd0018000000000000" + "00000010fffffffb0000000000000000", ExpectedResult = "BadRequest/BadLen")]
    public string Request_Malformed(int type, string body) => ErrorOf((byte)type, body);

    [Test]
    public void Request_OfAnotherVersion_IsBadVersion()
    {
        var decode = () => MessageCodec.Decode(Convert.FromHexString("0114000800000001"));

        Name(decode.Should().Throw<OpenFlowErrorException>().Which).Should().Be("BadRequest/BadVersion");
    }

    [TestCase("0000" + "0004" + "00000000", ExpectedResult = "BadMatch/BadType")]
    [TestCase("0001" + "0003" + "00000000", ExpectedResult = "BadMatch/BadLen")]
    [TestCase("0001" + "0040" + "00000000", ExpectedResult = "BadMatch/BadLen")]
    [TestCase("0001" + "000a" + EthType, ExpectedResult = "BadMatch/BadLen", Description = "the padding is missing")]
    [TestCase("0001" + "0009" + EthType + "000000000000", ExpectedResult = "BadMatch/BadLen", Description = "the field is cut by the match")]
    [TestCase("0001" + "0010" + EthType + EthType, ExpectedResult = "BadMatch/DupField")]
    [TestCase("0001" + "000a" + "80000a010800" + "000000000000", ExpectedResult = "BadMatch/BadLen")]
    [TestCase("0001" + "000a" + "800050020800" + "000000000000", ExpectedResult = "BadMatch/BadField")]
    [TestCase("0001" + "000a" + "00010a020800" + "000000000000", ExpectedResult = "BadMatch/BadField")]
    [TestCase("0001" + "000c" + "80000b040800ffff" + "00000000", ExpectedResult = "BadMatch/BadMask")]
    [TestCase("0001" + "000c" + "80000d0410050fff" + "00000000", ExpectedResult = "BadMatch/BadWildcards")]
    [TestCase("0001" + "000a" + "80000c022005" + "000000000000", ExpectedResult = "BadMatch/BadValue")]
    [TestCase("0001" + "0009" + "80000e0103" + "00000000000000", ExpectedResult = "BadMatch/BadPrereq", Description = "priority without tag")]
    [TestCase("0001" + "0009" + "8000140106" + "00000000000000", ExpectedResult = "BadMatch/BadPrereq")]
    [TestCase("0001" + "000f" + "80000a0286dd" + "8000140106" + "00", ExpectedResult = null, Description = "IPv6 and TCP agree")]
    [TestCase("0001" + "0012" + "80000a0286dd" + "800016040a000001" + "000000000000", ExpectedResult = "BadMatch/BadPrereq")]
    [TestCase("0001" + "000f" + EthType + "8000100140" + "00", ExpectedResult = "BadMatch/BadValue", Description = "DSCP has 6 bits")]
    [TestCase("0001" + "0010" + "ffff00084f4b4f0000000000", ExpectedResult = "BadMatch/BadValue", Description = "filter 0")]
    [TestCase("0001" + "0010" + "ffff00084f4b4f00ffffffff", ExpectedResult = "BadMatch/BadValue")]
    [TestCase("0001" + "0014" + "ffff010c4f4b4f0000000007ffffffff" + "00000000", ExpectedResult = "BadMatch/BadMask")]
    [TestCase("0001" + "0010" + "ffff00080066666600000007", ExpectedResult = "BadMatch/BadField", Description = "field of somebody else")]
    [TestCase("0001" + "0010" + "ffff02084f4b4f0000000007", ExpectedResult = "BadMatch/BadField", Description = "no such field of ours")]
    [TestCase("0001" + "0008" + "ffff0000", ExpectedResult = "BadMatch/BadLen", Description = "no room for the experimenter id")]
    public string? Match_Malformed(string match) => ErrorOrNull(14, FlowModFixedPart + match);

    [TestCase("00010008050000", ExpectedResult = "BadInstruction/BadLen", Description = "cut")]
    [TestCase("0001000405000000", ExpectedResult = "BadInstruction/BadLen")]
    [TestCase("0001000905000000", ExpectedResult = "BadInstruction/BadLen")]
    [TestCase("00010010050000000000000000000000", ExpectedResult = "BadInstruction/BadLen")]
    [TestCase("0001001005000000", ExpectedResult = "BadInstruction/BadLen", Description = "longer than the message")]
    [TestCase("0007000800000000", ExpectedResult = "BadInstruction/UnknownInst")]
    [TestCase("00010008050000000001000806000000", ExpectedResult = "BadInstruction/UnknownInst", Description = "goto-table twice")]
    [TestCase("ffff000800666666", ExpectedResult = "BadInstruction/BadExperimenter")]
    public string Instruction_Malformed(string instructions) => ErrorOf(14, FlowModFixedPart + "0001000400000000" + instructions);

    [TestCase("0063000800000000", ExpectedResult = "BadAction/BadType")]
    [TestCase("0000000800000001", ExpectedResult = "BadAction/BadLen", Description = "output of 8 bytes")]
    [TestCase("0012001000000000" + "0000000000000000", ExpectedResult = "BadAction/BadLen", Description = "pop-VLAN of 16 bytes")]
    [TestCase("0000000000000000", ExpectedResult = "BadAction/BadLen", Description = "length 0")]
    [TestCase("0000001400000001" + "0000000000000000", ExpectedResult = "BadAction/BadLen", Description = "no multiple of 8")]
    [TestCase("0000001800000001" + "0000000000000000", ExpectedResult = "BadAction/BadLen", Description = "longer than the list")]
    [TestCase("ffff000800666666", ExpectedResult = "BadAction/BadExperimenter")]
    [TestCase("0019001080005002" + "0800000000000000", ExpectedResult = "BadAction/BadSetType", Description = "unknown field")]
    [TestCase("0019001080000d04" + "1005100000000000", ExpectedResult = "BadAction/BadSetArgument", Description = "bits outside the mask")]
    [TestCase("0019001080000d04" + "10001fff00000000", ExpectedResult = "BadAction/BadSetType", Description = "a mask")]
    [TestCase("0019001080000c01" + "1000000000000000", ExpectedResult = "BadAction/BadSetLen")]
    [TestCase("0019001080000c02" + "2005000000000000", ExpectedResult = "BadAction/BadSetArgument", Description = "a bit too many")]
    [TestCase("0019001880000c02" + "10050000000000000000000000000000", ExpectedResult = "BadAction/BadLen", Description = "more than padding follows")]
    public string Action_Malformed(string actions) =>
        ErrorOf(14, FlowModFixedPart + "0001000400000000" + $"0004{8 + (actions.Length / 2):x4}00000000" + actions);

    [Test]
    public void FlowMod_UnknownCommand_IsBadCommand() =>
        ErrorOf(14, FlowModFixedPart.Remove(34, 2).Insert(34, "05") + "0001000400000000").Should().Be("FlowModFailed/BadCommand");

    [TestCase("0000000000000032" + "000800000000000000000000ffffffff", ExpectedResult = "GroupModFailed/BadBucket")]
    [TestCase("0000000000000032" + "001800000000000000000000ffffffff", ExpectedResult = "BadRequest/BadLen", Description = "bucket longer than the message")]
    public string GroupMod_BucketMalformed(string body) => ErrorOf(15, body);

    [TestCase("00100000", ExpectedResult = "TableFeaturesFailed/BadLen")]
    [TestCase("00410000", ExpectedResult = "BadRequest/BadLen")]
    public string TableFeatures_Malformed(string entry) => ErrorOf(18, "000c000000000000" + entry);

    [TestCase("00000004" + "00000008" + "00000002" + "00000000" + "ac10000e0100000000000000", Description = "one entry, two said")]
    [TestCase("00000000" + "00000000" + "ffffffff" + "00000000", Description = "entries of no bytes")]
    [TestCase("80000000" + "80000000" + "00000001" + "00000000", Description = "sizes that overflow")]
    [TestCase("00000004" + "00000008" + "00000000" + "00000000" + "ac10000e", Description = "bytes without entries")]
    public void MapUpdate_SizesThatDoNotAddUp_AreMapSize(string sizes)
    {
        var decode = () => MessageCodec.Decode(Message(4, "4f4b4f0000000004" + "0000000700000000" + sizes));

        var error = decode.Should().Throw<OpenFlowErrorException>().Which;
        error.Experimenter.Should().Be(OkoExperimenter.Id);
        OkoError.Parse(error.Code, error.ExperimenterData).Should().Match<OkoError>(found => found.Type == OkoErrorType.MapSize && found.FilterId == 7);
    }

    [Test]
    public void Experimenter_OfSomebodyElse_IsLeftToTheSwitch() =>
        MessageCodec.Decode(Message(4, "0066666600000001")).Should().BeOfType<ExperimenterMessage>().Which.Experimenter.Should().Be(0x666666);

    private static string FlowModFixedPart =>
        "0000000000000000" + "0000000000000000" + "0000" + "0000" + "0000" + "8000" + "ffffffff" + "ffffffff" + "ffffffff" + "0000" + "0000";

    private static byte[] Message(byte type, string body)
    {
        byte[] message = [4, type, 0, 0, 0, 0, 0, 1, .. Convert.FromHexString(body)];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)message.Length);
        return message;
    }

    private static string ErrorOf(byte type, string body) => ErrorOrNull(type, body) ?? "no error";

    private static string? ErrorOrNull(byte type, string body)
    {
        try
        {
            MessageCodec.Decode(Message(type, body));
            return null;
        }
        catch (OpenFlowErrorException problem)
        {
            return Name(problem);
        }
    }

    private static string Name(OpenFlowErrorException problem) => $"{problem.Type}/" + problem.Type switch
    {
        ErrorType.BadRequest => $"{(BadRequestCode)problem.Code}",
        ErrorType.BadMatch => $"{(BadMatchCode)problem.Code}",
        ErrorType.BadAction => $"{(BadActionCode)problem.Code}",
        ErrorType.BadInstruction => $"{(BadInstructionCode)problem.Code}",
        ErrorType.FlowModFailed => $"{(FlowModFailedCode)problem.Code}",
        ErrorType.GroupModFailed => $"{(GroupModFailedCode)problem.Code}",
        ErrorType.TableFeaturesFailed => $"{(TableFeaturesFailedCode)problem.Code}",
        _ => $"{problem.Code}",
    };
}
