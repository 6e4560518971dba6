using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Oko.OpenFlow.Channel;
using Oko.OpenFlow.Channel.Tls;
using Oko.OpenFlow.Messages;
using Oko.Testing;

namespace Oko.OpenFlow.Tests.Channel;

/// <summary>TLS on both kinds of endpoints, against the TLS of .NET as peer, and what the log says when a check fails.</summary>
public sealed class TlsTests
{
    private static readonly OpenFlowEndpoint AnyPort = OpenFlowEndpoint.Parse("pssl:0:127.0.0.1");

    private TestCertificates _authority = null!;
    private TestCertificates _stranger = null!;
    private RecordingHandler _handler = null!;
    private LogRecorder _log = null!;
    private OpenFlowChannel _channel = null!;

    [SetUp]
    public void SetUp()
    {
        _authority = new TestCertificates();
        _stranger = new TestCertificates("stranger");
        var (key, certificate) = _authority.Issue("switch");
        _handler = new RecordingHandler();
        _log = new LogRecorder();
        _channel = new OpenFlowChannel(_handler, _log, null, TlsCredentials.Load(key, certificate, _authority.AuthorityPath));
    }

    [TearDown]
    public async Task TearDown()
    {
        await _channel.DisposeAsync();
        _authority.Dispose();
        _stranger.Dispose();
    }

    [TestCase(SslProtocols.Tls12, false)]
    [TestCase(SslProtocols.Tls12, true)]
    [TestCase(SslProtocols.Tls13, false)]
    [TestCase(SslProtocols.Tls13, true)]
    public async Task Listener_PeerWithGoodCertificate_Opens(SslProtocols version, bool isRsa)
    {
        var address = await _channel.AddListenerAsync(AnyPort);
        await using var peer = await ConnectAsync(address, _authority.Issue("tool", TestCertificates.Client, isRsa: isRsa), version);
        await peer.HelloAsync();
        (await _handler.NextAsync<RecordingHandler.Opened>()).Connection.Endpoint.IsSecure.Should().BeTrue();
    }

    [TestCase(SslProtocols.Tls12)]
    [TestCase(SslProtocols.Tls13)]
    public async Task Controller_WithGoodCertificate_Opens(SslProtocols version)
    {
        using var listener = AddController();
        await using var peer = await AcceptAsync(listener, _authority.Issue("controller", TestCertificates.Server), version);
        await peer.HelloAsync();
        (await _handler.NextAsync<RecordingHandler.Opened>()).Connection.IsController.Should().BeTrue();
    }

    [Test]
    public async Task Messages_ManyAndLongBothWays_ArriveWholeAndInOrder()
    {
        var address = await _channel.AddListenerAsync(AnyPort);
        await using var peer = await ConnectAsync(address, _authority.Issue("tool"));
        await peer.HelloAsync();
        var connection = (await _handler.NextAsync<RecordingHandler.Opened>()).Connection;
        var sizes = Enumerable.Range(0, 300).Select(index => (index * 7919) % 60_000).ToArray();
        var sending = Task.Run(async () =>
        {
            foreach (var (size, index) in sizes.Select((size, index) => (size, index)))
            {
                await peer.SendRawAsync(ControllerSimulator.Frame(4, 4, (uint)index, Pattern(size + 8, index)));
            }
        });
        for (var index = 0; index < sizes.Length; index++)
        {
            var received = await _handler.NextAsync<RecordingHandler.Message>();
            received.Raw.Should().Equal(ControllerSimulator.Frame(4, 4, (uint)index, Pattern(sizes[index] + 8, index)));
            connection.Send(received.Raw);
        }

        await sending;
        for (var index = 0; index < sizes.Length; index++)
        {
            (await peer.ExpectRawAsync(_ => true)).Should().Equal(ControllerSimulator.Frame(4, 4, (uint)index, Pattern(sizes[index] + 8, index)));
        }
    }

    [Test]
    public async Task Echo_OverTls_IsAnswered()
    {
        var address = await _channel.AddListenerAsync(AnyPort);
        await using var peer = await ConnectAsync(address, _authority.Issue("tool"));
        await peer.HelloAsync();
        await peer.RequestAsync<EchoReply>(new EchoRequest(new byte[] { 1, 2, 3 }));
    }

    [Test]
    public async Task Listener_PeerWithoutCertificate_IsRefusedByName()
    {
        await FailAsync(null);
        await _log.ExpectAsync("closed: TLS: the peer sent no certificate");
    }

    [Test]
    public async Task Listener_PeerOfAnotherAuthority_IsRefusedByName()
    {
        await FailAsync(_stranger.Issue("tool"));
        await _log.ExpectAsync($"closed: TLS: the peer's certificate 'CN=tool' is not signed by an authority of {_authority.AuthorityPath}, but by 'CN=stranger'");
    }

    [Test]
    public async Task Listener_PeerOutOfDate_IsRefusedByName()
    {
        await FailAsync(_authority.Issue("tool", isExpired: true));
        await _log.ExpectAsync("closed: TLS: the peer's certificate 'CN=tool' is not valid now: 'CN=tool' is valid from ");
    }

    [Test]
    public async Task Listener_PeerWithTheCertificateOfAServer_IsRefusedByName()
    {
        await FailAsync(_authority.Issue("tool", TestCertificates.Server));
        await _log.ExpectAsync("closed: TLS: the peer's certificate 'CN=tool' is not meant for clients (extended key usage clientAuth)");
    }

    [Test]
    public async Task Listener_PeerWithoutTls_IsRefusedByName()
    {
        var address = await _channel.AddListenerAsync(AnyPort);
        await using var peer = await ControllerSimulator.ConnectAsync(address);
        await peer.SendRawAsync(ControllerSimulator.Frame(4, 0, 1));
        await _log.ExpectAsync("closed: TLS: the peer does not speak TLS");
        await peer.ExpectClosedAsync();
    }

    [Test]
    public async Task Listener_PeerGoesAwayInTheHandshake_IsSaid()
    {
        var address = await _channel.AddListenerAsync(AnyPort);
        await using (await ControllerSimulator.ConnectAsync(address))
        {
        }

        await _log.ExpectAsync("closed: TLS: the peer closed the connection during the handshake");
    }

    [TestCase(SslProtocols.Tls12)]
    [TestCase(SslProtocols.Tls13)]
    public async Task Controller_OfAnotherAuthority_IsRefusedByName(SslProtocols version)
    {
        using var listener = AddController();
        await IgnoreFailureAsync(AcceptAsync(listener, _stranger.Issue("controller"), version));
        await _log.ExpectAsync("closed: TLS: the peer's certificate 'CN=controller' is not signed by an authority of");
    }

    [TestCase(SslProtocols.Tls12)]
    [TestCase(SslProtocols.Tls13)]
    public async Task Controller_ThatGoesAwayInsteadOfAcceptingOurCertificate_IsSaid(SslProtocols version)
    {
        using var listener = AddController();
        await IgnoreFailureAsync(AcceptAsync(listener, _authority.Issue("controller"), version, accept: false));

        // With TLS 1.2 the handshake is complete before the controller decides. Alerts: SecureConnectionTests, since this peer sends none.
        await _log.ExpectAsync("the peer closed the connection");
        _log.Lines.Last().Should().ContainAny("during the handshake", "before its HELLO; does it trust the switch's certificate?");
    }

    [Test]
    public async Task Controller_WithoutTls_IsRefusedByName()
    {
        using var listener = AddController();
        await using var peer = await ControllerSimulator.AcceptAsync(listener);
        await peer.SendRawAsync(ControllerSimulator.Frame(4, 0, 1));
        await _log.ExpectAsync("closed: TLS: the peer does not speak TLS");
    }

    [Test]
    public async Task SecureEndpoint_WithoutCredentials_IsRefused()
    {
        await using var bare = new OpenFlowChannel(_handler, _log);
        FluentActions.Invoking(() => bare.AddController(OpenFlowEndpoint.Parse("ssl:127.0.0.1"))).Should().Throw<ArgumentException>();
        await FluentActions.Awaiting(() => bare.AddListenerAsync(AnyPort)).Should().ThrowAsync<ArgumentException>();
    }

    [Test]
    public void Load_FilesThatCannotBeUsed_SaysWhichAndWhy()
    {
        var (key, certificate) = _authority.Issue("switch");
        var (otherKey, _) = _authority.Issue("other");
        var (rsaKey, _) = _authority.Issue("rsa", isRsa: true);
        var empty = _authority.Write("empty", string.Empty);
        var broken = _authority.Write("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        var encrypted = _authority.Write("encrypted", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
        var missing = Path.Combine(Path.GetDirectoryName(key)!, "missing");

        Refuse(missing, certificate, _authority.AuthorityPath, "private key", missing);
        Refuse(key, missing, _authority.AuthorityPath, "certificate", missing);
        Refuse(key, certificate, missing, "authority", missing);
        Refuse(otherKey, certificate, _authority.AuthorityPath, otherKey, "not the key of the certificate");
        Refuse(rsaKey, certificate, _authority.AuthorityPath, rsaKey, "no private key in PEM form");
        Refuse(empty, certificate, _authority.AuthorityPath, empty, "no private key in PEM form");
        Refuse(encrypted, certificate, _authority.AuthorityPath, encrypted, "encrypted");
        Refuse(key, key, _authority.AuthorityPath, key, "no certificate in PEM form");
        Refuse(key, certificate, empty, empty, "no certificate in PEM form");
        Refuse(key, certificate, broken, broken, "cannot be read");

        static void Refuse(string key, string certificate, string authority, params string[] texts)
        {
            var message = FluentActions.Invoking(() => TlsCredentials.Load(key, certificate, authority)).Should().Throw<IOException>().Which.Message;
            message.Should().ContainAll(texts);
        }
    }

    private Socket AddController()
    {
        var listener = ControllerSimulator.Listen();
        _channel.AddController(OpenFlowEndpoint.Parse($"ssl:{listener.LocalEndPoint}"));
        return listener;
    }

    private async Task FailAsync((string Key, string Certificate)? files)
    {
        var address = await _channel.AddListenerAsync(AnyPort);
        await IgnoreFailureAsync(ConnectAsync(address, files));
    }

    /// <summary>With TLS 1.3 a client may believe itself connected before the server has looked at its certificate.</summary>
    private static async Task IgnoreFailureAsync(Task<ControllerSimulator> connecting)
    {
        try
        {
            await using var peer = await connecting;
            await peer.ExpectClosedAsync();
        }
        catch (Exception exception) when (exception is AuthenticationException or IOException)
        {
        }
    }

    private static Task<ControllerSimulator> ConnectAsync(IPEndPoint address, (string Key, string Certificate)? files, SslProtocols version = SslProtocols.None) =>
        ControllerSimulator.ConnectAsync(address, secure: async stream =>
        {
            var secure = new SslStream(stream);
            await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "switch",
                EnabledSslProtocols = version,
                RemoteCertificateValidationCallback = (_, _, _, _) => true,
                ClientCertificates = files is { } own ? [X509Certificate2.CreateFromPemFile(own.Certificate, own.Key)] : [],
            });
            return secure;
        });

    private static Task<ControllerSimulator> AcceptAsync(
        Socket listener, (string Key, string Certificate) files, SslProtocols version = SslProtocols.None, bool accept = true) =>
        ControllerSimulator.AcceptAsync(listener, secure: async stream =>
        {
            var secure = new SslStream(stream);
            await secure.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
            {
                ServerCertificate = X509Certificate2.CreateFromPemFile(files.Certificate, files.Key),
                EnabledSslProtocols = version,
                ClientCertificateRequired = true,
                RemoteCertificateValidationCallback = (_, _, _, _) => accept,
            });
            return secure;
        });

    private static byte[] Pattern(int size, int seed)
    {
        // An experimenter id of nobody, then anything.
        var pattern = new byte[size];
        new Random(seed).NextBytes(pattern);
        (pattern[0], pattern[1], pattern[2], pattern[3]) = (0, 0x66, 0x66, 0x66);
        return pattern;
    }
}
