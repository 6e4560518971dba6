using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Text;

/// <summary>Names of the flags of a flow-mod, in the order in which they are printed.</summary>
internal static class FlowFlagText
{
    private static readonly (string Name, FlowModFlags Flag)[] Names =
    [
        ("send_flow_rem", FlowModFlags.SendFlowRem),
        ("check_overlap", FlowModFlags.CheckOverlap),
        ("reset_counts", FlowModFlags.ResetCounts),
        ("no_packet_counts", FlowModFlags.NoPktCounts),
        ("no_byte_counts", FlowModFlags.NoBytCounts),
    ];

    /// <summary>The flag of a name, or none.</summary>
    public static FlowModFlags Find(string name) => Names.FirstOrDefault(entry => entry.Name == name).Flag;

    /// <summary>The names of all flags set.</summary>
    public static IEnumerable<string> Format(FlowModFlags flags) =>
        Names.Where(entry => (flags & entry.Flag) != 0).Select(entry => entry.Name);
}
