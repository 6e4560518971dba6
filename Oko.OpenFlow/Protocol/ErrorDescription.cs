namespace Oko.OpenFlow.Protocol;

/// <summary>One error of OpenFlow 1.3, for people. Immutable; any thread.</summary>
/// <param name="Type">OFPET.</param>
/// <param name="Code">Code of that type.</param>
/// <param name="Name">Name of the code in the specification, such as OFPBRC_BAD_TYPE.</param>
/// <param name="Meaning">What the specification says it means, in short.</param>
/// <param name="Remedy">What the sender of the refused request can do.</param>
public sealed record ErrorDescription(ErrorType Type, ushort Code, string Name, string Meaning, string Remedy)
{
    /// <summary>Name and meaning in one piece, for logs.</summary>
    public override string ToString() => $"{Name} ({Meaning})";
}
