using System.Runtime.InteropServices;
using Oko.Bpf.Execution;

namespace Oko.Bpf.Tests.Execution;

/// <summary>Packet bytes in unmanaged memory.</summary>
internal sealed unsafe class TestPacket : IDisposable
{
    private readonly byte* _bytes;
    private readonly int _length;

    public TestPacket(params byte[] bytes)
    {
        _length = bytes.Length;
        _bytes = (byte*)NativeMemory.Alloc((nuint)bytes.Length);
        bytes.CopyTo(new Span<byte>(_bytes, _length));
    }

    public FilterContext Context => new() { Packet = _bytes, PacketEnd = _bytes + _length, Length = (ulong)_length };

    public void Dispose() => NativeMemory.Free(_bytes);
}
