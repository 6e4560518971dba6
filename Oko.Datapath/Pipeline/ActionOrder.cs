using System.Collections.Immutable;

namespace Oko.Datapath.Pipeline;

/// <summary>The order in which an action set is executed, for sets that are known beforehand: the buckets of groups.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 5.10 "Action Set": one action of each kind (of set-field: one for each field), the last written;
/// a group takes the output's place.</remarks>
internal static class ActionOrder
{
    /// <summary>The actions that a set holds after these were written to it, in the order of execution.</summary>
    internal static ImmutableArray<DatapathAction> Arrange(ImmutableArray<DatapathAction> written)
    {
        var hasGroup = written.Any(action => action.Kind == ActionKind.Group);
        return
        [
            .. written
                .Where(action => !(hasGroup && action.Kind == ActionKind.Output))
                .GroupBy(action => (action.Kind, Field: action.Kind == ActionKind.SetField ? action.Field : 0))
                .Select(kind => kind.Last())
                .OrderBy(action => action.Kind),
        ];
    }
}
