using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;

namespace Oko.Datapath.Workers;

/// <summary>
/// Packets on their way from a worker to the controllers: a bounded ring in unmanaged memory with one writer (the worker)
/// and one reader. When it is full the packet is dropped and counted; the worker never waits.
/// </summary>
internal sealed unsafe class PacketInRing : IDisposable
{
    private readonly int _slots;
    private readonly int _slotBytes;
    private readonly byte* _memory;
    private readonly PacketInBell _bell;
    private long _written, _read;
    private long _announced;

    internal PacketInRing(int slots, int maxPacketSize, PacketInBell bell)
    {
        _bell = bell;
        _slots = slots;
        _slotBytes = sizeof(Header) + maxPacketSize;
        _memory = (byte*)NativeMemory.Alloc((nuint)slots, (nuint)_slotBytes);
    }

    /// <summary>Whether there is nothing for the reader.</summary>
    internal bool IsEmpty => _read == Volatile.Read(ref _written);

    /// <summary>Worker: copies the packet; false if the ring is full.</summary>
    // SAFETY: length is at most packet.Length, which is at most a frame, which is what a slot holds.
    internal bool TryWrite(in PacketView packet, int length, PacketInKind kind, byte table, ulong cookie)
    {
        if (_written - Volatile.Read(ref _read) == _slots)
        {
            return false;
        }

        var slot = _memory + (_written % _slots * _slotBytes);
        *(Header*)slot = new Header
        {
            Metadata = packet.Metadata, TunnelId = packet.TunnelId, Cookie = cookie, InPort = packet.InPort, TotalLength = packet.Length, Length = length,
            Kind = kind, TableId = table,
        };
        Buffer.MemoryCopy(packet.Data, slot + sizeof(Header), _slotBytes - sizeof(Header), length);
        Volatile.Write(ref _written, _written + 1);
        return true;
    }

    /// <summary>Worker, at the end of a batch: wakes the reader if it waits and there is something new for it. Takes no lock.</summary>
    internal void Announce()
    {
        if (_announced != _written)
        {
            _announced = _written;
            _bell.Ring();
        }
    }

    /// <summary>Reader: takes the oldest packet.</summary>
    internal bool TryRead([NotNullWhen(true)] out PacketInRecord? record)
    {
        if (IsEmpty)
        {
            record = null;
            return false;
        }

        var slot = _memory + (_read % _slots * _slotBytes);
        var header = *(Header*)slot;
        record = new PacketInRecord(new ReadOnlySpan<byte>(slot + sizeof(Header), header.Length).ToArray(), header.TotalLength, header.Kind,
            header.TableId, header.Cookie, header.InPort, header.Metadata, header.TunnelId);
        Volatile.Write(ref _read, _read + 1);
        return true;
    }

    public void Dispose() => NativeMemory.Free(_memory);

    private struct Header
    {
        internal ulong Metadata;
        internal ulong TunnelId;
        internal ulong Cookie;
        internal uint InPort;
        internal int TotalLength;
        internal int Length;
        internal PacketInKind Kind;
        internal byte TableId;
    }
}
