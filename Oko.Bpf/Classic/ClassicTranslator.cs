using Oko.Bpf.Isa;

namespace Oko.Bpf.Classic;

// Classic BPF has two registers of 32 bits, 16 words of memory, loads from the packet and jumps forward. Everything has an equal in
// BPF; the packet loads are even the same instructions (LD_ABS, LD_IND of socket programs: big-endian, result in r0, and out of the
// packet the program ends with 0).
//
//   A     r0, where packet loads leave their result. Always zero-extended, so 32-bit comparisons see all of it
//   X     r7                     (r6 to r9 outlive packet loads)
//   ctx   r6, where packet loads look for it
//   r8    A, while a load into X uses r0
//   M[n]  4 bytes at r10 - 4 (n + 1); words that are used begin as 0, as A and X do
//
// Where the definitions of Linux and libpcap differ, the one that cannot surprise is taken: shifts by 32 and more give 0, and X
// plus a constant beyond 32 bits lies out of the packet (libpcap; Linux wraps). Division by 0 ends with 0, constant division by 0 is
// refused (both).
//
// Linux has more "packet" loads at negative offsets, the extensions. Those that make sense for a packet of the switch exist:
// protocol (0), ifindex (8), queue (24), xor with X (40), and VLAN tag (44) and VLAN tag present (48), which are always 0: tags stay
// in the packet here. All others are refused by name.

/// <summary>Translates classic BPF (of libpcap, of <c>SO_ATTACH_FILTER</c>) to a program of the socket convention. Stateless; any thread.</summary>
public static class ClassicTranslator
{
    /// <summary>Most instructions of a classic program (<c>BPF_MAXINSNS</c>).</summary>
    public const int MaxInstructions = 4096;

    /// <summary>Translates a program.</summary>
    /// <returns>Slots that begin with the context in r1 and end with the verdict in r0: not 0 = match.</returns>
    /// <exception cref="ClassicFormatException">The program is not valid, or uses what a filter does not have.</exception>
    public static Instruction[] Translate(ReadOnlySpan<ClassicInstruction> program)
    {
        ClassicChecks.Check(program);
        var translation = new ClassicTranslation();
        translation.Begin(program);
        foreach (var instruction in program)
        {
            translation.Add(instruction);
        }

        return translation.End();
    }
}
