using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Tests.Errors;

internal static partial class ErrorCases
{
    private const string NoPermissions = "permissions are not given by request: who may connect may do everything its role allows, but change filters, whose error is the extension's own (NOT_PERMITTED)",
        AllTags = "all tags and encapsulations of OpenFlow 1.3 are supported; unknown fields and EtherTypes have codes of their own",
        AllMasks = "addresses take any mask",
        NoExperimenter = "the switch knows no experimenter here, so the id is refused before the type",
        AllMetadata = "all 64 bits of the metadata can be written";

    /// <summary>The errors that no request to this switch brings, and why.</summary>
    public static IReadOnlyDictionary<Enum, string> NeverSent { get; } = new Dictionary<Enum, string>
    {
        [HelloFailedCode.Eperm] = "who may not connect is turned away before HELLO",
        [BadRequestCode.Eperm] = NoPermissions,
        [BadRequestCode.BufferEmpty] = "the switch buffers no packets (n_buffers 0), so every buffer is unknown",
        [BadActionCode.BadExpType] = NoExperimenter,
        [BadActionCode.Eperm] = NoPermissions,
        [BadActionCode.UnsupportedOrder] = "apply-actions are executed in any order",
        [BadActionCode.BadTag] = AllTags,
        [BadInstructionCode.UnsupInst] = "every table supports every instruction of OpenFlow 1.3",
        [BadInstructionCode.UnsupMetadata] = AllMetadata,
        [BadInstructionCode.UnsupMetadataMask] = AllMetadata,
        [BadInstructionCode.BadExpType] = NoExperimenter,
        [BadInstructionCode.Eperm] = NoPermissions,
        [BadMatchCode.BadTag] = AllTags,
        [BadMatchCode.BadDlAddrMask] = AllMasks,
        [BadMatchCode.BadNwAddrMask] = AllMasks,
        [BadMatchCode.Eperm] = NoPermissions,
        [FlowModFailedCode.Unknown] = "every refusal of a flow-mod has a code of its own",
        [FlowModFailedCode.Eperm] = NoPermissions,
        [FlowModFailedCode.BadTimeout] = "all timeouts are supported",
        [GroupModFailedCode.WeightUnsupported] = "select groups share by any weights",
        [GroupModFailedCode.WatchUnsupported] = "every port and group can be watched; what is none is BAD_WATCH",
        [GroupModFailedCode.Eperm] = NoPermissions,
        [PortModFailedCode.Eperm] = NoPermissions,
        [TableModFailedCode.Eperm] = NoPermissions,
        [QueueOpFailedCode.Eperm] = NoPermissions,
        [SwitchConfigFailedCode.Eperm] = NoPermissions,
        [RoleRequestFailedCode.Unsup] = "all roles are supported",
        [MeterModFailedCode.Unknown] = "every refusal of a meter-mod has a code of its own",
        [MeterModFailedCode.BadBurst] = "all burst sizes are supported",
    };
}
