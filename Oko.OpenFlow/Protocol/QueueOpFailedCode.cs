namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_queue_op_failed_code</c>. Source: OpenFlow 1.3.5, 7.4.4.</summary>
public enum QueueOpFailedCode : ushort
{
    /// <summary>OFPQOFC_BAD_PORT.</summary>
    BadPort = 0,

    /// <summary>OFPQOFC_BAD_QUEUE.</summary>
    BadQueue = 1,

    /// <summary>OFPQOFC_EPERM.</summary>
    Eperm = 2,
}
