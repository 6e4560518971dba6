namespace Oko.Agent.Rules;

/// <summary>What the rule manager writes to the log. Any thread.</summary>
internal static partial class RuleLog
{
    [LoggerMessage(EventId = 3001, Level = LogLevel.Error, Message = "A work item of the control thread failed; the switch goes on.")]
    public static partial void ControlItemFailed(ILogger logger, Exception exception);

    [LoggerMessage(EventId = 3002, Level = LogLevel.Error, Message = "A listener failed to take the message about a removed flow entry.")]
    public static partial void ListenerFailed(ILogger logger, Exception exception);
}
