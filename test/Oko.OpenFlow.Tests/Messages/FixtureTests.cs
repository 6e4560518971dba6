using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;

namespace Oko.OpenFlow.Tests.Messages;

/// <summary>Each message of the protocol and of the extension: decode, compare, encode, byte-equal.</summary>
public sealed class FixtureTests
{
    private static IEnumerable<HexFixture> Fixtures() => HexFixture.All();

    [Test]
    public void Fixtures_AndExpectations_AreTheSameSet() =>
        ExpectedMessages.ByFixture.Keys.Should().BeEquivalentTo(Fixtures().Select(fixture => fixture.Name));

    [Test]
    public void Fixtures_Together_HoldEveryMessageType() =>
        ExpectedMessages.ByFixture.Values.Select(message => message.Type).Distinct().Should().HaveCount(30);

    [TestCaseSource(nameof(Fixtures))]
    public void Decode_Fixture_GivesTheMessage(HexFixture fixture) =>
        MessageCodec.Decode(fixture.Bytes).Should().BeEquivalentTo(
            ExpectedMessages.ByFixture[fixture.Name], options => options.RespectingRuntimeTypes().ComparingRecordsByMembers().WithStrictOrdering());

    [TestCaseSource(nameof(Fixtures))]
    public void Encode_Message_GivesTheFixture(HexFixture fixture) =>
        Convert.ToHexString(MessageCodec.Encode(ExpectedMessages.ByFixture[fixture.Name])).Should().Be(Convert.ToHexString(fixture.Bytes));

    [TestCaseSource(nameof(Fixtures))]
    public void Encode_DecodedMessage_GivesTheSameBytes(HexFixture fixture) =>
        Convert.ToHexString(MessageCodec.Encode(MessageCodec.Decode(fixture.Bytes))).Should().Be(Convert.ToHexString(fixture.Bytes));

    [Test]
    public void OkoError_ToMessageAndBack_IsTheSame()
    {
        var error = new OkoError(OkoErrorType.ProgramRefused, 7, 12, OkoVerdict.CannotProve, "out of it");

        var sent = error.ToException();

        sent.ExperimenterData.Should().Equal(((ErrorMessage)ExpectedMessages.ByFixture["error-oko"]).Data);
        OkoError.Parse(sent.Code, sent.ExperimenterData).Should().Be(error);
    }

    [Test]
    public void OkoError_TextOverTheLimit_IsCutOnACharacterAndSaysSo()
    {
        var error = new OkoError(OkoErrorType.ProgramRefused, 7, new string('é', 3000));

        var read = OkoError.Parse(2, error.ToException().ExperimenterData);

        read.Text.Should().EndWith("[the rest is left out]").And.NotContain("\uFFFD");
        System.Text.Encoding.UTF8.GetByteCount(read.Text).Should().BeLessThanOrEqualTo(4000);
    }
}
