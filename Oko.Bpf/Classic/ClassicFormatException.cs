namespace Oko.Bpf.Classic;

/// <summary>The program is not valid classic BPF, or uses what a filter does not have: which instruction, and why.</summary>
public sealed class ClassicFormatException(string message) : Exception(message);
