using System.Globalization;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Tests.Errors;

/// <summary>A request, and the error that answers it.</summary>
/// <param name="Code">A member of one of the enumerations of codes.</param>
/// <param name="Situation">What is wrong with the request, for people.</param>
/// <param name="Request">Its bytes.</param>
public sealed record ErrorCase(Enum Code, string Situation, byte[] Request)
{
    /// <summary>What the controller sends before; none of it is refused.</summary>
    public IReadOnlyList<byte[]> Before { get; init; } = [];

    /// <summary>Whether the connection ends after the error.</summary>
    public bool ClosesConnection { get; init; }

    /// <summary>The error's type, code and name.</summary>
    public ErrorDescription Error => Describe(Code);

    /// <summary>The error of a code; the enumeration's name is that of the type, with "Code" behind it.</summary>
    public static ErrorDescription Describe(Enum code) =>
        ErrorCatalogue.Find(Enum.Parse<ErrorType>(code.GetType().Name[..^4]), Convert.ToUInt16(code, CultureInfo.InvariantCulture))!;

    /// <summary>Name of the test.</summary>
    public override string ToString() => $"{Error.Name}: {Situation}";
}
