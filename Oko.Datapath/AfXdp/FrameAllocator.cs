using System.Runtime.InteropServices;

namespace Oko.Datapath.AfXdp;

/// <summary>The free frames of a UMEM: a stack, so that the frame freed last is used next while it is still in the cache. One thread.</summary>
public sealed unsafe class FrameAllocator : IDisposable
{
    private readonly int _capacity;
    private readonly ulong _chunkMask;
    private ulong* _free;

    internal FrameAllocator(int frameCount, int frameSize)
    {
        _capacity = frameCount;
        _chunkMask = ~((ulong)frameSize - 1);
        _free = (ulong*)NativeMemory.Alloc((nuint)frameCount, sizeof(ulong));
        for (var frame = frameCount - 1; frame >= 0; frame--)
        {
            _free[FreeCount++] = (ulong)frame * (ulong)frameSize;
        }
    }

    /// <summary>Number of free frames.</summary>
    public int FreeCount { get; private set; }

    /// <summary>Takes a frame; the address is that of its first byte.</summary>
    public bool TryAllocate(out ulong address)
    {
        if (FreeCount == 0)
        {
            address = 0;
            return false;
        }

        // SAFETY: 0 < FreeCount <= capacity.
        address = _free[--FreeCount];
        return true;
    }

    /// <summary>Gives back the frame that holds this address.</summary>
    public void Free(ulong address)
    {
        // SAFETY: a frame has one owner, so no more frames come back than there are; the check catches a bug before it writes.
        if (FreeCount == _capacity)
        {
            Environment.FailFast("a UMEM frame was freed twice");
        }

        _free[FreeCount++] = address & _chunkMask;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.Free(_free);
        _free = null;
        FreeCount = 0;
    }
}
