namespace Oko.OpenFlow.Protocol;

/// <summary>A port number. Source: OpenFlow 1.3.5, 7.2.1 "Port Structures".</summary>
public readonly record struct PortNumber(uint Value)
{
    /// <summary>OFPP_MAX: the highest number of a physical or logical port.</summary>
    public static readonly PortNumber Max = new(0xFFFFFF00);

    /// <summary>OFPP_IN_PORT.</summary>
    public static readonly PortNumber InPort = new(0xFFFFFFF8);

    /// <summary>OFPP_TABLE.</summary>
    public static readonly PortNumber Table = new(0xFFFFFFF9);

    /// <summary>OFPP_NORMAL.</summary>
    public static readonly PortNumber Normal = new(0xFFFFFFFA);

    /// <summary>OFPP_FLOOD.</summary>
    public static readonly PortNumber Flood = new(0xFFFFFFFB);

    /// <summary>OFPP_ALL.</summary>
    public static readonly PortNumber All = new(0xFFFFFFFC);

    /// <summary>OFPP_CONTROLLER.</summary>
    public static readonly PortNumber Controller = new(0xFFFFFFFD);

    /// <summary>OFPP_LOCAL.</summary>
    public static readonly PortNumber Local = new(0xFFFFFFFE);

    /// <summary>OFPP_ANY.</summary>
    public static readonly PortNumber Any = new(0xFFFFFFFF);

    /// <inheritdoc/>
    public override string ToString() => Value switch
    {
        0xFFFFFFF8 => "IN_PORT",
        0xFFFFFFF9 => "TABLE",
        0xFFFFFFFA => "NORMAL",
        0xFFFFFFFB => "FLOOD",
        0xFFFFFFFC => "ALL",
        0xFFFFFFFD => "CONTROLLER",
        0xFFFFFFFE => "LOCAL",
        0xFFFFFFFF => "ANY",
        _ => Value.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };
}

/// <summary>A flow table. Source: OpenFlow 1.3.5, 7.3.4.1 "Modify Flow Entry Message".</summary>
public readonly record struct TableId(byte Value)
{
    /// <summary>OFPTT_MAX: the highest number of a table.</summary>
    public static readonly TableId Max = new(0xFE);

    /// <summary>OFPTT_ALL.</summary>
    public static readonly TableId All = new(0xFF);
}

/// <summary>A group. Source: OpenFlow 1.3.5, 7.3.4.2 "Modify Group Entry Message".</summary>
public readonly record struct GroupId(uint Value)
{
    /// <summary>OFPG_MAX.</summary>
    public static readonly GroupId Max = new(0xFFFFFF00);

    /// <summary>OFPG_ALL.</summary>
    public static readonly GroupId All = new(0xFFFFFFFC);

    /// <summary>OFPG_ANY.</summary>
    public static readonly GroupId Any = new(0xFFFFFFFF);
}

/// <summary>A meter. Source: OpenFlow 1.3.5, 7.3.4.4 "Meter Modification Message".</summary>
public readonly record struct MeterId(uint Value)
{
    /// <summary>OFPM_MAX.</summary>
    public static readonly MeterId Max = new(0xFFFF0000);

    /// <summary>OFPM_CONTROLLER: the virtual meter of packets to the controllers.</summary>
    public static readonly MeterId Controller = new(0xFFFFFFFE);

    /// <summary>OFPM_ALL.</summary>
    public static readonly MeterId All = new(0xFFFFFFFF);
}

/// <summary>A queue. Source: OpenFlow 1.3.5, 7.2.2 "Queue Structures".</summary>
public readonly record struct QueueId(uint Value)
{
    /// <summary>OFPQ_ALL.</summary>
    public static readonly QueueId All = new(0xFFFFFFFF);
}

/// <summary>A packet buffer of the switch. Source: OpenFlow 1.3.5, 7.3.4.1.</summary>
public readonly record struct BufferId(uint Value)
{
    /// <summary>OFP_NO_BUFFER.</summary>
    public static readonly BufferId NoBuffer = new(0xFFFFFFFF);
}

/// <summary>A controller's mark on a flow entry. Source: OpenFlow 1.3.5, 6.4 "Flow Table Modification Messages".</summary>
public readonly record struct Cookie(ulong Value);
