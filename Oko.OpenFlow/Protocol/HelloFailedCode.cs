namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_hello_failed_code</c>. Source: OpenFlow 1.3.5, 7.4.4.</summary>
public enum HelloFailedCode : ushort
{
    /// <summary>OFPHFC_INCOMPATIBLE.</summary>
    Incompatible = 0,

    /// <summary>OFPHFC_EPERM.</summary>
    Eperm = 1,
}
