using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Oko.Testing;

/// <summary>An authority of a test and what it signs, as PEM files in a folder of its own that goes with it.</summary>
public sealed class TestCertificates : IDisposable
{
    /// <summary>Purpose "TLS web server authentication".</summary>
    public const string Server = "1.3.6.1.5.5.7.3.1";

    /// <summary>Purpose "TLS web client authentication".</summary>
    public const string Client = "1.3.6.1.5.5.7.3.2";

    private readonly string _folder = Directory.CreateTempSubdirectory("oko-tls-").FullName;
    private readonly X509Certificate2 _authority;

    /// <summary>A new authority.</summary>
    public TestCertificates(string name = "test authority")
    {
        var request = Request(name, ECDsa.Create(ECCurve.NamedCurves.nistP256));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        _authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddYears(-2), DateTimeOffset.UtcNow.AddYears(1));
        AuthorityPath = Write("authority.pem", _authority.ExportCertificatePem());
    }

    /// <summary>File of the authority's certificate.</summary>
    public string AuthorityPath { get; }

    /// <summary>Makes a key and a certificate.</summary>
    /// <param name="name">Common name, and name of the files.</param>
    /// <param name="purpose">Extended key usage, or null for none.</param>
    /// <param name="isExpired">Whether it was valid until yesterday.</param>
    /// <param name="isRsa">RSA instead of an elliptic curve.</param>
    public (string Key, string Certificate) Issue(string name, string? purpose = null, bool isExpired = false, bool isRsa = false)
    {
        using AsymmetricAlgorithm key = isRsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = Request(name, key);
        if (purpose is not null)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], critical: false));
        }

        var end = isExpired ? DateTimeOffset.UtcNow.AddDays(-1) : DateTimeOffset.UtcNow.AddDays(2);
        using var certificate = request.Create(_authority.SubjectName, Generator(), DateTimeOffset.UtcNow.AddYears(-1), end, RandomNumberGenerator.GetBytes(8));
        return (Write($"{name}.key", key.ExportPkcs8PrivateKeyPem()), Write($"{name}.pem", certificate.ExportCertificatePem()));
    }

    /// <summary>Writes a file into the folder; its path.</summary>
    public string Write(string name, string content)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, content);
        return path;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private X509SignatureGenerator Generator() => X509SignatureGenerator.CreateForECDsa(_authority.GetECDsaPrivateKey()!);

    private static CertificateRequest Request(string name, AsymmetricAlgorithm key) => key is RSA rsa
        ? new CertificateRequest($"CN={name}", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
        : new CertificateRequest($"CN={name}", (ECDsa)key, HashAlgorithmName.SHA256);
}
