using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Oko.Datapath.Interop;

namespace Oko.Datapath.AfXdp;

/// <summary>
/// The free chunks of a <see cref="Umem"/>: a stack, so that the chunk used last, which is still in the cache, is used
/// next. Owned by the worker of the UMEM; not safe for two threads.
/// </summary>
/// <remarks>Unmanaged memory of 8 bytes per chunk; neither method allocates, both are O(1).</remarks>
public sealed unsafe class FrameAllocator : IDisposable
{
    private readonly ulong _chunkMask;
    private readonly int _capacity;
    private ulong* _free;
    private int _count;

    /// <summary>Makes the allocator with all chunks free; the lowest address is handed out first.</summary>
    internal FrameAllocator(int frameCount, int frameSize)
    {
        _capacity = frameCount;
        _chunkMask = ~((ulong)frameSize - 1);
        _free = (ulong*)Mman.Allocate((nuint)frameCount * sizeof(ulong));
        for (var index = frameCount - 1; index >= 0; index--)
        {
            _free[_count++] = (ulong)index * (ulong)frameSize;
        }
    }

    /// <summary>Chunks that nobody owns at the moment.</summary>
    public int FreeCount => _count;

    /// <summary>All chunks of the UMEM.</summary>
    public int Capacity => _capacity;

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

    /// <summary>Gives a chunk back.</summary>
    /// <param name="address">Any offset within the chunk: rings return the packet's address, not the chunk's.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Free(ulong address)
    {
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
            Mman.Free(_free, (nuint)_capacity * sizeof(ulong));
            _free = null;
            _count = 0;
        }
    }

    [DoesNotReturn]
    private static void FailFreedTwice(ulong address) =>
        Environment.FailFast($"The UMEM chunk at offset {address} was freed although all chunks are free: it was owned twice.");
}
