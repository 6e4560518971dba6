namespace Oko.Agent.Configuration;

/// <summary>The PEM files of endpoints with TLS. Immutable.</summary>
/// <param name="PrivateKey">Path of the switch's private key.</param>
/// <param name="Certificate">Path of its certificate.</param>
/// <param name="AuthorityCertificates">Path of the certificates of those who sign the certificates of controllers.</param>
public sealed record TlsFiles(string PrivateKey, string Certificate, string AuthorityCertificates);
