using System.Runtime.InteropServices;

namespace Oko.Bpf.Jit;

// Locals of these types are the stack frames of compiled functions. The long gives them their alignment, which atomic
// operations on the stack need.

/// <summary>A frame of 64 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal readonly record struct StackFrame64(long First);

/// <summary>A frame of 128 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
internal readonly record struct StackFrame128(long First);

/// <summary>A frame of 256 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 256)]
internal readonly record struct StackFrame256(long First);

/// <summary>A frame of 512 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 512)]
internal readonly record struct StackFrame512(long First);

/// <summary>The registers of a function while none of its parts runs.</summary>
[StructLayout(LayoutKind.Sequential, Size = 88)]
internal readonly record struct RegisterFile(long First);
