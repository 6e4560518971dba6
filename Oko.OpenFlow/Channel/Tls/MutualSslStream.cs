using System.Globalization;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Oko.OpenFlow.Channel.Tls;

/// <summary>
/// TLS 1.2 or 1.3 with certificates on both sides, each checked against the authorities of <see cref="TlsCredentials"/>, and with a name
/// for the check that fails. One per connection, on the channel's thread.
/// </summary>
/// <remarks>
/// <para>The names in a certificate are not compared with the address, as in Open vSwitch: the authority is the operator's own
/// and signs controllers and switches only. Sessions are not resumed, so that every connection is checked in full.</para>
/// <para>Both handshakes are overridden since DotNetty calls the oldest form of them, which cannot carry these options.</para>
/// <para>Source: OpenFlow 1.3.5, 6.3.2 "Encryption".</para>
/// </remarks>
internal sealed class MutualSslStream(Stream transport, TlsCredentials credentials) : SslStream(transport, leaveInnerStreamOpen: true)
{
    private const SslProtocols Versions = SslProtocols.Tls12 | SslProtocols.Tls13;

    // Purposes of a certificate, RFC 5280, 4.2.1.12.
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private string? _fault;

    /// <inheritdoc/>
    public override Task AuthenticateAsClientAsync(
        string targetHost, X509CertificateCollection? clientCertificates, SslProtocols enabledSslProtocols, bool checkCertificateRevocation) =>
        NameFault(AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = targetHost,
            ClientCertificateContext = credentials.Context,
            EnabledSslProtocols = Versions,
            AllowRenegotiation = false,
            AllowTlsResume = false,
            RemoteCertificateValidationCallback = (_, certificate, chain, _) => Check(certificate, chain, ServerAuthentication),
        }));

    /// <inheritdoc/>
    public override Task AuthenticateAsServerAsync(
        X509Certificate serverCertificate, bool clientCertificateRequired, SslProtocols enabledSslProtocols, bool checkCertificateRevocation) =>
        NameFault(AuthenticateAsServerAsync(new SslServerAuthenticationOptions
        {
            ServerCertificateContext = credentials.Context,
            ClientCertificateRequired = true,
            EnabledSslProtocols = Versions,
            AllowRenegotiation = false,
            AllowTlsResume = false,
            RemoteCertificateValidationCallback = (_, certificate, chain, _) => Check(certificate, chain, ClientAuthentication),
        }));

    private async Task NameFault(Task handshake)
    {
        try
        {
            await handshake.ConfigureAwait(false);
        }
        catch (Exception exception) when (_fault is not null)
        {
            throw new TlsCheckException(_fault, exception);
        }
    }

    private bool Check(X509Certificate? certificate, X509Chain? received, string purpose)
    {
        _fault = certificate is null ? "the peer sent no certificate" : FindFault(new X509Certificate2(certificate), received, purpose);
        return _fault is null;
    }

    /// <summary>What is wrong with the peer's certificate, or null.</summary>
    private string? FindFault(X509Certificate2 certificate, X509Chain? received, string purpose)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(credentials.Authorities);
        chain.ChainPolicy.ExtraStore.AddRange(received?.ChainPolicy.ExtraStore ?? []);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(purpose));
        try
        {
            return chain.Build(certificate) ? null : Describe(certificate, chain, purpose);
        }
        catch (CryptographicException exception)
        {
            return $"the peer's certificate cannot be checked: {exception.Message}";
        }
    }

    private string Describe(X509Certificate2 certificate, X509Chain chain, string purpose)
    {
        var flags = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, status) => all | status.Status);
        var name = $"the peer's certificate '{Printable(certificate.Subject)}'";

        // The most telling one first: a stranger's certificate may be out of date as well, but that is not why it is refused.
        if ((flags & (X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain)) != 0)
        {
            return $"{name} is not signed by an authority of {credentials.AuthorityPath}, but by '{Printable(certificate.Issuer)}'";
        }

        if ((flags & X509ChainStatusFlags.NotTimeValid) != 0)
        {
            // It may be the certificate of the authority that is out of date.
            var expired = chain.ChainElements
                .First(element => element.ChainElementStatus.Any(status => status.Status == X509ChainStatusFlags.NotTimeValid)).Certificate;
            return string.Create(CultureInfo.InvariantCulture,
                $"{name} is not valid now: '{Printable(expired.Subject)}' is valid from {expired.NotBefore.ToUniversalTime():u} to {expired.NotAfter.ToUniversalTime():u}");
        }

        if ((flags & X509ChainStatusFlags.NotValidForUsage) != 0)
        {
            var role = purpose == ServerAuthentication ? "servers (extended key usage serverAuth)" : "clients (extended key usage clientAuth)";
            return $"{name} is not meant for {role}";
        }

        return $"{name} is refused: {string.Join("; ", chain.ChainStatus.Select(status => status.StatusInformation.Trim()))}";
    }

    /// <summary>A name without what would break a line of the log: certificates are the peer's to write, also those that are refused.</summary>
    private static string Printable(string name) => string.Concat(name.Take(200).Select(character => char.IsControl(character) ? '?' : character));
}
