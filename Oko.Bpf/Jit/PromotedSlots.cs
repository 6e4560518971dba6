using Oko.Bpf.Isa;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Jit;

// Which stack bytes are kept in locals.
//
// A program builds a map key in its stack piece by piece (two addresses, two ports, a protocol), and the lookup reads it back in words of
// eight bytes. A processor cannot forward several small stores to one large load: it waits until they are in the cache, some twelve
// cycles, and a stateful firewall does that twice per packet, half its time. In a local of 64 bits the pieces are put together by
// shifts, and what a helper wants to read is written to the stack in one store.
//
// A slot is eight aligned bytes. It can be kept in a local if the verifier has seen all accesses to it (StackFacts): each at one
// constant place of the own frame, none across the slot's border, none by other functions. It is kept there if that pays: no helper ever reads
// it (then it is a spilled register), or one reads more of it at once than was stored at once.

/// <summary>The stack slots of one function that live in locals. Immutable.</summary>
internal sealed class PromotedSlots
{
    private const int SlotBytes = 8;

    private readonly StackFacts? _facts;
    private readonly HashSet<int> _slots = [];

    /// <summary>Chooses the slots.</summary>
    /// <param name="facts">How the program uses its stack; null: no slot is promoted.</param>
    /// <param name="program">The program.</param>
    /// <param name="function">First slot of the function.</param>
    /// <param name="instructions">Slots of the function's reachable instructions.</param>
    internal PromotedSlots(StackFacts? facts, VerifiedProgram program, int function, IReadOnlyList<int> instructions)
    {
        _facts = facts;
        if (_facts is null || !_facts.Pinned.TryGetValue(function, out var pinned))
        {
            return;
        }

        var accessed = new HashSet<int>();
        var refused = new HashSet<int>();
        var narrowest = new Dictionary<int, int>();         // stores
        var helpers = new Dictionary<int, int>();           // most bytes that a helper reads at once
        foreach (var at in instructions)
        {
            if (_facts.OffsetAt[at] is < 0 and var offset)
            {
                var size = program.Instructions[at].SizeBytes;
                var slot = SlotOf(offset);
                accessed.Add(slot);
                if (SlotOf(offset + size - 1) != slot)
                {
                    refused.Add(slot);
                    refused.Add(SlotOf(offset + size - 1));
                }

                if (program.Instructions[at].Class is InstructionClass.St or InstructionClass.Stx)
                {
                    narrowest[slot] = Math.Min(narrowest.GetValueOrDefault(slot, SlotBytes), size);
                }
            }

            if (_facts.RangesAtCall.TryGetValue(at, out var ranges))
            {
                foreach (var range in ranges)
                {
                    for (var slot = SlotOf(range.Offset); slot < range.Offset + range.Size; slot += SlotBytes)
                    {
                        var bytes = Math.Min(slot + SlotBytes, range.Offset + range.Size) - Math.Max(slot, range.Offset);
                        helpers[slot] = Math.Max(helpers.GetValueOrDefault(slot), bytes);
                        if (range.IsWritten)
                        {
                            refused.Add(slot);
                        }
                    }
                }
            }
        }

        foreach (var slot in accessed)
        {
            var pays = !helpers.TryGetValue(slot, out var read) || narrowest.GetValueOrDefault(slot, SlotBytes) < read;
            if (pays && !refused.Contains(slot) && !pinned.AsSpan(slot + Register.StackFrameBytes, SlotBytes).Contains(true))
            {
                _slots.Add(slot);
            }
        }
    }

    /// <summary>The slots, as offsets from r10.</summary>
    internal IReadOnlyCollection<int> Slots => _slots;

    /// <summary>The slot that a load or store accesses, and the place in it; null if it accesses memory.</summary>
    internal (int Slot, int Byte)? Find(int instruction)
    {
        if (_facts?.OffsetAt[instruction] is < 0 and var offset && _slots.Contains(SlotOf(offset)))
        {
            return (SlotOf(offset), offset - SlotOf(offset));
        }

        return null;
    }

    /// <summary>The slots that must be in memory when a helper runs.</summary>
    internal IEnumerable<int> ReadAtCall(int instruction) =>
        _facts is null || !_facts.RangesAtCall.TryGetValue(instruction, out var ranges) ? []
        : _slots.Where(slot => ranges.Any(range => slot < range.Offset + range.Size && range.Offset < slot + SlotBytes));

    // Rounded down, also below 0.
    private static int SlotOf(int offset) => offset & ~(SlotBytes - 1);
}
