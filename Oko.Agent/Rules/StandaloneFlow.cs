using System.Collections.Immutable;
using Oko.Agent.Controllers;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Rules;

/// <summary>
/// The entry that makes the switch a learning switch while no controller is there: table 0, priority 0, output NORMAL.
/// Control thread only.
/// </summary>
/// <remarks>It is an entry like any other: operators see it and can put others, with filters too, above it. A table-miss entry
/// that a controller left in its place comes back when the controller does. Source: OpenFlow 1.3.5, 6.3.2 "Connection
/// Interruption" (fail standalone mode).</remarks>
public sealed class StandaloneFlow(RuleManager rules)
{
    private FlowMod? _displaced;

    /// <summary>The cookie by which the entry is known: "OKO" and the word standalone's first letters.</summary>
    public static Cookie Cookie { get; } = new(0x4F4B4F00_5354414EUL);

    /// <summary>Whether the entry was put in and not taken out again.</summary>
    public bool IsActive { get; private set; }

    /// <summary>Puts the entry in.</summary>
    public void Enter()
    {
        if (IsActive)
        {
            return;
        }

        IsActive = true;
        _displaced = rules.FindFlow(new TableId(0), 0, FlowMatch.Any);
        rules.ApplyFlowMod(Add(), ConnectionView.Everything);
    }

    /// <summary>Takes the entry out, unless somebody has replaced it meanwhile.</summary>
    public void Leave()
    {
        if (!IsActive)
        {
            return;
        }

        IsActive = false;
        var isStillOurs = rules.FindFlow(new TableId(0), 0, FlowMatch.Any)?.Cookie == Cookie;
        rules.ApplyFlowMod(Delete(), ConnectionView.Everything);
        if (isStillOurs && _displaced is not null)
        {
            rules.ApplyFlowMod(_displaced, ConnectionView.Everything);
        }

        _displaced = null;
    }

    /// <summary>The flow-mod that adds the entry.</summary>
    public static FlowMod Add() => new()
    {
        Command = FlowModCommand.Add,
        Priority = 0,
        Cookie = Cookie,
        Match = FlowMatch.Any,
        Instructions = [new ApplyActionsInstruction(ImmutableArray.Create<OfAction>(new OutputAction(PortNumber.Normal, 0)))],
    };

    /// <summary>The flow-mod that removes it, and nothing else.</summary>
    public static FlowMod Delete() => new()
    {
        Command = FlowModCommand.DeleteStrict,
        Priority = 0,
        Cookie = Cookie,
        CookieMask = ulong.MaxValue,
        Match = FlowMatch.Any,
    };
}
