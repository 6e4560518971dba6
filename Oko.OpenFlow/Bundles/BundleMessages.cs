using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Bundles;

/// <summary>ONF_ET_BUNDLE_CONTROL: opens, closes, commits or discards a bundle, or says that this was done.</summary>
/// <param name="BundleId">Number of the bundle, chosen by the controller, unique on its connection.</param>
/// <param name="Control">What is asked for or was done.</param>
/// <param name="Flags">The same in all messages of a bundle.</param>
/// <remarks>Source: ONF Extensions for OpenFlow 1.3.X, EXT-230 "Bundle Extension"; the same message as in OpenFlow 1.4, 7.3.9.2.</remarks>
public sealed record BundleControl(uint BundleId, BundleControlType Control, BundleFlags Flags) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.Experimenter;
}

/// <summary>ONF_ET_BUNDLE_ADD_MESSAGE: a message for a bundle.</summary>
/// <param name="BundleId">The bundle; opened by this message if there is none.</param>
/// <param name="Flags">The same in all messages of a bundle.</param>
/// <param name="Message">The message; its xid must be this one's.</param>
/// <remarks>Source: EXT-230; the same message as in OpenFlow 1.4, 7.3.9.6.</remarks>
public sealed record BundleAdd(uint BundleId, BundleFlags Flags, OpenFlowMessage Message) : OpenFlowMessage
{
    /// <summary>Where the inner message begins in the bytes of this one.</summary>
    public const int MessageOffset = 24;

    /// <inheritdoc/>
    public override MessageType Type => MessageType.Experimenter;
}

/// <summary>ONF_BCT_*.</summary>
public enum BundleControlType : ushort
{
    /// <summary>ONF_BCT_OPEN_REQUEST.</summary>
    OpenRequest = 0,

    /// <summary>ONF_BCT_OPEN_REPLY.</summary>
    OpenReply = 1,

    /// <summary>ONF_BCT_CLOSE_REQUEST.</summary>
    CloseRequest = 2,

    /// <summary>ONF_BCT_CLOSE_REPLY.</summary>
    CloseReply = 3,

    /// <summary>ONF_BCT_COMMIT_REQUEST.</summary>
    CommitRequest = 4,

    /// <summary>ONF_BCT_COMMIT_REPLY.</summary>
    CommitReply = 5,

    /// <summary>ONF_BCT_DISCARD_REQUEST.</summary>
    DiscardRequest = 6,

    /// <summary>ONF_BCT_DISCARD_REPLY.</summary>
    DiscardReply = 7,
}

/// <summary>ONF_BF_*: what the controller relies on.</summary>
[Flags]
public enum BundleFlags : ushort
{
    /// <summary>All or nothing, in any order.</summary>
    None = 0,

    /// <summary>ONF_BF_ATOMIC: a packet meets all of the bundle or nothing of it.</summary>
    Atomic = 1,

    /// <summary>ONF_BF_ORDERED: in the order in which the messages were added.</summary>
    Ordered = 2,
}

/// <summary>Errors of bundles: types of experimenter errors of the ONF.</summary>
public enum BundleFailedCode : ushort
{
    /// <summary>ONFERR_ET_UNKNOWN.</summary>
    Unknown = 2300,

    /// <summary>ONFERR_ET_EPERM.</summary>
    Eperm = 2301,

    /// <summary>ONFERR_ET_BAD_ID: there is no such bundle.</summary>
    BadId = 2302,

    /// <summary>ONFERR_ET_BUNDLE_EXIST: the bundle was open already.</summary>
    BundleExist = 2303,

    /// <summary>ONFERR_ET_BUNDLE_CLOSED: the bundle takes no more messages.</summary>
    BundleClosed = 2304,

    /// <summary>ONFERR_ET_OUT_OF_BUNDLES.</summary>
    OutOfBundles = 2305,

    /// <summary>ONFERR_ET_BAD_TYPE: unknown or misplaced control type.</summary>
    BadType = 2306,

    /// <summary>ONFERR_ET_BAD_FLAGS: unknown flags, or others than before.</summary>
    BadFlags = 2307,

    /// <summary>ONFERR_ET_MSG_BAD_LEN: the length of the inner message is wrong.</summary>
    MsgBadLen = 2308,

    /// <summary>ONFERR_ET_MSG_BAD_XID: inner and outer xid differ.</summary>
    MsgBadXid = 2309,

    /// <summary>ONFERR_ET_MSG_UNSUP: messages of this type cannot be in a bundle.</summary>
    MsgUnsup = 2310,

    /// <summary>ONFERR_ET_MSG_CONFLICT.</summary>
    MsgConflict = 2311,

    /// <summary>ONFERR_ET_MSG_TOO_MANY: the bundle cannot hold more.</summary>
    MsgTooMany = 2312,

    /// <summary>ONFERR_ET_MSG_FAILED: a message failed, nothing was changed.</summary>
    MsgFailed = 2313,

    /// <summary>ONFERR_ET_TIMEOUT.</summary>
    Timeout = 2314,

    /// <summary>ONFERR_ET_BUNDLE_IN_PROGRESS.</summary>
    BundleInProgress = 2315,
}
