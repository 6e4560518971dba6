namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_error_type</c>. Source: OpenFlow 1.3.5, 7.4.4.</summary>
public enum ErrorType : ushort
{
    /// <summary>OFPET_HELLO_FAILED.</summary>
    HelloFailed = 0,

    /// <summary>OFPET_BAD_REQUEST.</summary>
    BadRequest = 1,

    /// <summary>OFPET_BAD_ACTION.</summary>
    BadAction = 2,

    /// <summary>OFPET_BAD_INSTRUCTION.</summary>
    BadInstruction = 3,

    /// <summary>OFPET_BAD_MATCH.</summary>
    BadMatch = 4,

    /// <summary>OFPET_FLOW_MOD_FAILED.</summary>
    FlowModFailed = 5,

    /// <summary>OFPET_GROUP_MOD_FAILED.</summary>
    GroupModFailed = 6,

    /// <summary>OFPET_PORT_MOD_FAILED.</summary>
    PortModFailed = 7,

    /// <summary>OFPET_TABLE_MOD_FAILED.</summary>
    TableModFailed = 8,

    /// <summary>OFPET_QUEUE_OP_FAILED.</summary>
    QueueOpFailed = 9,

    /// <summary>OFPET_SWITCH_CONFIG_FAILED.</summary>
    SwitchConfigFailed = 10,

    /// <summary>OFPET_ROLE_REQUEST_FAILED.</summary>
    RoleRequestFailed = 11,

    /// <summary>OFPET_METER_MOD_FAILED.</summary>
    MeterModFailed = 12,

    /// <summary>OFPET_TABLE_FEATURES_FAILED.</summary>
    TableFeaturesFailed = 13,

    /// <summary>OFPET_EXPERIMENTER.</summary>
    Experimenter = 0xffff,
}
