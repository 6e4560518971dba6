using System.Runtime.InteropServices;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tests.Packet;

/// <summary>
/// Packets cut at every byte and with random bytes, standing against a page that must not be touched: one access behind the
/// packet's end would end the test run with a segmentation fault, one write in front of it fails the test.
/// </summary>
public sealed unsafe partial class HostilePacketTests
{
    private const int PageSize = 4096, ReadWrite = 3, PrivateAnonymous = 0x22;
    private const byte Canary = 0xA5;

    private static readonly Edit[] Edits =
    [
        (ref PacketView view, in FrameRoom room) => TagEditor.PushVlan(ref view, room, 0x8100),
        (ref PacketView view, in FrameRoom room) => TagEditor.PopVlan(ref view, room),
        (ref PacketView view, in FrameRoom room) => TagEditor.PushMpls(ref view, room, 0x8847),
        (ref PacketView view, in FrameRoom room) => TagEditor.PopMpls(ref view, room, 0x0800),
        (ref PacketView view, in FrameRoom room) => TagEditor.PushPbb(ref view, room, 0x88E7),
        (ref PacketView view, in FrameRoom room) => TagEditor.PopPbb(ref view, room),
        (ref PacketView view, in FrameRoom _) => TtlEditor.SetNw(ref view, 1),
        (ref PacketView view, in FrameRoom _) => TtlEditor.DecNw(ref view),
        (ref PacketView view, in FrameRoom _) => TtlEditor.SetMpls(ref view, 1),
        (ref PacketView view, in FrameRoom _) => TtlEditor.DecMpls(ref view),
        (ref PacketView view, in FrameRoom _) => TtlEditor.CopyIn(ref view),
        (ref PacketView view, in FrameRoom _) => TtlEditor.CopyOut(ref view),
    ];

    private byte* _memory;

    private delegate EditResult Edit(ref PacketView view, in FrameRoom room);

    [OneTimeSetUp]
    public void MapGuardedPage()
    {
        _memory = (byte*)Map(0, 2 * PageSize, ReadWrite, PrivateAnonymous, -1, 0);
        Protect((nint)_memory + PageSize, PageSize, 0).Should().Be(0);
    }

    [OneTimeTearDown]
    public void Unmap() => _ = Unmap((nint)_memory, 2 * PageSize);

    [Test]
    public void EveryOperation_PacketCutAtEveryByte_StaysInside()
    {
        foreach (var packet in SamplePacket.All(7))
        {
            for (var length = 0; length <= packet.Bytes.Length; length++)
            {
                RunAll(packet.Bytes.AsSpan(0, length));
            }
        }
    }

    [Test]
    public void EveryOperation_RandomBytes_StaysInside([Range(1, 8)] int seed)
    {
        var random = new Random(seed);
        foreach (var packet in SamplePacket.All(seed))
        {
            for (var round = 0; round < 60; round++)
            {
                var bytes = packet.Bytes.AsSpan(0, random.Next(packet.Bytes.Length) + 1).ToArray();
                for (var changes = random.Next(1, 6); changes > 0; changes--)
                {
                    bytes[random.Next(bytes.Length)] = random.Next(3) switch { 0 => 0, 1 => 255, _ => (byte)random.Next(256) };
                }

                RunAll(bytes);
            }
        }
    }

    private void RunAll(ReadOnlySpan<byte> bytes)
    {
        for (var field = FlowField.EthDst; field <= FlowField.Ipv6ExtHdr; field++)
        {
            var view = Place(bytes);
            FlowKeyExtractor.Extract(ref view, out _);
            HeaderEditor.Set(ref view, field, UInt128.MaxValue);
            FlowKeyExtractor.Extract(ref view, out _);
            CheckFront(bytes.Length);
        }

        var whole = Place(bytes);
        FlowKeyExtractor.Extract(ref whole, out _);
        Checksums.CompletePartial(ref whole);
        CheckFront(bytes.Length);
        foreach (var edit in Edits)
        {
            // No room behind: the page there must not be touched. In front there are 18 bytes, what the largest push takes.
            var view = Place(bytes);
            FlowKeyExtractor.Extract(ref view, out _);
            edit(ref view, new FrameRoom(18, 0));
            FlowKeyExtractor.Extract(ref view, out _);
            edit(ref view, default);
            edit(ref view, default);
            CheckFront(bytes.Length + 18);
        }
    }

    private PacketView Place(ReadOnlySpan<byte> bytes)
    {
        var data = _memory + PageSize - bytes.Length;
        new Span<byte>(data - 64, 64).Fill(Canary);
        bytes.CopyTo(new Span<byte>(data, bytes.Length));
        return new PacketView { Data = data, Length = bytes.Length };
    }

    private void CheckFront(int length) =>
        new ReadOnlySpan<byte>(_memory + PageSize - length - 32, 32).ContainsAnyExcept(Canary).Should().BeFalse();

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint size, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint size, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint size);
}
