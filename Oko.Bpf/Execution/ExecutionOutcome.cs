namespace Oko.Bpf.Execution;

/// <summary>How a run in the interpreter ended.</summary>
public enum ExecutionStatus
{
    /// <summary>The program returned; the result is r0.</summary>
    Completed,

    /// <summary>More instructions than allowed.</summary>
    BudgetExhausted,

    /// <summary>An opcode or helper that does not exist, or execution left the program.</summary>
    InvalidInstruction,

    /// <summary>Local calls nested deeper than <see cref="Isa.Register.MaxCallDepth"/>.</summary>
    CallDepthExceeded,

    /// <summary>Checked runs only: memory outside packet, stack, context and map values, a write to read-only memory, or a
    /// read of stack that was never written.</summary>
    MemoryViolation,

    /// <summary>Checked runs only: a register was read before it was written.</summary>
    UninitializedRegister,

    /// <summary>Checked runs only: an atomic operation on an address that is not a multiple of its size.</summary>
    UnalignedAtomic,

    /// <summary>Checked runs only: a map helper got something else than a map's handle.</summary>
    InvalidMap,
}

/// <summary>The end of a run in the interpreter. A plain value.</summary>
/// <param name="Status">How it ended; anything but <see cref="ExecutionStatus.Completed"/> makes the result 0.</param>
/// <param name="Result">r0 at exit, 64 bits.</param>
/// <param name="Instructions">Instructions executed, a wide load counting as one.</param>
/// <param name="Slot">The slot of the last instruction.</param>
public readonly record struct ExecutionOutcome(ExecutionStatus Status, ulong Result, long Instructions, int Slot);
