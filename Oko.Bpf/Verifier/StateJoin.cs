namespace Oko.Bpf.Verifier;

/// <summary>One join of two states: keeps which pairs of names got which name. Used once.</summary>
internal sealed class StateJoin(AbstractState joined, AbstractState a, AbstractState b, Func<int> freshId)
{
    private readonly Dictionary<(RegisterKind, long, int, long, int), int> _pairs = [];

    /// <summary>How many values were compared.</summary>
    internal int Values { get; private set; }

    /// <summary>What holds of a register on both paths.</summary>
    internal RegisterState One(RegisterState x, RegisterState y)
    {
        Values++;
        if (x == y)
        {
            return x;
        }

        if (x.Kind == RegisterKind.Uninitialised || y.Kind == RegisterKind.Uninitialised)
        {
            return RegisterState.Uninitialised;
        }

        if (x.Kind != y.Kind || x.Map != y.Map || x.Size != y.Size)
        {
            return RegisterState.Mixed;
        }

        switch (x.Kind)
        {
            case RegisterKind.Scalar:
                return Numbers(x, y);
            case RegisterKind.MapValueOrNull:
                return x with { Id = Pair(x, y) };
            case RegisterKind.MapValue or RegisterKind.MapKey or RegisterKind.Stack:
                return At(x, y, Math.Min(x.Offset, y.Offset));
            case RegisterKind.Record when x.Id == y.Id:
                return At(x, y, Math.Min(x.Offset, y.Offset));
            case RegisterKind.Packet when x.Id == y.Id && x.Offset == y.Offset:
                return x with { Value = Scalar.Join(x.Value, y.Value) };
            case RegisterKind.Packet:
                // Another offset on each path: from here on one address with a variable part of its own, behind which there is
                // what exists on both paths.
                var lowest = Math.Min(x.Offset, y.Offset);
                var part = Pair(x, y);
                var bytes = Math.Min(Known(a, x), Known(b, y));
                if (bytes > long.MinValue)
                {
                    joined.Prove(part, bytes + lowest);
                }

                return At(x, y, lowest) with { Id = part };
            default:
                return RegisterState.Mixed;
        }
    }

    private RegisterState Numbers(RegisterState x, RegisterState y)
    {
        var one = new RegisterState(RegisterKind.Scalar, Scalar.Join(x.Value, y.Value));
        if (x.Tail == y.Tail && x.TailOffset == y.TailOffset)
        {
            one = one with { Tail = x.Tail, TailOffset = x.TailOffset };
        }

        if (x.Id == y.Id && x.Offset == y.Offset)
        {
            return one with { Id = x.Id, Offset = x.Offset };
        }

        if (x.Id == 0 || y.Id == 0)
        {
            return one;                 // a number without an id has no copies to be told of
        }

        var named = one with { Id = Pair(x, y) };
        if (a.Proven(x.Id) is >= 0 and var first && b.Proven(y.Id) is >= 0 and var second)
        {
            // What is proven behind the packet's start plus the number.
            joined.Prove(named.Id, Math.Min(first - x.Offset, second - y.Offset));
        }

        return named;
    }

    private static RegisterState At(RegisterState x, RegisterState y, long start)
    {
        static Scalar Moved(RegisterState pointer, long start) => Scalar.Add(pointer.Value, Scalar.Constant((ulong)(pointer.Offset - start)));
        return x with { Offset = start, Value = Scalar.Join(Moved(x, start), Moved(y, start)) };
    }

    private int Pair(RegisterState x, RegisterState y)
    {
        var key = (x.Kind, x.Offset, x.Id, y.Offset, y.Id);
        if (!_pairs.TryGetValue(key, out var id))
        {
            _pairs[key] = id = freshId();
        }

        return id;
    }

    /// <summary>Bytes proven behind the address itself, or long.MinValue.</summary>
    private static long Known(AbstractState state, RegisterState pointer)
    {
        var own = state.Proven(pointer.Id) is >= 0 and var bytes ? bytes - pointer.Offset : long.MinValue;
        var whole = state.Proven(0) - pointer.Offset - (long)pointer.Value.Max;
        return Math.Max(own, whole);
    }
}
