using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Filters;

/// <summary>A request about filters or maps is refused. Controllers get the error of the Oko extension (<see cref="OkoError.ToException"/>
/// cuts its text to what the wire allows), the command line its whole text.</summary>
/// <remarks>Source: Oko.OpenFlow/OkoExtension/README.md, section 4 "Errors".</remarks>
public sealed class OkoErrorException : Exception
{
    /// <summary>Makes the exception.</summary>
    public OkoErrorException(OkoError error)
        : base(error.Text)
    {
        Error = error;
    }

    /// <summary>Makes the exception for a refusal that has no place in a program.</summary>
    /// <param name="type">Kind of refusal.</param>
    /// <param name="filterId">The filter, 0 if none.</param>
    /// <param name="text">What, where, allowed, next step.</param>
    public OkoErrorException(OkoErrorType type, uint filterId, string text)
        : this(new OkoError(type, filterId, text))
    {
    }

    /// <summary>The error as it goes over the wire.</summary>
    public OkoError Error { get; }
}
