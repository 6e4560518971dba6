using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;

namespace Oko.Datapath.Tests.Interop;

/// <summary>
/// A wrong offset in a structure of the kernel corrupts memory without a word. So each one is held against the
/// system's headers by a C program that asserts sizes and offsets at compile time.
/// </summary>
public sealed class AbiLayoutTests
{
    [Test]
    public void Structures_AgainstTheSystemHeaders_HaveTheirSizesAndOffsets()
    {
        string[] assertions =
        [
            Size<IfXdp.SocketAddress>("struct sockaddr_xdp"),
            Offset<IfXdp.SocketAddress>("struct sockaddr_xdp", nameof(IfXdp.SocketAddress.Flags), "sxdp_flags"),
            Offset<IfXdp.SocketAddress>("struct sockaddr_xdp", nameof(IfXdp.SocketAddress.InterfaceIndex), "sxdp_ifindex"),
            Offset<IfXdp.SocketAddress>("struct sockaddr_xdp", nameof(IfXdp.SocketAddress.QueueId), "sxdp_queue_id"),
            Offset<IfXdp.SocketAddress>("struct sockaddr_xdp", nameof(IfXdp.SocketAddress.SharedUmemHandle), "sxdp_shared_umem_fd"),
            // Newer headers append tx_metadata_len in what is padding here.
            Size<IfXdp.UmemRegistration>("struct xdp_umem_reg"),
            Offset<IfXdp.UmemRegistration>("struct xdp_umem_reg", nameof(IfXdp.UmemRegistration.Length), "len"),
            Offset<IfXdp.UmemRegistration>("struct xdp_umem_reg", nameof(IfXdp.UmemRegistration.ChunkSize), "chunk_size"),
            Offset<IfXdp.UmemRegistration>("struct xdp_umem_reg", nameof(IfXdp.UmemRegistration.Headroom), "headroom"),
            Offset<IfXdp.UmemRegistration>("struct xdp_umem_reg", nameof(IfXdp.UmemRegistration.Flags), "flags"),
            Size<IfXdp.RingOffset>("struct xdp_ring_offset"),
            Offset<IfXdp.RingOffset>("struct xdp_ring_offset", nameof(IfXdp.RingOffset.Producer), "producer"),
            Offset<IfXdp.RingOffset>("struct xdp_ring_offset", nameof(IfXdp.RingOffset.Consumer), "consumer"),
            Offset<IfXdp.RingOffset>("struct xdp_ring_offset", nameof(IfXdp.RingOffset.Descriptors), "desc"),
            Offset<IfXdp.RingOffset>("struct xdp_ring_offset", nameof(IfXdp.RingOffset.Flags), "flags"),
            Size<IfXdp.MmapOffsets>("struct xdp_mmap_offsets"),
            Offset<IfXdp.MmapOffsets>("struct xdp_mmap_offsets", nameof(IfXdp.MmapOffsets.Transmit), "tx"),
            Offset<IfXdp.MmapOffsets>("struct xdp_mmap_offsets", nameof(IfXdp.MmapOffsets.Fill), "fr"),
            Offset<IfXdp.MmapOffsets>("struct xdp_mmap_offsets", nameof(IfXdp.MmapOffsets.Completion), "cr"),
            Size<IfXdp.Statistics>("struct xdp_statistics"),
            Offset<IfXdp.Statistics>("struct xdp_statistics", nameof(IfXdp.Statistics.ReceiveInvalidDescriptors), "rx_invalid_descs"),
            Offset<IfXdp.Statistics>("struct xdp_statistics", nameof(IfXdp.Statistics.ReceiveRingFull), "rx_ring_full"),
            Offset<IfXdp.Statistics>("struct xdp_statistics", nameof(IfXdp.Statistics.FillRingEmpty), "rx_fill_ring_empty_descs"),
            Size<IfXdp.Options>("struct xdp_options"),
            Size<FrameDescriptor>("struct xdp_desc"),
            Offset<FrameDescriptor>("struct xdp_desc", nameof(FrameDescriptor.Address), "addr"),
            Offset<FrameDescriptor>("struct xdp_desc", nameof(FrameDescriptor.Length), "len"),
            Offset<FrameDescriptor>("struct xdp_desc", nameof(FrameDescriptor.Options), "options"),
            Constant("XDP_USE_NEED_WAKEUP", IfXdp.UseNeedWakeup),
            Constant("XDP_SHARED_UMEM", IfXdp.SharedUmem),
            Constant("XDP_STATISTICS", IfXdp.OptionStatistics),
            Constant("XDP_UMEM_PGOFF_COMPLETION_RING", IfXdp.PageOffsetCompletionRing),
            Attribute("map_type", nameof(LinuxBpf.Attributes.MapType)),
            Attribute("max_entries", nameof(LinuxBpf.Attributes.MaxEntries)),
            Attribute("map_flags", nameof(LinuxBpf.Attributes.MapFlags)),
            Attribute("map_name", nameof(LinuxBpf.Attributes.MapName)),
            Attribute("map_fd", nameof(LinuxBpf.Attributes.MapHandle)),
            Attribute("key", nameof(LinuxBpf.Attributes.Key)),
            Attribute("value", nameof(LinuxBpf.Attributes.Value)),
            Attribute("prog_type", nameof(LinuxBpf.Attributes.ProgramType)),
            Attribute("insn_cnt", nameof(LinuxBpf.Attributes.InstructionCount)),
            Attribute("insns", nameof(LinuxBpf.Attributes.Instructions)),
            Attribute("license", nameof(LinuxBpf.Attributes.License)),
            Attribute("log_level", nameof(LinuxBpf.Attributes.LogLevel)),
            Attribute("log_size", nameof(LinuxBpf.Attributes.LogSize)),
            Attribute("log_buf", nameof(LinuxBpf.Attributes.LogBuffer)),
            Attribute("prog_name", nameof(LinuxBpf.Attributes.ProgramName)),
            Attribute("test.prog_fd", nameof(LinuxBpf.Attributes.TestProgramHandle)),
            Attribute("test.data_size_in", nameof(LinuxBpf.Attributes.TestDataSizeIn)),
            Attribute("test.data_in", nameof(LinuxBpf.Attributes.TestDataIn)),
            Attribute("test.repeat", nameof(LinuxBpf.Attributes.TestRepeat)),
            Attribute("test.flags", nameof(LinuxBpf.Attributes.TestFlags)),
            Attribute("test.batch_size", nameof(LinuxBpf.Attributes.TestBatchSize)),
            Attribute("link_create.prog_fd", nameof(LinuxBpf.Attributes.LinkProgramHandle)),
            Attribute("link_create.target_ifindex", nameof(LinuxBpf.Attributes.LinkTargetIndex)),
            Attribute("link_create.attach_type", nameof(LinuxBpf.Attributes.LinkAttachType)),
            Attribute("link_create.flags", nameof(LinuxBpf.Attributes.LinkFlags)),
            $"_Static_assert(sizeof(union bpf_attr) >= {Unsafe.SizeOf<LinuxBpf.Attributes>()}, \"bpf_attr\");",
            Size<Ethtool.InterfaceRequest>("struct ifreq"),
            Offset<Ethtool.InterfaceRequest>("struct ifreq", nameof(Ethtool.InterfaceRequest.Data), "ifr_data"),
            Size<Ethtool.DriverInformation>("struct ethtool_drvinfo"),
            Offset<Ethtool.DriverInformation>("struct ethtool_drvinfo", nameof(Ethtool.DriverInformation.Driver), "driver"),
            Size<Ethtool.Channels>("struct ethtool_channels"),
            Offset<Ethtool.Channels>("struct ethtool_channels", nameof(Ethtool.Channels.Receive), "rx_count"),
            Offset<Ethtool.Channels>("struct ethtool_channels", nameof(Ethtool.Channels.Combined), "combined_count"),
            Size<Ethtool.Settings>("struct ethtool_cmd"),
            Offset<Ethtool.Settings>("struct ethtool_cmd", nameof(Ethtool.Settings.SpeedLow), "speed"),
            Offset<Ethtool.Settings>("struct ethtool_cmd", nameof(Ethtool.Settings.SpeedHigh), "speed_hi"),
            Size<Socket.PacketMembership>("struct packet_mreq"),
            Offset<Socket.PacketMembership>("struct packet_mreq", nameof(Socket.PacketMembership.Type), "mr_type"),
            Size<PollFd>("struct pollfd"),
            Offset<PollFd>("struct pollfd", nameof(PollFd.Events), "events"),
            Offset<PollFd>("struct pollfd", nameof(PollFd.Returned), "revents"),
        ];

        var (exitCode, messages) = Compile(string.Join('\n', assertions));

        exitCode.Should().Be(0, "the compiler says: {0}", messages);
    }

    private static string Size<T>(string type)
        where T : unmanaged => $"_Static_assert(sizeof({type}) == {Unsafe.SizeOf<T>()}, \"size of {type}\");";

    private static string Offset<T>(string type, string field, string member)
        where T : unmanaged => $"_Static_assert(offsetof({type}, {member}) == {Marshal.OffsetOf<T>(field)}, \"{type}.{member}\");";

    private static string Attribute(string member, string field) => Offset<LinuxBpf.Attributes>("union bpf_attr", field, member);

    private static string Constant(string name, long value) => $"_Static_assert({name} == {value}, \"{name}\");";

    private static (int ExitCode, string Messages) Compile(string assertions)
    {
        var compiler = new[] { "gcc", "clang", "cc" }.FirstOrDefault(name =>
            (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':').Any(folder => File.Exists(Path.Combine(folder, name))));
        if (compiler is null || !File.Exists("/usr/include/linux/if_xdp.h"))
        {
            Assert.Ignore("needs a C compiler and the kernel's headers (gcc, linux-libc-dev)");
        }

        var start = new ProcessStartInfo(compiler, ["-x", "c", "-fsyntax-only", "-"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Write(
            "#include <stddef.h>\n#include <poll.h>\n#include <sys/socket.h>\n#include <net/if.h>\n#include <linux/if_xdp.h>\n" +
            "#include <linux/bpf.h>\n#include <linux/ethtool.h>\n#include <linux/if_packet.h>\n" + assertions + "\n");
        process.StandardInput.Close();
        var messages = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, messages);
    }
}
