namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_role_request_failed_code</c>. Source: OpenFlow 1.3.5, 7.4.4.</summary>
public enum RoleRequestFailedCode : ushort
{
    /// <summary>OFPRRFC_STALE.</summary>
    Stale = 0,

    /// <summary>OFPRRFC_UNSUP.</summary>
    Unsup = 1,

    /// <summary>OFPRRFC_BAD_ROLE.</summary>
    BadRole = 2,
}
