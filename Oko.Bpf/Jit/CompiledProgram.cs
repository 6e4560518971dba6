using Oko.Bpf.Execution;

namespace Oko.Bpf.Jit;

// SAFETY: the pointer is to a context that stays in place during the call; the program was verified.

/// <summary>A compiled filter program.</summary>
/// <param name="context">The packet; fixed in memory during the call.</param>
/// <returns>r0, 64 bits.</returns>
public unsafe delegate ulong FilterMethod(FilterContext* context);

/// <summary>The result of compiling. Immutable; the method may be called by any thread. The machine code lives as long as
/// the delegate is referenced.</summary>
/// <param name="Method">The program, compiled to machine code already.</param>
/// <param name="IlBytes">Size of the IL of all functions in bytes.</param>
/// <param name="Scout">Has the cache fetch what the program will look up first, or null if that would not help; nobody notices that it ran, and its
/// result says nothing.</param>
public sealed record CompiledProgram(FilterMethod Method, int IlBytes, FilterMethod? Scout);
