using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Wire;

/// <summary>
/// The peer's message is wrong: it costs an error reply of this type and code, the connection lives. Errors of an experimenter carry
/// their id and data instead of the request. Source: OpenFlow 1.3.5, 7.4.4 "Error Message".
/// </summary>
public sealed class OpenFlowErrorException : Exception
{
    /// <summary>A standard error.</summary>
    /// <param name="type">OFPET.</param>
    /// <param name="code">Code of that type.</param>
    /// <param name="detail">What, where, allowed: for the log, since OpenFlow errors carry no text.</param>
    public OpenFlowErrorException(ErrorType type, ushort code, string detail)
        : base(detail)
    {
        Type = type;
        Code = code;
    }

    /// <summary>An experimenter error; without data it carries the refused request, like a standard error.</summary>
    public OpenFlowErrorException(uint experimenter, ushort experimenterType, byte[]? data, string detail)
        : this(ErrorType.Experimenter, experimenterType, detail)
    {
        Experimenter = experimenter;
        ExperimenterData = data;
    }

    /// <summary>OFPET.</summary>
    public ErrorType Type { get; }

    /// <summary>Code of that type, or the experimenter's type.</summary>
    public ushort Code { get; }

    /// <summary>Id of the experimenter, 0 for standard errors.</summary>
    public uint Experimenter { get; }

    /// <summary>What follows the experimenter id, or null.</summary>
    public byte[]? ExperimenterData { get; }

    /// <summary>BAD_REQUEST.</summary>
    public static OpenFlowErrorException BadRequest(BadRequestCode code, string detail) => new(ErrorType.BadRequest, (ushort)code, detail);

    /// <summary>BAD_MATCH.</summary>
    public static OpenFlowErrorException BadMatch(BadMatchCode code, string detail) => new(ErrorType.BadMatch, (ushort)code, detail);

    /// <summary>BAD_ACTION.</summary>
    public static OpenFlowErrorException BadAction(BadActionCode code, string detail) => new(ErrorType.BadAction, (ushort)code, detail);

    /// <summary>BAD_INSTRUCTION.</summary>
    public static OpenFlowErrorException BadInstruction(BadInstructionCode code, string detail) =>
        new(ErrorType.BadInstruction, (ushort)code, detail);

    /// <summary>FLOW_MOD_FAILED.</summary>
    public static OpenFlowErrorException FlowModFailed(FlowModFailedCode code, string detail) => new(ErrorType.FlowModFailed, (ushort)code, detail);
}
