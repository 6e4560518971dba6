using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>An entry as lookups see it, with all that they compare and that forwarding needs: a cache line, and one or two with the key. Lies in
/// <see cref="EntryMemory"/>. Complete before a table names it; then only the counters and <see cref="OnlyOutput"/> change.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal unsafe struct EntryNode
{
    /// <summary>Bytes of a node, whole cache lines.</summary>
    internal const int Size = 3 * LineBytes;

    private const int LineBytes = 64;

    /// <summary>Those of the only worker; of several, each has counters elsewhere (<see cref="EntryMemory.CountersOffset"/>).</summary>
    [FieldOffset(0)]
    internal EntryCounters Counters;

    /// <summary>Order of lookup, unique in its table; the greater wins.</summary>
    [FieldOffset(24)]
    internal ulong Rank;

    /// <summary>The entry's own mask. SAFETY: lives as long as the entry, which the memory keeps as long as the node.</summary>
    [FieldOffset(32)]
    internal MaskForm* Mask;

    /// <summary>The port, if all that happens is an output to it, else 0: the worker then need not touch the instructions at all. Changed by
    /// the control thread.</summary>
    [FieldOffset(40)]
    internal uint OnlyOutput;

    /// <summary>Number of the node in its memory.</summary>
    [FieldOffset(44)]
    internal int Number;

    /// <summary>Whether a filter must be asked.</summary>
    [FieldOffset(48)]
    internal bool HasFilter;

    // The entry's key under its mask, from the front.
    [FieldOffset(LineBytes)]
    private FlowKey _words;

    /// <summary>Control thread: writes what lookups compare.</summary>
    internal void SetKey(KeyMask mask, ReadOnlySpan<ulong> key)
    {
        Mask = mask.Form;
        Mask->Take(key, _words);
    }

    /// <summary>Whether a packet's key is the entry's under the entry's mask.</summary>
    /// <param name="node">SAFETY: a node of a table, which the caller's round keeps.</param>
    /// <param name="key">SAFETY: the words of a key.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Matches(EntryNode* node, ulong* key) => MaskForm.Matches(node->Mask, key, (ulong*)&node->_words);

    /// <summary>Asks the cache for a node that will be needed soon.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Prefetch(EntryNode* node)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(node);
            Sse.Prefetch0((byte*)node + LineBytes);
        }
    }
}
