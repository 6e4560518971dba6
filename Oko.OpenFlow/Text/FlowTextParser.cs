using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Text;

/// <summary>
/// Flows in the syntax of <c>ovs-ofctl</c>, for instance <c>table=1,priority=100,tcp,nw_dst=10.0.0.1,tp_dst=80,actions=output:2</c>, and
/// beyond it <c>filter=ID</c> for the filter of the Oko extension. What <see cref="FlowTextFormatter"/> prints can be read again.
/// Stateless, any thread. Source: manual pages ovs-ofctl(8), ovs-fields(7) and ovs-actions(7) of Open vSwitch 3.1, as far as OpenFlow 1.3 reaches.
/// </summary>
public static class FlowTextParser
{
    [Flags]
    private enum Parts
    {
        None = 0,
        Actions = 1,
        Priority = 2,
        Timeouts = 4,
        CookieMask = 8,
        OutPort = 16,
        AllTables = 32,
    }

    /// <summary>Reads a flow for a flow-mod.</summary>
    /// <param name="text">The flow. Add and modify need <c>actions=</c>, the deletes do not take it.</param>
    /// <param name="command">What to do; decides which parts are allowed and the default table: all tables for deletes, else 0.</param>
    /// <exception cref="FormatException">An unknown word, a wrong value or a missing part: what, where, what is allowed.</exception>
    public static FlowMod ParseFlow(string text, FlowModCommand command)
    {
        var allowed = command switch
        {
            FlowModCommand.Add => Parts.Actions | Parts.Priority | Parts.Timeouts,
            FlowModCommand.Modify or FlowModCommand.ModifyStrict => Parts.Actions | Parts.Priority | Parts.Timeouts | Parts.CookieMask,
            FlowModCommand.Delete => Parts.CookieMask | Parts.OutPort | Parts.AllTables,
            FlowModCommand.DeleteStrict => Parts.Priority | Parts.CookieMask | Parts.OutPort | Parts.AllTables,
            _ => throw new ArgumentOutOfRangeException(nameof(command)),
        };
        var flow = Parse(text, allowed);
        var deletes = (allowed & Parts.Actions) == 0;
        var cookieMask = flow.CookieMask ?? (deletes && flow.Cookie is not null ? ulong.MaxValue : 0);

        // Without a mask the cookie of a modify would be the new one, which OpenFlow 1.3 does not have: it is left out, as ovs-ofctl does.
        var modifies = command is FlowModCommand.Modify or FlowModCommand.ModifyStrict;
        return new FlowMod
        {
            Command = command,
            Table = new TableId(flow.Table ?? (deletes ? TableId.All.Value : (byte)0)),
            Priority = flow.Priority ?? 0x8000,
            Cookie = new Cookie(modifies && flow.CookieMask is null ? 0 : flow.Cookie ?? 0),
            CookieMask = cookieMask,
            IdleTimeoutSeconds = flow.IdleTimeoutSeconds,
            HardTimeoutSeconds = flow.HardTimeoutSeconds,
            OutPort = flow.OutPort,
            OutGroup = flow.OutGroup,
            Flags = flow.Flags,
            Match = flow.Match,
            Instructions = flow.Instructions,
        };
    }

    /// <summary>Reads what selects flow entries for a list of flows: table, cookie, out_port, out_group and match fields. Empty = all.</summary>
    /// <exception cref="FormatException">As for <see cref="ParseFlow"/>.</exception>
    public static FlowStatsRequest ParseStatsRequest(string text)
    {
        var flow = Parse(text, Parts.CookieMask | Parts.OutPort | Parts.AllTables);
        return new FlowStatsRequest(
            new TableId(flow.Table ?? TableId.All.Value), flow.OutPort, flow.OutGroup, new Cookie(flow.Cookie ?? 0),
            flow.CookieMask ?? (flow.Cookie is null ? 0 : ulong.MaxValue), flow.Match);
    }

    /// <summary>Reads match fields alone.</summary>
    /// <exception cref="FormatException">As for <see cref="ParseFlow"/>.</exception>
    public static FlowMatch ParseMatch(string text) => ReadMatch(text).Match;

    /// <summary>Reads a list of actions, as <c>output:1,group:2</c>; <c>drop</c> gives an empty list.</summary>
    /// <param name="text">The actions.</param>
    /// <param name="match">What the packets are, for names that depend on it, as <c>mod_tp_dst</c>; match fields as text.</param>
    /// <exception cref="FormatException">As for <see cref="ParseFlow"/>.</exception>
    public static ImmutableArray<OfAction> ParseActions(string text, string match = "") => ActionTextReader.ReadList(text, ReadMatch(match).Reader);

    private static (FlowMatch Match, MatchTextReader Reader) ReadMatch(string text)
    {
        var reader = new MatchTextReader();
        var tokens = new TextTokenizer(text);
        while (tokens.TryRead(out var token))
        {
            if (!reader.TryAdd(token))
            {
                throw Unknown(token.Key);
            }
        }

        return (reader.Build(), reader);
    }

    private static ParsedFlow Parse(string text, Parts allowed)
    {
        var flow = new ParsedFlow();
        var match = new MatchTextReader();
        var tokens = new TextTokenizer(text);
        string? actions = null;
        while (actions is null && tokens.TryRead(out var token))
        {
            if (token.Key is "actions" or "action")
            {
                // The rest of the text, commas included.
                actions = token.Value is null ? string.Empty : text[tokens.ValueStart..];
            }
            else if (!ReadPart(flow, token, allowed) && !match.TryAdd(token))
            {
                throw Unknown(token.Key);
            }
        }

        flow.Match = match.Build();
        if ((allowed & Parts.Actions) == 0)
        {
            return actions is null ? flow : throw new FormatException("actions= has no meaning here; leave it out");
        }

        flow.Instructions = actions is null
            ? throw new FormatException("actions= is missing; add for instance actions=output:1, or actions=drop")
            : new InstructionTextReader(match).Read(actions);
        return flow;
    }

    private static bool ReadPart(ParsedFlow flow, TextToken token, Parts allowed)
    {
        switch (token.Key)
        {
            case "table":
                flow.Table = (byte)NumberText.Parse("table", token.RequireValue("table=1"), (allowed & Parts.AllTables) != 0 ? 255u : 254u);
                return true;
            case "priority":
                Demand(allowed, Parts.Priority, "priority has a meaning in strict deletes only; use the strict form (--strict) or leave it out");
                flow.Priority = (ushort)NumberText.Parse("priority", token.RequireValue("priority=100"), 65535);
                return true;
            case "cookie":
                (flow.Cookie, flow.CookieMask) = NumberText.ParseMasked64("cookie", token.RequireValue("cookie=0x1"));
                if (flow.CookieMask is not null)
                {
                    Demand(allowed, Parts.CookieMask, "a flow entry that is added has a cookie without mask; leave the mask out");
                }

                return true;
            case "idle_timeout":
                Demand(allowed, Parts.Timeouts, "timeouts select no flow entries; leave them out");
                flow.IdleTimeoutSeconds = (ushort)NumberText.Parse("idle_timeout", token.RequireValue("idle_timeout=60"), 65535);
                return true;
            case "hard_timeout":
                Demand(allowed, Parts.Timeouts, "timeouts select no flow entries; leave them out");
                flow.HardTimeoutSeconds = (ushort)NumberText.Parse("hard_timeout", token.RequireValue("hard_timeout=60"), 65535);
                return true;
            case "out_port":
                Demand(allowed, Parts.OutPort, "out_port selects flow entries in lists and deletes only; leave it out");
                flow.OutPort = FieldText.ParsePort("out_port", token.RequireValue("out_port=1"));
                return true;
            case "out_group":
                Demand(allowed, Parts.OutPort, "out_group selects flow entries in lists and deletes only; leave it out");
                flow.OutGroup = token.Value is "any" or "ANY"
                    ? GroupId.Any
                    : new GroupId((uint)NumberText.Parse("out_group", token.RequireValue("out_group=1"), uint.MaxValue));
                return true;
            case "duration" or "n_packets" or "n_bytes" or "idle_age" or "hard_age":
                // Printed with flows; passed over, so that printed flows can be read again.
                return true;
        }

        var flag = FlowFlagText.Find(token.Key);
        flow.Flags |= flag;
        return flag != FlowModFlags.None;
    }

    private static void Demand(Parts allowed, Parts needed, string problem)
    {
        if ((allowed & needed) == 0)
        {
            throw new FormatException(problem);
        }
    }

    private static FormatException Unknown(string key) =>
        new($"\"{key}\" is unknown; a flow has table, priority, cookie, timeouts, match fields (in_port, dl_src, tcp, nw_dst, filter, ...) and actions=");

    private sealed class ParsedFlow
    {
        public byte? Table { get; set; }

        public ushort? Priority { get; set; }

        public ulong? Cookie { get; set; }

        public ulong? CookieMask { get; set; }

        public ushort IdleTimeoutSeconds { get; set; }

        public ushort HardTimeoutSeconds { get; set; }

        public PortNumber OutPort { get; set; } = PortNumber.Any;

        public GroupId OutGroup { get; set; } = GroupId.Any;

        public FlowModFlags Flags { get; set; }

        public FlowMatch Match { get; set; } = FlowMatch.Any;

        public ImmutableArray<Instruction> Instructions { get; set; } = [];
    }
}
