using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules;

/// <summary>Errors of the Oko extension that the rule manager causes. Any thread.</summary>
internal static class RuleErrors
{
    /// <summary>FILTER_UNKNOWN of the Oko extension.</summary>
    public static OpenFlowErrorException FilterUnknown(uint filterId) => new OkoError(
        OkoErrorType.FilterUnknown,
        filterId,
        $"filter {filterId} is not loaded, the flow was not added; load it first (FILTER_UPLOAD or: oko filter load {filterId} FILE)")
        .ToException();
}
