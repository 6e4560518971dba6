using Oko.Bpf.Loading;

namespace Oko.Bpf.Maps;

/// <summary>What a consumer does with a record of a ring buffer.</summary>
/// <param name="record">The data, good during the call only.</param>
/// <param name="lostBefore">Records refused for lack of room between the one before and this one.</param>
public delegate void RingRecordHandler(ReadOnlySpan<byte> record, ulong lostBefore);

/// <summary><c>BPF_MAP_TYPE_RINGBUF</c>: records from programs to one consumer. The rules stand in <see cref="RingBuffer"/>.
/// Consumers of several threads take turns.</summary>
/// <remarks>Nobody is woken up: the consumer polls, every few milliseconds. A round without records is one comparison.</remarks>
public sealed unsafe class RingBufferMap : BpfMap
{
    private readonly Lock _consumer = new();
    private ulong _lostBefore;

    internal RingBufferMap(MapSpec spec)
        : base(spec, MemoryBytes(spec)) => Header->Entries = (byte*)Header + MapHeader.SizeBytes;

    /// <summary>Always 0: records are not entries.</summary>
    public override int Count => 0;

    /// <summary>Records refused for lack of room since the map exists; the caller holds a reference.</summary>
    public ulong Lost => RefusedUpdates;

    /// <summary>Drops what is submitted and not consumed.</summary>
    public override void Clear() => Consume((_, _) => { }, int.MaxValue);

    /// <summary>Always empty: records are consumed, not listed.</summary>
    public override IReadOnlyList<(byte[] Key, byte[] Value)> Snapshot() => [];

    /// <summary>Hands over records in the order of their reservation, up to the first that is not given back yet.</summary>
    /// <param name="handler">Must not call this map's consumer methods. If it throws, the record counts as consumed.</param>
    /// <param name="maxRecords">Most records in this call.</param>
    /// <returns>How many were handed over.</returns>
    public int Consume(RingRecordHandler handler, int maxRecords)
    {
        ThrowIfDisposed();
        lock (_consumer)
        {
            int handed = 0;
            ulong position = Header->Oldest;
            ulong end = Volatile.Read(ref Header->Produced);
            while (handed < maxRecords && position < end)
            {
                byte* header = Header->Entries + (position & (Header->MaxEntries - 1));
                uint length = Volatile.Read(ref *(uint*)header);
                if ((length & RingBuffer.Busy) != 0)
                {
                    break;
                }

                uint size = length & ~RingBuffer.Discarded;
                position += RingBuffer.HeaderBytes + MapMemory.Align8(size);
                _lostBefore += *(uint*)(header + 4);
                try
                {
                    if ((length & RingBuffer.Discarded) == 0)
                    {
                        ulong lost = _lostBefore;
                        _lostBefore = 0;
                        handed++;
                        // SAFETY: the record is not written over before Oldest passes it.
                        handler(new ReadOnlySpan<byte>(header + RingBuffer.HeaderBytes, (int)size), lost);
                    }
                }
                finally
                {
                    Volatile.Write(ref Header->Oldest, position);
                }
            }

            return handed;
        }
    }

    internal static long MemoryBytes(MapSpec spec) => MapHeader.SizeBytes + (long)spec.MaxEntries;

    private protected override int DeleteEntry(byte* key) => MapErrno.NotSupported;
}
