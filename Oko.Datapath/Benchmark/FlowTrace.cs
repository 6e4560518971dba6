using System.Runtime.InteropServices;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Benchmark;

/// <summary>The headers of one packet of each of many flows, in unmanaged memory. Filled by one thread; read by the
/// worker of the <see cref="TracePort"/> that plays it.</summary>
public sealed unsafe class FlowTrace : IDisposable
{
    // Two cache lines: lengths in front, then the headers.
    private const int RecordBytes = 128, HeaderOffset = 8;

    private readonly byte* _records;
    private readonly int _capacity;
    private readonly int _packetBytes;
    private int _count;

    /// <summary>Makes room.</summary>
    /// <param name="capacity">Most flows, 1 or more.</param>
    /// <param name="packetBytes">Length of each packet; one whose headers are longer is as long as those.</param>
    public FlowTrace(int capacity, int packetBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(packetBytes, 0);
        _capacity = capacity;
        _packetBytes = packetBytes;
        _records = (byte*)NativeMemory.AlignedAlloc((nuint)capacity * RecordBytes, RecordBytes);
    }

    /// <summary>Number of flows.</summary>
    public int Count => _count;

    /// <summary>Adds a flow.</summary>
    /// <exception cref="InvalidOperationException">The trace is full.</exception>
    public void Add(in FlowKey key)
    {
        if (_count == _capacity)
        {
            throw new InvalidOperationException($"the trace has room for {_capacity} flows");
        }

        // SAFETY: _count < _capacity records; a record holds MaxHeaderBytes behind its lengths.
        var record = new Span<byte>(_records + (nuint)_count * RecordBytes, RecordBytes);
        record.Clear();
        var header = FrameWriter.Write(key, _packetBytes, record[HeaderOffset..]);
        MemoryMarshal.Write(record, Math.Max(_packetBytes, header));
        MemoryMarshal.Write(record[4..], header);
        _count++;
    }

    /// <summary>Copies a flow's headers and returns the length of its packet.</summary>
    /// <param name="flow">SAFETY: 0 to <see cref="Count"/> - 1.</param>
    /// <param name="packet">SAFETY: at least <see cref="FrameWriter.MaxHeaderBytes"/>.</param>
    internal int CopyTo(int flow, byte* packet)
    {
        var record = _records + (nuint)flow * RecordBytes;
        var header = ((int*)record)[1];
        Buffer.MemoryCopy(record + HeaderOffset, packet, header, header);
        return *(int*)record;
    }

    /// <summary>Frees the memory; no port may play the trace any more.</summary>
    public void Dispose() => NativeMemory.AlignedFree(_records);
}
