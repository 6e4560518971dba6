using System.Runtime.InteropServices;

namespace Oko.Bpf.Maps;

/// <summary>The epochs by which map writers know when no running program can hold a removed entry any more. Process-wide;
/// any thread.</summary>
/// <remarks>
/// A program holds value pointers only while it runs. So a thread that runs programs announces the stretch in which it
/// does (<see cref="MapReader.Enter"/> to <see cref="MapReader.Exit"/>, once per batch of packets), and an entry removed in
/// epoch <c>e</c> is used again only when each thread is either outside, or entered in a later epoch.
/// <para>
/// Each removal starts a new epoch. A reader publishes the epoch it saw, passes a full fence, and then looks at maps; a
/// writer unlinks, passes a full fence (the increment), and then looks at the readers. One of the two must see the other:
/// either the writer sees the reader inside, or the reader no longer finds the entry.
/// </para>
/// Source: K. Fraser, "Practical lock-freedom" (2004), 5.2.3, epoch-based reclamation.
/// </remarks>
public static unsafe class MapReaders
{
    /// <summary>Most threads that may be registered at one time.</summary>
    public const int Capacity = 64;

    // Two cache lines per reader, for the prefetcher fetches lines in pairs.
    private const int CellStride = 128 / sizeof(ulong);

    private static readonly Lock RegistrationLock = new();
    private static readonly bool[] Taken = new bool[Capacity];
    private static readonly ulong* Cells =
        (ulong*)NativeMemory.AlignedAlloc(Capacity * CellStride * sizeof(ulong), 128);

    private static ulong _epoch = 1;
    private static int _highest;

    // SAFETY: the cells live as long as the process; slots handed out are below Capacity.
    static MapReaders() => new Span<ulong>(Cells, Capacity * CellStride).Clear();

    /// <summary>Registers the calling party as a thread that runs programs. It starts outside.</summary>
    /// <exception cref="InvalidOperationException"><see cref="Capacity"/> readers are registered.</exception>
    public static MapReader Register()
    {
        lock (RegistrationLock)
        {
            int slot = Array.IndexOf(Taken, false);
            if (slot < 0)
            {
                throw new InvalidOperationException(
                    $"{Capacity} threads are registered to run filters, which is the limit; dispose a MapReader first.");
            }

            Taken[slot] = true;
            Volatile.Write(ref _highest, Math.Max(_highest, slot + 1));
            return new MapReader(Cells + (slot * CellStride), slot);
        }
    }

    internal static ulong CurrentEpoch => Volatile.Read(ref _epoch);

    /// <summary>The epoch of a removal that has just been made visible; a full fence.</summary>
    internal static ulong Retire() => Interlocked.Increment(ref _epoch) - 1;

    /// <summary>Every removal stamped below the result is out of all programs' hands.</summary>
    internal static ulong QuietBefore()
    {
        ulong oldest = ulong.MaxValue;
        int highest = Volatile.Read(ref _highest);
        for (int slot = 0; slot < highest; slot++)
        {
            ulong entered = Volatile.Read(ref Cells[slot * CellStride]);
            if (entered != 0 && entered < oldest)
            {
                oldest = entered;
            }
        }

        return oldest;
    }

    internal static void Unregister(int slot)
    {
        lock (RegistrationLock)
        {
            Volatile.Write(ref Cells[slot * CellStride], 0);
            Taken[slot] = false;
        }
    }
}

/// <summary>One thread that runs programs, as map writers see it. Used by that thread only.</summary>
public sealed unsafe class MapReader : IDisposable
{
    private readonly int _slot;
    private ulong* _cell;

    internal MapReader(ulong* cell, int slot)
    {
        _cell = cell;
        _slot = slot;
    }

    /// <summary>Programs may run from here on; call it before the first filter of a batch. One fence, no lock.</summary>
    public void Enter()
    {
        *_cell = MapReaders.CurrentEpoch;
        Interlocked.MemoryBarrier();
    }

    /// <summary>No program of this thread runs; call it after a batch, and certainly before the thread sleeps.</summary>
    public void Exit() => Volatile.Write(ref *_cell, 0);

    /// <summary>Ends the registration.</summary>
    public void Dispose()
    {
        if (_cell != null)
        {
            _cell = null;
            MapReaders.Unregister(_slot);
        }
    }
}
