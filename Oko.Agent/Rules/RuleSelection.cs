using Oko.Agent.Controllers;
using Oko.Datapath.Pipeline;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Rules;

/// <summary>
/// The conditions under which a request means a rule, apart from its table and header match, which the
/// <see cref="RuleTable"/> answers. A value of one request.
/// </summary>
/// <remarks>Source: OpenFlow 1.3.5, 6.4 "Flow Table Modification Messages"; Oko.OpenFlow/OkoExtension/README.md, 1.</remarks>
/// <param name="View">What the asking connection sees.</param>
/// <param name="FilterId">The filter that the match names, or null.</param>
/// <param name="IsStrict">No filter in the request means: rules without one (else: with any and with none).</param>
/// <param name="Cookie">Cookie to compare under the mask.</param>
/// <param name="CookieMask">0 = any cookie.</param>
/// <param name="OutPort">Rules must have an output to this port; ANY = no condition.</param>
/// <param name="OutGroup">Rules must have this group as an action; ANY, and ALL for controllers that send it, = no condition.</param>
internal readonly record struct RuleSelection(
    ConnectionView View,
    uint? FilterId,
    bool IsStrict,
    ulong Cookie,
    ulong CookieMask,
    PortNumber OutPort,
    GroupId OutGroup)
{
    /// <summary>Whether the request means this rule.</summary>
    public bool Includes(Rule rule) =>
        View.Sees(rule.FilterId)
        && (rule.FilterId == FilterId || (FilterId is null && !IsStrict))
        && ((rule.Cookie ^ Cookie) & CookieMask) == 0
        && (OutPort == PortNumber.Any || HasOutput(rule.Instructions, OutPort.Value))
        && (OutGroup == GroupId.Any || OutGroup == GroupId.All || HasGroup(rule.Instructions, OutGroup.Value));

    /// <summary>Takes the rules that the request does not mean out of a list.</summary>
    public void Narrow(List<Rule> rules)
    {
        // Not by RemoveAll, which would allocate for each request.
        var kept = 0;
        for (var index = 0; index < rules.Count; index++)
        {
            if (Includes(rules[index]))
            {
                rules[kept++] = rules[index];
            }
        }

        rules.RemoveRange(kept, rules.Count - kept);
    }

    private static bool HasGroup(InstructionSet instructions, uint id) => instructions.Groups.Any(group => group.Id == id);

    private static bool HasOutput(InstructionSet instructions, uint port)
    {
        foreach (var action in instructions.Apply)
        {
            if (action.Kind == ActionKind.Output && action.Port == port)
            {
                return true;
            }
        }

        foreach (var action in instructions.Write)
        {
            if (action.Kind == ActionKind.Output && action.Port == port)
            {
                return true;
            }
        }

        return false;
    }
}
