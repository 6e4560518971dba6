using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Oko.Datapath.Interop;

namespace Oko.Datapath.AfXdp;

/// <summary>
/// The free chunks of a <see cref="Umem"/>: a stack, so that the chunk used last, which is still in the cache, is used
/// next. Another stack holds the free jumbo buffers behind the chunks. Owned by the worker of the UMEM; not safe for two threads.
/// </summary>
/// <remarks>Unmanaged memory of 8 bytes per chunk and buffer; no method allocates, all are O(1).</remarks>
public sealed unsafe class FrameAllocator : IDisposable
{
    private readonly ulong _chunkMask;
    private readonly int _capacity;
    private readonly ulong _jumboStart;
    private ulong* _free;
    private ulong* _freeJumbo;
    private int _count;
    private int _jumboCount;

    /// <summary>Makes the allocator with all chunks and buffers free; the lowest address is handed out first.</summary>
    /// <param name="frameCount">Chunks.</param>
    /// <param name="frameSize">Bytes per chunk.</param>
    /// <param name="jumboStart">Offset of the first jumbo buffer in the UMEM, behind the chunks.</param>
    /// <param name="jumboCount">Jumbo buffers there are, <see cref="Umem.JumboCount"/> at most.</param>
    internal FrameAllocator(int frameCount, int frameSize, ulong jumboStart, int jumboCount)
    {
        _capacity = frameCount;
        _chunkMask = ~((ulong)frameSize - 1);
        _jumboStart = jumboStart;
        _free = (ulong*)Mman.Allocate((nuint)(frameCount + Umem.JumboCount) * sizeof(ulong));
        // SAFETY: the mapping has a slot for each buffer behind those of the chunks.
        _freeJumbo = _free + frameCount;
        for (var index = jumboCount - 1; index >= 0; index--)
        {
            _freeJumbo[_jumboCount++] = jumboStart + ((ulong)index * Umem.JumboSize);
        }

        for (var index = frameCount - 1; index >= 0; index--)
        {
            _free[_count++] = (ulong)index * (ulong)frameSize;
        }
    }

    /// <summary>Chunks that nobody owns at the moment.</summary>
    public int FreeCount => _count;

    /// <summary>All chunks of the UMEM.</summary>
    public int Capacity => _capacity;

    /// <summary>Jumbo buffers that nobody owns at the moment, of <see cref="Umem.JumboCount"/>.</summary>
    public int FreeJumboCount => _jumboCount;

    /// <summary>Takes a chunk.</summary>
    /// <param name="address">Offset of the chunk's first byte in the UMEM; packets start at <see cref="Umem.Headroom"/> after it.</param>
    /// <returns>False when all chunks are in use.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryAllocate(out ulong address)
    {
        if (_count == 0)
        {
            address = 0;
            return false;
        }

        // SAFETY: 0 < _count <= _capacity, so the slot below it is inside the mapping and holds a free chunk.
        address = _free[--_count];
        return true;
    }

    /// <summary>Takes a jumbo buffer.</summary>
    /// <param name="address">Offset of the buffer's first byte in the UMEM; packets start at <see cref="Umem.Headroom"/> after it.</param>
    /// <returns>False when all buffers are in use.</returns>
    public bool TryAllocateJumbo(out ulong address)
    {
        if (_jumboCount == 0)
        {
            address = 0;
            return false;
        }

        // SAFETY: 0 < _jumboCount <= JumboCount, as above.
        address = _freeJumbo[--_jumboCount];
        return true;
    }

    /// <summary>Gives a chunk or a jumbo buffer back; the address says which.</summary>
    /// <param name="address">Any offset within it: rings return the packet's address, not the chunk's.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Free(ulong address)
    {
        if (address >= _jumboStart)
        {
            FreeJumbo(address);
            return;
        }

        // SAFETY: a chunk freed twice would write past the mapping, or later be owned twice; the process ends before.
        if ((uint)_count >= (uint)_capacity)
        {
            FailFreedTwice(address);
        }

        Debug.Assert((address & _chunkMask) < (ulong)_capacity * (~_chunkMask + 1), "a chunk of another UMEM");
        _free[_count++] = address & _chunkMask;
    }

    /// <summary>Gives the memory back; the allocator must not be used after it.</summary>
    public void Dispose()
    {
        if (_free is not null)
        {
            Mman.Free(_free, (nuint)(_capacity + Umem.JumboCount) * sizeof(ulong));
            _free = _freeJumbo = null;
            _count = _jumboCount = 0;
        }
    }

    private void FreeJumbo(ulong address)
    {
        // SAFETY: as in Free.
        if ((uint)_jumboCount >= Umem.JumboCount)
        {
            FailFreedTwice(address);
        }

        Debug.Assert(address < _jumboStart + (Umem.JumboCount * (ulong)Umem.JumboSize), "a buffer of another UMEM");
        _freeJumbo[_jumboCount++] = address & ~((ulong)Umem.JumboSize - 1);
    }

    [DoesNotReturn]
    private static void FailFreedTwice(ulong address) =>
        Environment.FailFast($"The UMEM frame at offset {address} was freed although all of its kind are free: it was owned twice.");
}
