using Oko.System.Tests.Lab;
using Oko.Testing;

namespace Oko.System.Tests;

/// <summary>TLS between the built switch and the tools users have: ovs-ofctl and os-ken, both with OpenSSL.</summary>
public sealed class SecureConnectionTests
{
    private TestCertificates _authority = null!;
    private TestCertificates _stranger = null!;
    private string[] _files = null!;

    [OneTimeSetUp]
    public void MakeCertificates()
    {
        _authority = new TestCertificates();
        _stranger = new TestCertificates("stranger");
        _files = Options(_authority.Issue("switch"), "--private-key", "--certificate", "--ca-cert");
    }

    [OneTimeTearDown]
    public void RemoveCertificates()
    {
        _authority.Dispose();
        _stranger.Dispose();
    }

    [Test]
    public void OvsOfctl_WithCertificate_ReadsAndWrites()
    {
        using var network = new Network("okotls", 2);
        using var oko = SwitchProcess.Start(network, ["--port", "p1=1", "--port", "p2=2", "--listen", "pssl:6655", .. _files]);
        string Ofctl(params string[] arguments) => Network.In(network.SwitchSpace, 30,
            ["ovs-ofctl", "-O", "OpenFlow13", .. Options(_authority.Issue("tool"), "--private-key", "--certificate", "--ca-cert"), .. arguments]);

        // 2,000 entries fill many TLS records in both directions.
        var flows = _authority.Write("flows", string.Join('\n', Enumerable.Range(0, 2000).Select(n => $"priority=5,ip,nw_src=10.1.{n / 250}.{n % 250},actions=output:2")));
        Ofctl("add-flows", "ssl:127.0.0.1:6655", flows);
        Ofctl("--bundle", "add-flows", "ssl:127.0.0.1:6655", flows);
        Ofctl("dump-flows", "ssl:127.0.0.1:6655").Split('\n').Count(line => line.Contains("nw_src=10.1.", StringComparison.Ordinal)).Should().Be(2000);
    }

    [Test]
    public void OvsOfctl_OfAnotherAuthority_IsRefusedAndTheLogSaysWhy()
    {
        using var network = new Network("okotls", 1);
        using var oko = SwitchProcess.Start(network, ["--port", "p1=1", "--listen", "pssl:6655", .. _files]);
        CommandResult Show((string Key, string Certificate) own, string authority) => Network.TryIn(network.SwitchSpace, 30, "ovs-ofctl", "-O", "OpenFlow13",
            "--private-key", own.Key, "--certificate", own.Certificate, "--ca-cert", authority, "show", "ssl:127.0.0.1:6655");

        Show(_stranger.Issue("tool"), _authority.AuthorityPath).ExitCode.Should().NotBe(0);
        Await.Until(() => oko.Log.Contains("TLS: the peer's certificate 'CN=tool' is not signed by an authority of", StringComparison.Ordinal), 10, "the check that failed", () => oko.Log);

        // The other way round: the tool refuses the switch, and says so with an alert.
        Show(_authority.Issue("tool"), _stranger.AuthorityPath).ExitCode.Should().NotBe(0);
        Await.Until(() => oko.Log.Contains("TLS: the peer refuses: ", StringComparison.Ordinal), 10, "the alert of the tool", () => oko.Log);
        oko.Log.Should().Contain("unknown ca");
    }

    [Test]
    public void OsKen_OverTls_LearnsAndForwards()
    {
        using var network = new Network("okotls", 2);
        using var controller = OsKen.Start(network, 6653, "samples/mininet/learning_switch.py", [.. OsKenOptions(_authority), "--ofp-ssl-listen-port", "6653"]);
        using var oko = SwitchProcess.StartWithListener(network, 2, ["--controller", "ssl:127.0.0.1:6653", .. _files]);
        Await.Until(() => oko.Ofctl("dump-flows").Contains("CONTROLLER:65535", StringComparison.Ordinal), 20, "table-miss entry");
        network.Ping(1, 2, count: 5).Should().Be(5);
        controller.Log.Should().NotContain("Traceback");
    }

    [Test]
    public void OsKen_OfAnotherAuthority_IsRefusedAndTheLogSaysWhy()
    {
        using var network = new Network("okotls", 1);
        using var controller = OsKen.Start(network, 6653, "samples/mininet/learning_switch.py", [.. OsKenOptions(_stranger), "--ofp-ssl-listen-port", "6653"]);
        using var oko = SwitchProcess.Start(network, ["--port", "p1=1", "--controller", "ssl:127.0.0.1:6653", .. _files]);
        Await.Until(() => oko.Log.Contains("'CN=controller' is not signed by an authority of", StringComparison.Ordinal), 20, "the check that failed", () => oko.Log);
    }

    [Test]
    public void Run_WithoutCertificate_EndsWithAClearError()
    {
        var result = Command.Run(20, SwitchProcess.Binary, "run", "--controller", "ssl:127.0.0.1:6653");
        result.ExitCode.Should().Be(1);
        result.All.Should().Contain("ssl:127.0.0.1:6653: TLS needs --private-key, --certificate, --ca-cert as well");
    }

    [Test]
    public void Run_WithFilesThatDoNotBelongTogether_EndsWithAClearError()
    {
        var (key, _) = _authority.Issue("one");
        var (_, certificate) = _authority.Issue("two");
        var result = Command.Run(20, SwitchProcess.Binary, "run", "--listen", "pssl:0:127.0.0.1", "--private-key", key, "--certificate", certificate,
            "--ca-cert", _authority.AuthorityPath, "--management", _authority.Write("sock", string.Empty));
        result.ExitCode.Should().Be(1);
        result.All.Should().Contain($"TLS private key {key}: it is not the key of the certificate {certificate}.");
    }

    private static string[] OsKenOptions(TestCertificates authority) => Options(authority, authority.Issue("controller"), "--ctl-privkey", "--ctl-cert", "--ca-certs");

    private string[] Options((string Key, string Certificate) own, string key, string certificate, string authorities) =>
        Options(_authority, own, key, certificate, authorities);

    private static string[] Options(TestCertificates authority, (string Key, string Certificate) own, string key, string certificate, string authorities) =>
        [key, own.Key, certificate, own.Certificate, authorities, authority.AuthorityPath];
}
