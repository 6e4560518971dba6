using Oko.Bpf.Isa;

namespace Oko.Bpf.Verifier;

// In which order instructions are looked at.
//
// Without loops: an order in which each instruction comes after all that lead to it. With loops there is none, but there is a nested one:
// a loop stands in the order as one element, at the place of its head, and inside it the same holds for the rest of its
// instructions once the jumps back to the head are left out. Going through the elements, and through those of a loop again and again
// until no jump comes back to the head, every state is met before what depends on it.
//
// The elements are the strongly connected components of the graph; the head of one is the instruction by which the search entered
// it. Jumps into the middle of a loop are no problem: they find a head, only not the one that the author had in mind.
//
// Source: F. Bourdoncle, "Efficient chaotic iteration strategies with widenings" (FMPA 1993), weak topological order.

/// <summary>The order of one function's instructions. Immutable.</summary>
internal sealed class LoopOrder
{
    private const int MaxNesting = 32;

    private readonly int[] _slots;
    private readonly int[] _ends;

    private LoopOrder(List<int> slots, List<int> ends)
    {
        _slots = [.. slots];
        _ends = [.. ends];
    }

    /// <summary>The slots in order.</summary>
    internal ReadOnlySpan<int> Slots => _slots;

    /// <summary>If a loop begins at this place of the order: the place behind its last element, else 0.</summary>
    internal int LoopEnd(int place) => _ends[place];

    /// <summary>Finds the order.</summary>
    /// <param name="program">The slots.</param>
    /// <param name="start">First slot of the function; every reachable jump stays in it (<see cref="StructuralChecks"/>).</param>
    /// <param name="refuse">Raises a refusal: slot, reason, advice.</param>
    internal static LoopOrder Of(Instruction[] program, int start, Func<int, string, string, Exception> refuse)
    {
        var slots = new List<int>();
        var ends = new List<int>();
        // In how many loops a slot is known to stand. A head stands outside its own: the search inside must not come back to it.
        var depths = new Dictionary<int, int>();
        Arrange([start], 0);
        return new LoopOrder(slots, ends);

        void Arrange(ReadOnlySpan<int> roots, int depth)
        {
            if (depth > MaxNesting)
            {
                throw refuse(slots[^1], $"loops are nested more than {MaxNesting} deep", "use fewer loops");
            }

            foreach (var component in Components(program, roots, slot => depths.GetValueOrDefault(slot) == depth))
            {
                var head = component[^1];
                var place = slots.Count;
                slots.Add(head);
                ends.Add(0);
                var (next, taken) = StructuralChecks.Successors(program, head);
                if (component.Count == 1 && next != head && taken != head)
                {
                    continue;
                }

                foreach (var slot in component)
                {
                    depths[slot] = slot == head ? depth : depth + 1;
                }

                Arrange([taken, next], depth + 1);
                ends[place] = slots.Count;
            }
        }
    }

    /// <summary>Tarjan's strongly connected components among the slots that the condition admits, in an order in which each comes after all
    /// that lead to it; in each, the slot by which the search entered it comes last.</summary>
    private static List<List<int>> Components(Instruction[] program, ReadOnlySpan<int> roots, Func<int, bool> admits)
    {
        var index = new Dictionary<int, int>();
        var low = new Dictionary<int, int>();
        var onStack = new HashSet<int>();
        var stack = new Stack<int>();
        var found = new List<List<int>>();
        var path = new Stack<(int Slot, int Step)>();
        foreach (var root in roots)
        {
            if (root >= 0 && admits(root) && !index.ContainsKey(root))
            {
                Search(root);
            }
        }

        found.Reverse();
        return found;

        void Search(int root)
        {
            path.Push((root, 0));
            while (path.TryPop(out var top))
            {
                Visit(top.Slot, top.Step);
            }
        }

        void Visit(int slot, int step)
        {
            if (step == 0)
            {
                index[slot] = low[slot] = index.Count;
                stack.Push(slot);
                onStack.Add(slot);
            }

            if (step < 2)
            {
                path.Push((slot, step + 1));
                var (next, taken) = StructuralChecks.Successors(program, slot);
                var successor = step == 0 ? taken : next;
                if (successor < 0 || !admits(successor))
                {
                    return;
                }

                if (!index.TryGetValue(successor, out var seen))
                {
                    path.Push((successor, 0));
                }
                else if (onStack.Contains(successor))
                {
                    low[slot] = Math.Min(low[slot], seen);
                }

                return;
            }

            if (low[slot] == index[slot])
            {
                var component = new List<int>();
                int member;
                do
                {
                    member = stack.Pop();
                    onStack.Remove(member);
                    component.Add(member);
                }
                while (member != slot);
                found.Add(component);
            }

            if (path.TryPeek(out var parent))
            {
                low[parent.Slot] = Math.Min(low[parent.Slot], low[slot]);
            }
        }
    }
}
