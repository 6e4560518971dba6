using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Oko.OpenFlow.Channel.Tls;

/// <summary>
/// What the switch shows on TLS connections and whom it trusts there: three PEM files, as Open vSwitch has them. Immutable, any thread.
/// </summary>
/// <remarks>Nothing but the named files is looked at: neither the system's list of authorities nor addresses in certificates.</remarks>
public sealed class TlsCredentials
{
    private const long MaxFileBytes = 1 << 20;

    private TlsCredentials(X509Certificate2 certificate, SslStreamCertificateContext context, X509Certificate2Collection authorities, string authorityPath)
    {
        Certificate = certificate;
        Context = context;
        Authorities = authorities;
        AuthorityPath = authorityPath;
    }

    /// <summary>The switch's certificate with its private key.</summary>
    internal X509Certificate2 Certificate { get; }

    /// <summary>The same with the intermediate certificates that are sent along.</summary>
    internal SslStreamCertificateContext Context { get; }

    /// <summary>Certificates of the authorities a peer's certificate may come from.</summary>
    internal X509Certificate2Collection Authorities { get; }

    /// <summary>The file they stand in, for messages.</summary>
    internal string AuthorityPath { get; }

    /// <summary>Reads the files.</summary>
    /// <param name="privateKeyPath">Private key, RSA or EC, not encrypted.</param>
    /// <param name="certificatePath">The certificate of that key; intermediate certificates may follow it.</param>
    /// <param name="authorityPath">Certificates of the authorities that sign the certificates of controllers.</param>
    /// <exception cref="IOException">A file cannot be read or does not hold what it must; the message says which and what to do.</exception>
    public static TlsCredentials Load(string privateKeyPath, string certificatePath, string authorityPath)
    {
        var key = ReadText(privateKeyPath, "private key");
        var certificates = ReadCertificates(certificatePath, "certificate");
        var authorities = ReadCertificates(authorityPath, "certificate of an authority");
        var certificate = Join(certificates[0], key, privateKeyPath, certificatePath);
        certificates.RemoveAt(0);

        // Offline: to fetch missing intermediate certificates from an address in a certificate is nothing a switch should do.
        var context = SslStreamCertificateContext.Create(certificate, certificates, offline: true);
        return new TlsCredentials(certificate, context, authorities, authorityPath);
    }

    private static X509Certificate2 Join(X509Certificate2 certificate, string key, string keyPath, string certificatePath)
    {
        if (key.Contains("ENCRYPTED", StringComparison.Ordinal))
        {
            throw new IOException($"TLS private key {keyPath}: the key is encrypted, and there is nobody to ask for the passphrase. Write it out with 'openssl pkey -in {keyPath} -out FILE' and protect the file instead.");
        }

        AsymmetricAlgorithm algorithm = certificate.PublicKey.Oid.Value switch
        {
            Rsa => RSA.Create(),
            EllipticCurve => ECDsa.Create(),
            _ => throw new IOException($"TLS certificate {certificatePath}: keys of type {certificate.PublicKey.Oid.FriendlyName} are not supported. Use RSA or EC."),
        };
        using (algorithm)
        {
            try
            {
                algorithm.ImportFromPem(key);
            }
            catch (Exception exception) when (exception is ArgumentException or CryptographicException)
            {
                throw new IOException($"TLS private key {keyPath}: no private key in PEM form for a certificate with a key of type {certificate.PublicKey.Oid.FriendlyName}, as {certificatePath} is.", exception);
            }

            try
            {
                return algorithm is RSA rsa ? certificate.CopyWithPrivateKey(rsa) : certificate.CopyWithPrivateKey((ECDsa)algorithm);
            }
            catch (Exception exception) when (exception is ArgumentException or CryptographicException or InvalidOperationException)
            {
                throw new IOException($"TLS private key {keyPath}: it is not the key of the certificate {certificatePath}. Name the pair that belongs together.", exception);
            }
        }
    }

    private static X509Certificate2Collection ReadCertificates(string path, string what)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(ReadText(path, what));
        }
        catch (CryptographicException exception)
        {
            throw new IOException($"TLS {what} {path}: the file holds a certificate that cannot be read: {exception.Message}", exception);
        }

        return certificates.Count > 0
            ? certificates
            : throw new IOException($"TLS {what} {path}: the file holds no certificate in PEM form (-----BEGIN CERTIFICATE-----).");
    }

    private static string ReadText(string path, string what)
    {
        try
        {
            return new FileInfo(path) is { Exists: true, Length: > MaxFileBytes } file
                ? throw new IOException($"the file has {file.Length} bytes; allowed are {MaxFileBytes}.")
                : File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"TLS {what} {path}: {exception.Message}", exception);
        }
    }

    // Object identifiers of RFC 3279, 2.3.1 and RFC 5480, 2.1.1.
    private const string Rsa = "1.2.840.113549.1.1.1";
    private const string EllipticCurve = "1.2.840.10045.2.1";
}
