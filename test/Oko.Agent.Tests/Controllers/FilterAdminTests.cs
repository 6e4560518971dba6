using System.Security.Cryptography.X509Certificates;
using Oko.Agent.Configuration;
using Oko.Agent.Tests.Rules;
using Oko.OpenFlow.Channel;
using Oko.OpenFlow.Channel.Tls;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

/// <summary>Who may change filters and maps over OpenFlow (<c>--filter-admins</c>), and what is left to the others.</summary>
public sealed class FilterAdminTests
{
    // The second listener of the bench.
    private static readonly OpenFlowEndpoint AdminListener = OpenFlowEndpoint.Parse("ptcp:0:127.0.0.1?oko=aware");

    private static readonly OpenFlowMessage[] Changes =
    [
        SwitchBench.Upload(7, "1 a:hash:16", FilterUploadFlags.Replace),
        SwitchBench.Upload(8, "1"),
        SwitchBench.Upload(8, "1", FilterUploadFlags.DryRun),
        SwitchBench.Upload(8, "1") with { Data = [0], TotalLength = 10 },
        new FilterUnload(7, Force: true),
        new MapUpdate(7, 0, 0, 4, 8, [new MapItem(new byte[4], new byte[8])]),
        new MapDelete(7, 0, 4, [new byte[4]]),
        new MapDelete(7, 0, 0, []),
        new FilterUnload(9, Force: false),
    ];

    [Test]
    public async Task Connections_OfOtherAddresses_AreRefusedChangesAndMayReadAndUse()
    {
        await using var bench = await StartAsync(FilterAdmins.None with { Endpoints = [AdminListener] });
        await using var admin = await bench.ConnectAwareAsync();
        await using var other = await bench.ConnectAsync();
        await admin.RequestAsync<FilterStatus>(SwitchBench.Upload(7, "1 a:hash:16"));
        await admin.DoAsync(new MapUpdate(7, 0, 0, 4, 8, [new MapItem([1, 0, 0, 0], new byte[8])]));

        foreach (var change in Changes)
        {
            var error = await other.RefusedAsync(change, ErrorType.Experimenter, OkoErrorType.NotPermitted);
            var told = OkoError.Parse(error.Code, error.Data);
            told.FilterId.Should().BeOneOf(7, 8, 9);
            told.Text.Should().Be($"filter {told.FilterId}: connections of ptcp:0:127.0.0.1 may read filters and maps, not change them; use a connection that may, or let the operator allow it (oko run --filter-admins).");
        }

        (await other.AskAsync<FilterDescriptionReply>(new MultipartRequest(new FilterDescriptionRequest(OkoExperimenter.AllFilters)))).Entries.Should().ContainSingle()
            .Which.Generation.Should().Be(1);
        (await other.AskAsync<FilterStatsReply>(new MultipartRequest(new FilterStatsRequest(7)))).Entries.Should().ContainSingle();
        (await other.AskAsync<MapDumpReply>(new MultipartRequest(new MapDumpRequest(7, 0, 0)))).Entries.Should().ContainSingle();
        await other.DoAsync(new FlowMod { Priority = 5, Match = RuleBench.Filtered(7) });
        (await admin.FlowsAsync()).Entries.Should().ContainSingle();
        await admin.DoAsync(new MapDelete(7, 0, 0, []), new FilterUnload(7, Force: true));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Connections_WithoutTls_AreRefusedWhereNoneOrTlsIsAskedFor(bool isTls)
    {
        await using var bench = await StartAsync(FilterAdmins.None with { IncludesSecure = isTls });
        await using var aware = await bench.ConnectAwareAsync();
        foreach (var change in Changes)
        {
            await aware.RefusedAsync(change, ErrorType.Experimenter, OkoErrorType.NotPermitted);
        }
    }

    [Test]
    public async Task Connections_OverTls_MayWhereTlsIsAskedFor()
    {
        using var authority = new TestCertificates();
        var (key, certificate) = authority.Issue("switch");
        await using var bench = await SwitchBench.StartAsync(
            SwitchBench.Options with { FilterAdmins = FilterAdmins.None with { IncludesSecure = true }, Tls = TlsCredentials.Load(key, certificate, authority.AuthorityPath) },
            listener: "pssl:0:127.0.0.1");
        var (ownKey, own) = authority.Issue("controller", TestCertificates.Client);
        await using var controller = await bench.ConnectSecurelyAsync(X509Certificate2.CreateFromPemFile(own, ownKey));
        (await controller.RequestAsync<FilterStatus>(SwitchBench.Upload(7, "1"))).Generation.Should().Be(1);
    }

    [Test]
    public async Task Connections_ThatAreSlaves_AreToldThatFirst()
    {
        await using var bench = await StartAsync(FilterAdmins.None);
        await using var slave = await bench.ConnectAwareAsync();
        await slave.RequestAsync<RoleReply>(new RoleRequest(ControllerRole.Slave, 1));
        await slave.RefusedAsync(SwitchBench.Upload(7, "1"), ErrorType.BadRequest, BadRequestCode.IsSlave);
        await slave.RequestAsync<RoleReply>(new RoleRequest(ControllerRole.Equal, 1));
        await slave.RefusedAsync(new FilterStatus { FilterId = 7 }, ErrorType.BadRequest, BadRequestCode.BadExpType);
    }

    private static Task<SwitchBench> StartAsync(FilterAdmins admins) => SwitchBench.StartAsync(SwitchBench.Options with { FilterAdmins = admins });
}
