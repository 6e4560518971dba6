using System.Text;

namespace Oko.Bpf.Verifier;

/// <summary>
/// All that is known in front of one instruction: registers, stack, and how much of the packet exists. States of several paths are
/// joined where the paths meet; the join knows what holds on all of them.
/// </summary>
internal sealed class AbstractState
{
    internal const int Registers = 11;
    internal const int StackBytes = 512;

    // Twice as many as registers and spills can use, so that tidying pays.
    private const int MostIds = 2 * (Registers + (StackBytes / 8));

    private readonly RegisterState[] _registers = new RegisterState[Registers];
    private readonly Dictionary<int, RegisterState> _spills = [];
    private readonly Dictionary<int, long> _proven = [];
    private readonly ulong[] _written = new ulong[StackBytes / 64];

    /// <summary>What is known of a register.</summary>
    internal RegisterState this[int register]
    {
        get => _registers[register];
        set => _registers[register] = value;
    }

    /// <summary>Bytes that exist behind (packet start + the variable part of that id), -1 if nothing is known.</summary>
    internal long Proven(int id) => _proven.GetValueOrDefault(id, id == 0 ? 0 : -1);

    internal void Prove(int id, long bytes)
    {
        if (bytes > Proven(id))
        {
            _proven[id] = bytes;
        }
    }

    internal AbstractState Copy()
    {
        var copy = new AbstractState();
        _registers.CopyTo(copy._registers, 0);
        _written.CopyTo(copy._written, 0);
        foreach (var (offset, spilled) in _spills)
        {
            copy._spills[offset] = spilled;
        }

        foreach (var (id, bytes) in _proven)
        {
            copy._proven[id] = bytes;
        }

        copy.ForgetUnused();
        return copy;
    }

    /// <summary>Changes every register and spill that satisfies the condition.</summary>
    internal void Replace(Func<RegisterState, bool> which, Func<RegisterState, RegisterState> change)
    {
        for (var register = 0; register < Registers; register++)
        {
            if (which(_registers[register]))
            {
                _registers[register] = change(_registers[register]);
            }
        }

        foreach (var (offset, spilled) in _spills.ToArray())
        {
            if (which(spilled))
            {
                _spills[offset] = change(spilled);
            }
        }
    }

    /// <summary>Whether each of the bytes was written; offsets count from the lowest byte of the stack.</summary>
    internal bool IsWritten(int offset, int size)
    {
        for (var at = offset; at < offset + size; at++)
        {
            if ((_written[at / 64] & (1UL << (at % 64))) == 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The register that was spilled to exactly these eight bytes, or null.</summary>
    internal RegisterState? SpillAt(int offset) => _spills.TryGetValue(offset, out var spilled) ? spilled : null;

    /// <summary>Whether a spilled pointer lies in any of the bytes.</summary>
    internal bool HoldsPointer(int offset, int size) =>
        _spills.Any(spill => spill.Value.IsPointer && spill.Key < offset + size && offset < spill.Key + 8);

    /// <summary>Writes a register to the stack.</summary>
    internal void Store(int offset, int size, RegisterState value)
    {
        foreach (var (at, spilled) in _spills.ToArray())
        {
            if (at < offset + size && offset < at + 8)
            {
                _spills.Remove(at);
                if (spilled.IsPointer)
                {
                    // What is left of a pointer must not be read as a number.
                    Mark(at, 8, written: false);
                }
            }
        }

        Mark(offset, size, written: true);
        if (size == 8 && offset % 8 == 0)
        {
            _spills[offset] = value;
        }
    }

    /// <summary>What holds on both paths. Ids that differ get a fresh one per pair, so copies stay known as copies.</summary>
    internal static AbstractState Join(AbstractState a, AbstractState b, Func<int> freshId)
    {
        var joined = new AbstractState();
        var pairs = new Dictionary<(RegisterKind, long, int, long, int), int>();
        foreach (var id in a._proven.Keys.Intersect(b._proven.Keys))
        {
            joined._proven[id] = Math.Min(a._proven[id], b._proven[id]);
        }

        RegisterState One(RegisterState x, RegisterState y) => JoinOne(joined, a, b, x, y, pairs, freshId);
        for (var register = 0; register < Registers; register++)
        {
            joined._registers[register] = One(a._registers[register], b._registers[register]);
        }

        for (var word = 0; word < joined._written.Length; word++)
        {
            joined._written[word] = a._written[word] & b._written[word];
        }

        foreach (var offset in a._spills.Keys.Union(b._spills.Keys))
        {
            if (a.SpillAt(offset) is { } x && b.SpillAt(offset) is { } y)
            {
                var one = One(x, y);
                if (one.IsReadable)
                {
                    joined._spills[offset] = one;
                    continue;
                }
            }

            if (a.SpillAt(offset) is { IsPointer: true } || b.SpillAt(offset) is { IsPointer: true })
            {
                joined.Mark(offset, 8, written: false);
            }
        }

        return joined;
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        for (var register = 0; register < Registers; register++)
        {
            if (_registers[register].Kind != RegisterKind.Uninitialised)
            {
                text.Append(text.Length == 0 ? string.Empty : ", ").Append($"r{register} = {_registers[register]}");
            }
        }

        return text.Append($"; {Proven(0)} bytes of the packet are proven").ToString();
    }

    private static RegisterState JoinOne(
        AbstractState joined, AbstractState a, AbstractState b, RegisterState x, RegisterState y,
        Dictionary<(RegisterKind, long, int, long, int), int> pairs, Func<int> freshId)
    {
        if (x == y)
        {
            return x;
        }

        if (x.Kind == RegisterKind.Uninitialised || y.Kind == RegisterKind.Uninitialised)
        {
            return RegisterState.Uninitialised;
        }

        if (x.Kind != y.Kind || x.Map != y.Map)
        {
            return RegisterState.Mixed;
        }

        int Pair()
        {
            var key = (x.Kind, x.Offset, x.Id, y.Offset, y.Id);
            if (!pairs.TryGetValue(key, out var id))
            {
                pairs[key] = id = freshId();
            }

            return id;
        }

        switch (x.Kind)
        {
            case RegisterKind.Scalar:
                var one = new RegisterState(RegisterKind.Scalar, Scalar.Join(x.Value, y.Value), IsLength: x.IsLength && y.IsLength);
                if (x.Id == y.Id && x.Offset == y.Offset)
                {
                    return one with { Id = x.Id, Offset = x.Offset };
                }

                if (x.Id == 0 || y.Id == 0)
                {
                    return one;                 // a number without an id has no copies to be told of
                }

                var named = one with { Id = Pair() };
                joined.Prove(named.Id, Math.Min(a.KnownBehind(x), b.KnownBehind(y)));
                return named;
            case RegisterKind.MapValueOrNull:
                return x with { Id = Pair() };
            case RegisterKind.MapValue:
                var start = Math.Min(x.Offset, y.Offset);
                return x with { Offset = start, Value = Scalar.Join(Moved(x, start), Moved(y, start)) };
            case RegisterKind.Packet when x.Id == y.Id && x.Offset == y.Offset:
                return x with { Value = Scalar.Join(x.Value, y.Value) };
            case RegisterKind.Packet:
                // Another offset on each path: from here on one address with a variable part of its own, behind which there is
                // what exists on both paths.
                var lowest = Math.Min(x.Offset, y.Offset);
                var part = Pair();
                var bytes = Math.Min(a.Known(x), b.Known(y));
                if (bytes > long.MinValue)
                {
                    joined.Prove(part, bytes + lowest);
                }

                return x with { Offset = lowest, Id = part, Value = Scalar.Join(Moved(x, lowest), Moved(y, lowest)) };
            default:
                return RegisterState.Mixed;
        }
    }

    private static Scalar Moved(RegisterState pointer, long start) => Scalar.Add(pointer.Value, Scalar.Constant((ulong)(pointer.Offset - start)));

    /// <summary>Bytes proven behind the packet's start plus a named number, or less than 0.</summary>
    private long KnownBehind(RegisterState number) => Proven(number.Id) - number.Offset;

    /// <summary>Bytes proven behind the address itself, or long.MinValue.</summary>
    private long Known(RegisterState pointer)
    {
        var own = Proven(pointer.Id) is >= 0 and var bytes ? bytes - pointer.Offset : long.MinValue;
        var whole = Proven(0) - pointer.Offset - (long)pointer.Value.Max;
        return Math.Max(own, whole);
    }

    /// <summary>What is proven for an id that no address has any more is never asked for again; without this a long program
    /// would carry thousands of ids from instruction to instruction.</summary>
    private void ForgetUnused()
    {
        if (_proven.Count <= MostIds)
        {
            return;
        }

        var used = new HashSet<int> { 0 };
        used.UnionWith(_registers.Concat(_spills.Values).Where(value => value.Kind is RegisterKind.Packet or RegisterKind.Scalar).Select(value => value.Id));
        foreach (var id in _proven.Keys.Where(id => !used.Contains(id)).ToArray())
        {
            _proven.Remove(id);
        }
    }

    private void Mark(int offset, int size, bool written)
    {
        for (var at = offset; at < offset + size; at++)
        {
            var bit = 1UL << (at % 64);
            _written[at / 64] = written ? _written[at / 64] | bit : _written[at / 64] & ~bit;
        }
    }
}
