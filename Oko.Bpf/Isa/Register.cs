namespace Oko.Bpf.Isa;

/// <summary>The registers of the machine, by number.</summary>
/// <remarks>Source: RFC 9669, 2.4 "Registers and calling convention".</remarks>
public static class Register
{
    /// <summary>Number of registers, r0 to r10.</summary>
    public const int Count = 11;

    /// <summary>r0: return value.</summary>
    public const byte Result = 0;

    /// <summary>r1: first argument; arguments go up to r5 and are lost over a call.</summary>
    public const byte FirstArgument = 1;

    /// <summary>r5: last argument.</summary>
    public const byte LastArgument = 5;

    /// <summary>r6: first register that a call keeps; kept ones go up to r9.</summary>
    public const byte FirstCalleeSaved = 6;

    /// <summary>r9: last register that a call keeps.</summary>
    public const byte LastCalleeSaved = 9;

    /// <summary>r10: read-only end of the function's stack frame.</summary>
    public const byte FramePointer = 10;

    /// <summary>Size in bytes of the stack frame that each function may use at most.</summary>
    public const int StackFrameBytes = 512;

    /// <summary>Deepest nesting of functions, the entry function included.</summary>
    public const int MaxCallDepth = 8;
}
