namespace Oko.Bpf.Elf;

/// <summary>The object cannot be read: what is wrong, where, what would be right, what to do.</summary>
public sealed class ElfFormatException(string message) : Exception(message);
