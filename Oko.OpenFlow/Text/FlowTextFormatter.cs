using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;

namespace Oko.OpenFlow.Text;

/// <summary>
/// Flows as <c>ovs-ofctl dump-flows --no-names</c> of Open vSwitch 3.1 prints them, and <c>filter=ID</c> at the end of the match for the
/// filter of the Oko extension. Fields that Open vSwitch does not have keep their names of the specification. Stateless, any thread.
/// </summary>
public static class FlowTextFormatter
{
    private const ushort DefaultPriority = 0x8000;

    /// <summary>A flow entry with its counters, without the leading blank of <c>ovs-ofctl</c>.</summary>
    public static string Format(FlowStatsEntry entry)
    {
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"cookie=0x{entry.Cookie.Value:x}, duration={FormatDuration(entry.Duration)}, table={entry.Table.Value}, n_packets={entry.PacketCount}, n_bytes={entry.ByteCount}, ");
        if (entry.IdleTimeoutSeconds != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"idle_timeout={entry.IdleTimeoutSeconds}, ");
        }

        if (entry.HardTimeoutSeconds != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"hard_timeout={entry.HardTimeoutSeconds}, ");
        }

        foreach (var flag in FlowFlagText.Format(entry.Flags))
        {
            text.Append(flag).Append(' ');
        }

        var match = FormatMatch(entry.Match, entry.Priority);
        text.Append(match).Append(match.Length == 0 ? "actions=" : " actions=");
        ActionTextFormatter.AppendInstructions(text, entry.Instructions);
        return text.ToString();
    }

    /// <summary>A match with its priority in front, which is left out when it is the default of 32768. Empty when there is nothing to say.</summary>
    public static string FormatMatch(FlowMatch match, ushort priority = DefaultPriority)
    {
        var parts = MatchTextFormatter.Parts(match);
        return string.Join(',', priority == DefaultPriority ? parts : parts.Prepend($"priority={priority}"));
    }

    /// <summary>What stands after <c>actions=</c>: instructions in the order of their execution, <c>drop</c> for none.</summary>
    public static string FormatInstructions(ImmutableArray<Instruction> instructions)
    {
        var text = new StringBuilder();
        ActionTextFormatter.AppendInstructions(text, instructions);
        return text.ToString();
    }

    /// <summary>A list of actions; <c>drop</c> for none.</summary>
    public static string FormatActions(ImmutableArray<OfAction> actions) => ActionTextFormatter.FormatList(actions);

    /// <summary>Seconds with no more decimals than the value has: none, 3, 6 or 9.</summary>
    private static string FormatDuration(TimeSpan duration)
    {
        var seconds = duration.Ticks / TimeSpan.TicksPerSecond;
        var fraction = duration.Ticks % TimeSpan.TicksPerSecond;
        var decimals = fraction switch
        {
            0 => string.Empty,
            _ when fraction % TimeSpan.TicksPerMillisecond == 0 => $".{fraction / TimeSpan.TicksPerMillisecond:000}",
            _ when fraction % TimeSpan.TicksPerMicrosecond == 0 => $".{fraction / TimeSpan.TicksPerMicrosecond:000000}",
            _ => $".{fraction * TimeSpan.NanosecondsPerTick:000000000}",
        };
        return $"{seconds}{decimals}s";
    }
}
