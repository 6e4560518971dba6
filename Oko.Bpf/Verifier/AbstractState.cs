using System.Text;

namespace Oko.Bpf.Verifier;

/// <summary>
/// All that is known in front of one instruction: registers and stack of the running function, those of its callers, how much of the
/// packet exists, which ring buffer records are reserved, and how many instructions ran at most. States of several paths are joined where
/// the paths meet; the join knows what holds on all of them.
/// </summary>
internal sealed class AbstractState
{
    internal const int Registers = 11;
    internal const int StackBytes = StackFrameState.Bytes;
    internal const int MaxFrames = Isa.Register.MaxCallDepth;

    // More names than this are worth tidying: what no address has any more is never asked for again. Then as many again may come
    // before the next time.
    private const int ManyNames = 24;

    private readonly RegisterState[] _registers = new RegisterState[Registers];
    private readonly List<(StackFrameState Frame, RegisterState[]? Saved)> _frames = [];
    private readonly List<(int Id, long Bytes)> _proven = [];           // by rising id
    private readonly SortedList<int, int> _records = [];
    private int _tidyAt = ManyNames;

    /// <summary>Most instructions executed on any path to here.</summary>
    internal long Count { get; set; }

    /// <summary>The ring buffer records that are reserved: their names, and the slots that reserved them.</summary>
    internal IReadOnlyDictionary<int, int> Records => _records;

    /// <summary>Number of the running function's frame; the entry's is 0.</summary>
    internal int Depth => _frames.Count - 1;

    /// <summary>What is known of a register.</summary>
    internal RegisterState this[int register]
    {
        get => _registers[register];
        set => _registers[register] = value;
    }

    /// <summary>A frame to look at.</summary>
    internal StackFrameState Frame(int number) => _frames[number].Frame;

    /// <summary>A frame to write to.</summary>
    internal StackFrameState WritableFrame(int number)
    {
        var (frame, saved) = _frames[number];
        if (frame.IsShared)
        {
            frame = frame.Copy();
            _frames[number] = (frame, saved);
        }

        return frame;
    }

    /// <summary>A function begins: r0 and r6 to r9 hold nothing, r1 to r5 what the caller put there.</summary>
    internal void Enter(int function)
    {
        var saved = _frames.Count == 0 ? null : (RegisterState[])_registers.Clone();
        _frames.Add((new StackFrameState { Function = function }, saved));
        _registers[0] = RegisterState.Uninitialised;
        for (var register = 6; register <= 9; register++)
        {
            _registers[register] = RegisterState.Uninitialised;
        }

        _registers[10] = new RegisterState(RegisterKind.Stack, default, Map: Depth);
    }

    /// <summary>The function returns: the caller's r6 to r10 are back, r1 to r5 hold nothing, r0 the result.</summary>
    internal void Leave()
    {
        var saved = _frames[^1].Saved!;
        _frames.RemoveAt(_frames.Count - 1);
        for (var register = 1; register < Registers; register++)
        {
            _registers[register] = register <= 5 ? RegisterState.Uninitialised : saved[register];
        }
    }

    /// <summary>Bytes that exist behind (packet start + the variable part of that id), -1 if nothing is known.</summary>
    internal long Proven(int id) => FindProven(id) is >= 0 and var at ? _proven[at].Bytes : id == 0 ? 0 : -1;

    internal void Prove(int id, long bytes)
    {
        if (bytes <= Proven(id))
        {
            return;
        }

        var at = FindProven(id);
        if (at >= 0)
        {
            _proven[at] = (id, bytes);
        }
        else
        {
            _proven.Insert(~at, (id, bytes));
        }
    }

    // Both lists rise; this one is empty.
    private void ProveBoth(List<(int Id, long Bytes)> a, List<(int Id, long Bytes)> b)
    {
        for (int at = 0, other = 0; at < a.Count && other < b.Count;)
        {
            if (a[at].Id == b[other].Id)
            {
                _proven.Add((a[at].Id, Math.Min(a[at++].Bytes, b[other++].Bytes)));
            }
            else if (a[at].Id < b[other].Id)
            {
                at++;
            }
            else
            {
                other++;
            }
        }
    }

    // The index, or the complement of the index where it belongs.
    private int FindProven(int id)
    {
        int low = 0, high = _proven.Count - 1;
        while (low <= high)
        {
            var middle = (low + high) / 2;
            switch (_proven[middle].Id.CompareTo(id))
            {
                case 0:
                    return middle;
                case < 0:
                    low = middle + 1;
                    break;
                default:
                    high = middle - 1;
                    break;
            }
        }

        return ~low;
    }

    internal void Reserve(int record, int slot) => _records.Add(record, slot);

    internal void Release(int record) => _records.Remove(record);

    internal AbstractState Copy()
    {
        var copy = new AbstractState { Count = Count };
        _registers.CopyTo(copy._registers, 0);
        foreach (var (frame, saved) in _frames)
        {
            frame.IsShared = true;
            copy._frames.Add((frame, (RegisterState[]?)saved?.Clone()));
        }

        ForgetUnused();
        copy._proven.AddRange(_proven);
        copy._tidyAt = _tidyAt;
        foreach (var (record, slot) in _records)
        {
            copy._records.Add(record, slot);
        }

        return copy;
    }

    /// <summary>Changes every register and spilled register, the callers' too, that satisfies the condition.</summary>
    internal void Replace(Func<RegisterState, bool> which, Func<RegisterState, RegisterState> change)
    {
        Replace(_registers, which, change);
        for (var number = 0; number < _frames.Count; number++)
        {
            if (_frames[number].Saved is { } saved)
            {
                Replace(saved, which, change);
            }

            if (_frames[number].Frame.Any(which))
            {
                WritableFrame(number).Replace(which, change);
            }
        }
    }

    /// <summary>What holds on both paths. Ids that differ get a fresh one per pair, so copies stay known as copies.</summary>
    /// <param name="a">One path.</param>
    /// <param name="b">The other.</param>
    /// <param name="freshId">Makes names.</param>
    /// <param name="values">How many values were compared, which is what a join costs.</param>
    internal static AbstractState Join(AbstractState a, AbstractState b, Func<int> freshId, out int values)
    {
        var joined = new AbstractState { Count = Math.Max(a.Count, b.Count) };
        var joining = new StateJoin(joined, a, b, freshId);
        joined.ProveBoth(a._proven, b._proven);

        for (var register = 0; register < Registers; register++)
        {
            joined._registers[register] = joining.One(a._registers[register], b._registers[register]);
        }

        for (var number = 0; number < a._frames.Count; number++)
        {
            RegisterState[]? saved = null;
            if (a._frames[number].Saved is { } first && b._frames[number].Saved is { } second)
            {
                saved = new RegisterState[Registers];
                for (var register = 0; register < Registers; register++)
                {
                    saved[register] = joining.One(first[register], second[register]);
                }
            }

            joined._frames.Add((StackFrameState.Join(a._frames[number].Frame, b._frames[number].Frame, joining.One), saved));
        }

        foreach (var (record, slot) in a._records)
        {
            joined._records.Add(record, slot);
        }

        joined._tidyAt = Math.Max(a._tidyAt, b._tidyAt);
        values = joining.Values;
        return joined;
    }

    /// <summary>Whether both states have the same records reserved.</summary>
    internal bool HasSameRecords(AbstractState other) => _records.Keys.SequenceEqual(other._records.Keys);

    /// <summary>Whether both say the same, but for the number of instructions.</summary>
    internal bool SaysTheSame(AbstractState other)
    {
        if (!_registers.AsSpan().SequenceEqual(other._registers) || _frames.Count != other._frames.Count || !HasSameRecords(other))
        {
            return false;
        }

        for (var number = 0; number < _frames.Count; number++)
        {
            var (mine, saved) = _frames[number];
            var (theirs, otherSaved) = other._frames[number];
            if (!mine.Equals(theirs) || !(saved ?? []).AsSpan().SequenceEqual(otherSaved ?? []))
            {
                return false;
            }
        }

        foreach (var (id, bytes) in _proven)
        {
            if (other.Proven(id) != bytes)
            {
                return false;
            }
        }

        return _proven.Count == other._proven.Count;
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

    private static void Replace(RegisterState[] registers, Func<RegisterState, bool> which, Func<RegisterState, RegisterState> change)
    {
        for (var register = 0; register < registers.Length; register++)
        {
            if (which(registers[register]))
            {
                registers[register] = change(registers[register]);
            }
        }
    }

    private void ForgetUnused()
    {
        if (_proven.Count <= _tidyAt)
        {
            return;
        }

        var used = new HashSet<int> { 0 };
        void Use(RegisterState value)
        {
            used.Add(value.Id);
            used.Add(value.Tail);
        }

        foreach (var value in _registers.Concat(_frames.SelectMany(frame => frame.Saved ?? [])))
        {
            Use(value);
        }

        foreach (var (frame, _) in _frames)
        {
            foreach (ref readonly var spill in frame.Spills)
            {
                Use(spill.Value);
            }
        }

        _proven.RemoveAll(known => !used.Contains(known.Id));
        _tidyAt = _proven.Count + ManyNames;
    }
}
