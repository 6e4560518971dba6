using System.Runtime.CompilerServices;
using Oko.Datapath.Interop;

namespace Oko.Datapath.AfXdp;

/// <summary>
/// Joins packets that one socket receives in several chunks, each in a jumbo buffer. A packet whose last piece is not there yet is continued
/// by the next call, whenever that is. Owned by the worker of the socket; nothing allocates.
/// </summary>
/// <remarks>A packet that finds no buffer, or is longer than one, is lost whole: its pieces are taken and freed up to the last, and counted as one
/// packet, however many there are.</remarks>
internal sealed unsafe class JumboJoiner(Umem umem)
{
    private ulong _buffer;
    private uint _length;
    private bool _isLost;
    private long _withoutBuffer, _tooLong;

    /// <summary>Whether the next piece continues a packet.</summary>
    internal bool IsOpen { get; private set; }

    /// <summary>Packets that found no buffer. Any thread.</summary>
    internal long WithoutBuffer => Volatile.Read(ref _withoutBuffer);

    /// <summary>Packets longer than a buffer. Any thread.</summary>
    internal long TooLong => Volatile.Read(ref _tooLong);

    /// <summary>Takes the next piece, with its chunk.</summary>
    /// <param name="piece">The piece. SAFETY: it lies within one chunk of the memory.</param>
    /// <param name="packet">The packet with its buffer, which is then the caller's.</param>
    /// <returns>Whether this was the last piece of a packet that is whole.</returns>
    internal bool TryJoin(in FrameDescriptor piece, out FrameDescriptor packet)
    {
        if (!IsOpen)
        {
            Begin();
        }

        if (!_isLost)
        {
            Append(piece);
        }

        umem.Frames.Free(piece.Address);
        IsOpen = (piece.Options & IfXdp.PacketContinues) != 0;
        packet = new FrameDescriptor(_buffer + Umem.Headroom, _length);
        return !IsOpen && !_isLost;
    }

    /// <summary>Gives up what is not complete. The socket is closed, and the worker has given its port up.</summary>
    /// <returns>The buffer's address, if there is one.</returns>
    internal ulong? Abandon()
    {
        var held = IsOpen && !_isLost;
        IsOpen = false;
        return held ? _buffer : null;
    }

    private void Begin()
    {
        _length = 0;
        _isLost = !umem.Frames.TryAllocateJumbo(out _buffer);
        if (_isLost)
        {
            Volatile.Write(ref _withoutBuffer, _withoutBuffer + 1);
        }
    }

    private void Append(in FrameDescriptor piece)
    {
        if (piece.Length > Umem.MaxJumboPacketSize - _length)
        {
            _isLost = true;
            umem.Frames.Free(_buffer);
            Volatile.Write(ref _tooLong, _tooLong + 1);
            return;
        }

        // SAFETY: the buffer has MaxJumboPacketSize bytes behind its headroom, and that many are not exceeded.
        Unsafe.CopyBlockUnaligned(umem.Memory + _buffer + Umem.Headroom + _length, umem.Memory + piece.Address, piece.Length);
        _length += piece.Length;
    }
}
