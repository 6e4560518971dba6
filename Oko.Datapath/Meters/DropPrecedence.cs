namespace Oko.Datapath.Meters;

/// <summary>Raises the drop precedence of a DSCP. Source: OpenFlow 1.3.5, 7.3.4.4 (OFPMBT_DSCP_REMARK); RFC 2597, 6.</summary>
internal static class DropPrecedence
{
    private const int Highest = 3;

    /// <summary>The code point with its precedence raised, at most to the highest of its class. Only the assured forwarding classes
    /// (AF11 to AF43) have precedences: others stay as they are.</summary>
    internal static byte Raise(byte dscp, byte levels)
    {
        int forwardingClass = dscp >> 3, precedence = (dscp >> 1) & 3;
        var isAssured = (dscp & 1) == 0 && forwardingClass is >= 1 and <= 4 && precedence != 0;
        return isAssured ? (byte)((forwardingClass << 3) | (Math.Min(Highest, precedence + levels) << 1)) : dscp;
    }
}
