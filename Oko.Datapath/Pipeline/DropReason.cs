namespace Oko.Datapath.Pipeline;

/// <summary>Why a packet ended without being sent. Each packet that is dropped has exactly one.</summary>
public enum DropReason : byte
{
    /// <summary>No entry matched in a table, and there is no table-miss entry.</summary>
    TableMiss,

    /// <summary>The matching entries name no output: dropped on purpose.</summary>
    NoOutput,

    /// <summary>The only outputs named the port the packet came from; OpenFlow wants IN_PORT for that.</summary>
    OutputToIngress,

    /// <summary>An output names a port that does not exist.</summary>
    NoSuchPort,

    /// <summary>The output port is down or configured not to forward.</summary>
    PortDown,

    /// <summary>The ingress port is configured down or not to receive.</summary>
    ReceiveDisabled,

    /// <summary>The transmit ring of the port is full.</summary>
    TransmitFull,

    /// <summary>No frame is free for a copy of the packet.</summary>
    NoFrame,

    /// <summary>The queue to the controllers is full.</summary>
    ControllerQueueFull,

    /// <summary>The port is configured to send no packets to the controller.</summary>
    PacketInDisabled,

    /// <summary>Shorter than an Ethernet header.</summary>
    Malformed,

    /// <summary>A push needs more room in front of the packet than the frame has.</summary>
    NoHeadroom,

    /// <summary>A flood, and no port but the ingress port is up and may send.</summary>
    NoFloodPort,

    /// <summary>A select or fast failover group has no live bucket.</summary>
    NoLiveBucket,

    /// <summary>A meter's drop band.</summary>
    Metered,

    /// <summary>An IP fragment, while the switch drops those (OFPC_FRAG_DROP).</summary>
    Fragment,

    /// <summary>Longer than the MTU of the output port allows.</summary>
    TooLong,
}

/// <summary>The reasons in words.</summary>
public static class DropReasons
{
    /// <summary>Number of reasons.</summary>
    public static readonly int Count = Enum.GetValues<DropReason>().Length;

    /// <summary>Name for programs: lower case with underscores.</summary>
    public static string Name(DropReason reason) =>
        string.Concat(reason.ToString().Select((letter, at) => at > 0 && char.IsUpper(letter) ? "_" + char.ToLowerInvariant(letter) : char.ToLowerInvariant(letter).ToString()));

    /// <summary>A sentence for people.</summary>
    public static string Describe(DropReason reason) => reason switch
    {
        DropReason.TableMiss => "no entry matched and the table has no table-miss entry",
        DropReason.NoOutput => "the matching entries name no output",
        DropReason.OutputToIngress => "the only output was the ingress port (use IN_PORT)",
        DropReason.NoSuchPort => "the output port does not exist",
        DropReason.PortDown => "the output port is down or must not forward",
        DropReason.ReceiveDisabled => "the ingress port is configured down or must not receive",
        DropReason.TransmitFull => "the transmit ring of the output port was full",
        DropReason.NoFrame => "no frame was free for a copy",
        DropReason.ControllerQueueFull => "the queue to the controllers was full",
        DropReason.PacketInDisabled => "the ingress port is configured not to send packets to the controller",
        DropReason.Malformed => "the packet is shorter than an Ethernet header",
        DropReason.NoHeadroom => "there was no room in front of the packet for another tag",
        DropReason.NoFloodPort => "a flood found no other port that is up and may send",
        DropReason.NoLiveBucket => "no bucket of the select or fast failover group was live",
        DropReason.Metered => "a meter's drop band",
        DropReason.Fragment => "the packet is an IP fragment and the switch was configured to drop those (OFPC_FRAG_DROP)",
        DropReason.TooLong => "the packet is longer than the MTU of the output port allows",
        _ => throw new ArgumentOutOfRangeException(nameof(reason)),
    };
}
