using System.Runtime.InteropServices;
using Oko.Bpf.Classic;
using Oko.Bpf.Elf;
using PacketDotNet;
using SharpPcap;
using SharpPcap.LibPcap;

namespace Oko.Agent.Cli;

/// <summary>Filter expressions as tcpdump reads them (<c>pcap-filter(7)</c>): compiled by libpcap in this process, translated, and wrapped in an
/// object like one from a file. The switch itself knows nothing of them.</summary>
internal static class PcapExpression
{
    private const uint UnknownNetmask = 0xFFFFFFFF;

    /// <summary>The object of an expression, for Ethernet frames.</summary>
    /// <exception cref="CliException">libpcap refuses the expression or is not there, or the expression needs what a filter does not have.</exception>
    public static byte[] ToObject(string expression)
    {
        try
        {
            using var program = BpfProgram.Create(LinkLayers.Ethernet, expression, optimize: 1, netmask: UnknownNetmask);
            return ElfWriter.Write("socket", "pcap", ClassicTranslator.Translate(Instructions(program)));
        }
        catch (PcapException exception)
        {
            throw new CliException($"--pcap '{expression}': {exception.Message}", ExitCode.Usage);
        }
        catch (ClassicFormatException exception)
        {
            throw new CliException($"--pcap '{expression}': {exception.Message}");
        }
        catch (Exception exception) when (exception is DllNotFoundException or TypeInitializationException { InnerException: DllNotFoundException })
        {
            throw new CliException("--pcap needs libpcap to compile expressions, which is not installed here; install the package libpcap0.8 (on the client; the switch does not need it).");
        }
    }

    private static ClassicInstruction[] Instructions(BpfProgram program)
    {
        // The handle is a struct bpf_program: u_int bf_len; struct bpf_insn { u_short code; u_char jt, jf; bpf_u_int32 k; } *bf_insns.
        var header = program.DangerousGetHandle();
        var bytes = new byte[Marshal.ReadInt32(header) * ClassicInstruction.SizeBytes];
        Marshal.Copy(Marshal.ReadIntPtr(header, IntPtr.Size), bytes, 0, bytes.Length);
        return [.. bytes.Chunk(ClassicInstruction.SizeBytes).Select(part =>
            new ClassicInstruction(BitConverter.ToUInt16(part), part[2], part[3], BitConverter.ToUInt32(part, 4)))];
    }
}
