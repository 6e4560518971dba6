namespace Oko.Bpf.Verifier;

/// <summary>What is known of one stack frame: which of its 512 bytes were written, and which registers were spilled to it. Offsets count from
/// the frame's lowest byte.</summary>
/// <remarks>States share frames until one of them writes (<see cref="IsShared"/>): most branches leave the stack alone.</remarks>
internal sealed class StackFrameState
{
    internal const int Bytes = 512;

    private readonly ulong[] _written = new ulong[Bytes / 64];
    private Spill[] _spills = [];
    private int _count;

    /// <summary>The function whose frame it is, by its first slot.</summary>
    internal required int Function { get; init; }

    /// <summary>Several states refer to this object: copy it before writing.</summary>
    internal bool IsShared { get; set; }

    /// <summary>The spilled registers.</summary>
    internal ReadOnlySpan<Spill> Spills => _spills.AsSpan(0, _count);

    internal StackFrameState Copy()
    {
        var copy = new StackFrameState { Function = Function, _spills = [.. Spills], _count = _count };
        _written.CopyTo(copy._written, 0);
        return copy;
    }

    /// <summary>Whether each of the bytes was written.</summary>
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

    /// <summary>The register that was spilled to exactly these bytes, or null.</summary>
    /// <param name="offset">Its first byte.</param>
    /// <param name="size">Its bytes.</param>
    /// <param name="guess">Where in the list it may stand.</param>
    internal RegisterState? SpillAt(int offset, int size, int guess = 0)
    {
        if (guess < _count && _spills[guess].Offset == offset && _spills[guess].Size == size)
        {
            return _spills[guess].Value;
        }

        foreach (ref readonly var spill in Spills)
        {
            if (spill.Offset == offset && spill.Size == size)
            {
                return spill.Value;
            }
        }

        return null;
    }

    /// <summary>The constant that was spilled over these bytes, or null.</summary>
    internal ulong? ConstantAt(int offset, int size)
    {
        foreach (ref readonly var spill in Spills)
        {
            if (spill.Offset <= offset && offset + size <= spill.Offset + spill.Size && spill.Value is { Kind: RegisterKind.Scalar, Value.IsConstant: true })
            {
                var value = spill.Value.Value.Min >> (8 * (offset - spill.Offset));
                return size == 8 ? value : value & ((1UL << (8 * size)) - 1);
            }
        }

        return null;
    }

    /// <summary>Whether a spilled address lies in any of the bytes.</summary>
    internal bool HoldsPointer(int offset, int size)
    {
        foreach (ref readonly var spill in Spills)
        {
            if (spill.Value.IsPointer && spill.Offset < offset + size && offset < spill.Offset + spill.Size)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Writes bytes; a register when one is given. The frame must not be shared.</summary>
    internal void Store(int offset, int size, RegisterState? value)
    {
        Forget(offset, size);
        Mark(offset, size, written: true);
        if (value is { } register && (size == 8 || (size == 4 && !register.IsPointer)))
        {
            Add(new Spill((short)offset, (byte)size, register));
        }
    }

    /// <summary>Forgets what was spilled to any of the bytes; they stay written, unless they were a part of an address.</summary>
    internal void Forget(int offset, int size)
    {
        for (var index = _count - 1; index >= 0; index--)
        {
            var spill = _spills[index];
            if (spill.Offset < offset + size && offset < spill.Offset + spill.Size)
            {
                _spills[index] = _spills[--_count];
                if (spill.Value.IsPointer)
                {
                    // What is left of an address must not be read as a number.
                    Mark(spill.Offset, spill.Size, written: false);
                }
            }
        }
    }

    /// <summary>Changes spilled registers that satisfy the condition; the frame must not be shared. The bytes of one that becomes unreadable
    /// count as not written.</summary>
    internal void Replace(Func<RegisterState, bool> which, Func<RegisterState, RegisterState> change)
    {
        for (var index = _count - 1; index >= 0; index--)
        {
            var spill = _spills[index];
            if (!which(spill.Value))
            {
                continue;
            }

            var changed = change(spill.Value);
            if (changed.IsReadable)
            {
                _spills[index] = spill with { Value = changed };
            }
            else
            {
                _spills[index] = _spills[--_count];
                Mark(spill.Offset, spill.Size, written: false);
            }
        }
    }

    /// <summary>Whether any spilled register satisfies the condition.</summary>
    internal bool Any(Func<RegisterState, bool> which)
    {
        foreach (ref readonly var spill in Spills)
        {
            if (which(spill.Value))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What holds in both frames.</summary>
    internal static StackFrameState Join(StackFrameState a, StackFrameState b, Func<RegisterState, RegisterState, RegisterState> one)
    {
        if (ReferenceEquals(a, b))
        {
            a.IsShared = true;
            return a;
        }

        var joined = new StackFrameState { Function = a.Function };
        for (var word = 0; word < joined._written.Length; word++)
        {
            joined._written[word] = a._written[word] & b._written[word];
        }

        for (var index = 0; index < a._count; index++)
        {
            ref readonly var spill = ref a._spills[index];
            if (b.SpillAt(spill.Offset, spill.Size, index) is { } other)
            {
                var both = one(spill.Value, other);
                if (both.IsReadable)
                {
                    joined.Add(spill with { Value = both });
                    continue;
                }
            }

            joined.Unmark(spill);
        }

        foreach (ref readonly var spill in b.Spills)
        {
            if (joined.SpillAt(spill.Offset, spill.Size) is null)
            {
                joined.Unmark(spill);
            }
        }

        return joined;
    }

    /// <summary>The same bytes are written and the same registers spilled.</summary>
    internal bool Equals(StackFrameState other)
    {
        if (ReferenceEquals(this, other))
        {
            return true;
        }

        if (_count != other._count || !_written.AsSpan().SequenceEqual(other._written))
        {
            return false;
        }

        foreach (ref readonly var spill in Spills)
        {
            if (other.SpillAt(spill.Offset, spill.Size) != spill.Value)
            {
                return false;
            }
        }

        return true;
    }

    private void Unmark(Spill spill)
    {
        if (spill.Value.IsPointer)
        {
            Mark(spill.Offset, spill.Size, written: false);
        }
    }

    private void Add(Spill spill)
    {
        if (_count == _spills.Length)
        {
            Array.Resize(ref _spills, Math.Max(4, _count * 2));
        }

        _spills[_count++] = spill;
    }

    private void Mark(int offset, int size, bool written)
    {
        for (var at = offset; at < offset + size; at++)
        {
            var bit = 1UL << (at % 64);
            _written[at / 64] = written ? _written[at / 64] | bit : _written[at / 64] & ~bit;
        }
    }

    /// <summary>A register in the stack.</summary>
    internal readonly record struct Spill(short Offset, byte Size, RegisterState Value);
}
