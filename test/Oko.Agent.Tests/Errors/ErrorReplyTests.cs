using System.Buffers.Binary;
using Oko.Agent.Rules;
using Oko.Agent.Tests.Controllers;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Errors;

/// <summary>
/// Each error that the specification names, provoked by bytes over TCP and compared with the bytes of the reply; or the reason why
/// no request can provoke it.
/// </summary>
public sealed class ErrorReplyTests
{
    /// <summary>Small, so that a table can be filled.</summary>
    internal const int MaxRulesPerTable = 3;

    private const byte Error = 1;
    private const int HeadBytes = 12;

    private SwitchBench _bench = null!;

    private static IEnumerable<TestCaseData> Cases => ErrorCases.All.Select(scenario => new TestCaseData(scenario).SetArgDisplayNames(scenario.ToString()));

    [SetUp]
    public async Task StartAsync() => _bench = await SwitchBench.StartAsync(rules: new RuleManagerOptions { MaxRulesPerTable = MaxRulesPerTable });

    [TearDown]
    public async Task StopAsync() => await _bench.DisposeAsync();

    [TestCaseSource(nameof(Cases))]
    public async Task Request_Refused_IsAnsweredWithItsErrorAndItsBytes(ErrorCase scenario)
    {
        await using var controller = await _bench.ConnectAsync();
        foreach (var message in scenario.Before)
        {
            await controller.SendRawAsync(message);
        }

        await controller.BarrierAsync();
        controller.PeekReceived().Should().NotContain(frame => frame[1] == Error, "what comes before is no fault");

        await controller.SendRawAsync(scenario.Request);

        var reply = await controller.ExpectRawAsync(frame => frame[1] == Error, what: scenario.Error.Name);
        ErrorCatalogue.Describe((ErrorType)U16(reply, 8), U16(reply, 10)).Should().Be(scenario.Error.ToString());
        reply[..2].Should().Equal(4, Error);
        ControllerSimulator.XidOf(reply).Should().Be(Hex.Xid);
        var data = reply[HeadBytes..];
        data.Length.Should().BeGreaterThanOrEqualTo(Math.Min(64, scenario.Request.Length));
        data.Should().Equal(scenario.Request.Take(data.Length), "the data are the request");
        if (scenario.ClosesConnection)
        {
            await controller.ExpectClosedAsync();
            return;
        }

        await controller.BarrierAsync();
        controller.PeekReceived().Should().NotContain(frame => frame[1] == Error, "there is one error for one fault");
    }

    [Test]
    public async Task Hello_WithoutCommonVersion_IsAnsweredWithIncompatibleAndAText()
    {
        await using var controller = await _bench.ConnectSilentlyAsync();
        controller.StartReading();

        await controller.SendRawAsync(Hex.Message(0, "", version: 1));

        var reply = await controller.ExpectRawAsync(frame => frame[1] == Error);
        (U16(reply, 8), U16(reply, 10)).Should().Be(((ushort)ErrorType.HelloFailed, (ushort)HelloFailedCode.Incompatible));
        ControllerSimulator.XidOf(reply).Should().Be(Hex.Xid);
        System.Text.Encoding.ASCII.GetString(reply[HeadBytes..]).Should().Contain("OpenFlow 1.3");
        await controller.ExpectClosedAsync();
    }

    [Test]
    public void Catalogue_EveryError_IsProducedOrExplained()
    {
        var produced = ErrorCases.All.Select(scenario => scenario.Code).Append(HelloFailedCode.Incompatible).Distinct().ToArray();

        ErrorCases.NeverSent.Keys.Should().NotIntersectWith(produced, "what is produced needs no excuse");
        produced.Concat(ErrorCases.NeverSent.Keys).Select(ErrorCase.Describe).Should().BeEquivalentTo(ErrorCatalogue.All);
    }

    private static ushort U16(byte[] frame, int offset) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(offset));
}
