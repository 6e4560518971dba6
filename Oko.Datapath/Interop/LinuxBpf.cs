using System.Runtime.InteropServices;
using System.Text;

namespace Oko.Datapath.Interop;

/// <summary>
/// The <c>bpf</c> system call of <c>linux/bpf.h</c>, as far as an XDP program and its maps need it. Every object is a
/// file descriptor; the kernel removes it with the last descriptor, so also when the process is killed. Stateless:
/// usable on any thread.
/// </summary>
/// <remarks>Source: bpf(2); linux/bpf.h, <c>union bpf_attr</c>. Links of XDP programs: Linux 5.9.</remarks>
internal static unsafe partial class LinuxBpf
{
    /// <summary><c>BPF_MAP_TYPE_ARRAY</c>.</summary>
    internal const uint MapTypeArray = 2;

    /// <summary><c>BPF_MAP_TYPE_XSKMAP</c>.</summary>
    internal const uint MapTypeXskMap = 17;

    /// <summary><c>BPF_F_MMAPABLE</c>: an array map may be mapped by the process.</summary>
    internal const uint MapMmapable = 1 << 10;

    /// <summary><c>XDP_FLAGS_SKB_MODE</c>: generic mode, on any device.</summary>
    internal const uint XdpGeneric = 1 << 1;

    /// <summary><c>XDP_FLAGS_DRV_MODE</c>: native mode, in the driver.</summary>
    internal const uint XdpNative = 1 << 2;

    /// <summary><c>BPF_F_XDP_HAS_FRAGS</c>: the program takes packets of several buffers; Linux 5.18.</summary>
    internal const uint ProgramHasFragments = 1 << 5;

    private const int MapCreate = 0, MapUpdateElement = 2, ProgramLoad = 5, ProgramTestRun = 10, LinkCreate = 28;
    private const uint ProgramTypeXdp = 6, AttachTypeXdp = 37, TestLiveFrames = 1 << 1;

    /// <summary><c>union bpf_attr</c> of the calls below: 128 bytes cover them, and zero is the default of every field.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    internal struct Attributes
    {
        // BPF_MAP_CREATE
        [FieldOffset(0)] internal uint MapType;
        [FieldOffset(4)] internal uint KeySize;
        [FieldOffset(8)] internal uint ValueSize;
        [FieldOffset(12)] internal uint MaxEntries;
        [FieldOffset(16)] internal uint MapFlags;
        [FieldOffset(28)] internal fixed byte MapName[16];

        // BPF_MAP_UPDATE_ELEM
        [FieldOffset(0)] internal int MapHandle;
        [FieldOffset(8)] internal ulong Key;
        [FieldOffset(16)] internal ulong Value;

        // BPF_PROG_LOAD
        [FieldOffset(0)] internal uint ProgramType;
        [FieldOffset(4)] internal uint InstructionCount;
        [FieldOffset(8)] internal ulong Instructions;
        [FieldOffset(16)] internal ulong License;
        [FieldOffset(24)] internal uint LogLevel;
        [FieldOffset(28)] internal uint LogSize;
        [FieldOffset(32)] internal ulong LogBuffer;
        [FieldOffset(44)] internal uint ProgramFlags;
        [FieldOffset(48)] internal fixed byte ProgramName[16];

        // BPF_PROG_TEST_RUN
        [FieldOffset(0)] internal int TestProgramHandle;
        [FieldOffset(8)] internal uint TestDataSizeIn;
        [FieldOffset(16)] internal ulong TestDataIn;
        [FieldOffset(32)] internal uint TestRepeat;
        [FieldOffset(64)] internal uint TestFlags;
        [FieldOffset(72)] internal uint TestBatchSize;

        // BPF_LINK_CREATE
        [FieldOffset(0)] internal int LinkProgramHandle;
        [FieldOffset(4)] internal uint LinkTargetIndex;
        [FieldOffset(8)] internal uint LinkAttachType;
        [FieldOffset(12)] internal uint LinkFlags;
    }

    private static readonly nint SystemCallNumber = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 321,
        Architecture.Arm64 or Architecture.RiscV64 or Architecture.LoongArch64 => 280,
        Architecture.Ppc64le => 361,
        Architecture.S390x => 351,
        var other => throw new PlatformNotSupportedException($"The number of the bpf system call is not known on {other}."),
    };

    /// <summary>Makes a map: a file descriptor, or the negative errno.</summary>
    internal static int CreateMap(uint type, uint keySize, uint valueSize, uint maxEntries, uint flags, ReadOnlySpan<byte> name)
    {
        var attributes = new Attributes
        {
            MapType = type,
            KeySize = keySize,
            ValueSize = valueSize,
            MaxEntries = maxEntries,
            MapFlags = flags,
        };
        CopyName(name, attributes.MapName);
        return Call(MapCreate, &attributes);
    }

    /// <summary>Stores a 32-bit value under a 32-bit key: 0, or the negative errno.</summary>
    internal static int UpdateMap(int map, uint key, uint value)
    {
        var attributes = new Attributes { MapHandle = map, Key = (ulong)&key, Value = (ulong)&value };
        return Call(MapUpdateElement, &attributes);
    }

    /// <summary>Loads an XDP program: a file descriptor, or the negative errno.</summary>
    /// <param name="instructions">8-byte instruction slots in host byte order.</param>
    /// <param name="name">At most 15 bytes, shown by <c>bpftool prog</c> and <c>ip link</c>.</param>
    /// <param name="flags"><see cref="ProgramHasFragments"/> or 0.</param>
    /// <param name="log">What the kernel's verifier said when it refused; else empty.</param>
    internal static int LoadXdpProgram(ReadOnlySpan<ulong> instructions, ReadOnlySpan<byte> name, uint flags, out string log)
    {
        log = string.Empty;
        fixed (ulong* first = instructions)
        fixed (byte* license = "Apache-2.0\0"u8)
        {
            // SAFETY: all three buffers are pinned or on the stack for the calls; the kernel copies them.
            var attributes = new Attributes
            {
                ProgramType = ProgramTypeXdp,
                InstructionCount = (uint)instructions.Length,
                Instructions = (ulong)first,
                License = (ulong)license,
                ProgramFlags = flags,
            };
            CopyName(name, attributes.ProgramName);
            var handle = Call(ProgramLoad, &attributes);
            if (handle is < 0 and not -Errno.OperationNotPermitted)
            {
                var text = new byte[16384];
                fixed (byte* buffer = text)
                {
                    attributes.LogLevel = 1;
                    attributes.LogSize = (uint)text.Length;
                    attributes.LogBuffer = (ulong)buffer;
                    handle = Call(ProgramLoad, &attributes);
                }

                log = Encoding.UTF8.GetString(text).TrimEnd('\0', '\n');
            }

            return handle;
        }
    }

    /// <summary>Attaches an XDP program by a link: a file descriptor that holds it, or the negative errno.</summary>
    internal static int CreateXdpLink(int program, uint interfaceIndex, uint flags)
    {
        var attributes = new Attributes
        {
            LinkProgramHandle = program,
            LinkTargetIndex = interfaceIndex,
            LinkAttachType = AttachTypeXdp,
            LinkFlags = flags,
        };
        return Call(LinkCreate, &attributes);
    }

    /// <summary>
    /// Runs an XDP program on fresh frames that the kernel then treats as received (<c>BPF_F_TEST_XDP_LIVE_FRAMES</c>):
    /// 0, or the negative errno. Linux 5.18.
    /// </summary>
    /// <param name="program">The program.</param>
    /// <param name="frame">Content of the first frames before the program sees them; a frame that comes back is used again as it is.</param>
    /// <param name="frameSize">Its size in bytes.</param>
    /// <param name="count">Number of frames.</param>
    /// <param name="together">How many are run before they are handed on, at most 256.</param>
    internal static int RunOnLiveFrames(int program, byte* frame, uint frameSize, uint count, uint together)
    {
        var attributes = new Attributes
        {
            TestProgramHandle = program,
            TestDataIn = (ulong)frame,
            TestDataSizeIn = frameSize,
            TestRepeat = count,
            TestBatchSize = together,
            TestFlags = TestLiveFrames,
        };
        return Call(ProgramTestRun, &attributes);
    }

    private static void CopyName(ReadOnlySpan<byte> name, byte* target) => name[..Math.Min(name.Length, 15)].CopyTo(new Span<byte>(target, 16));

    private static int Call(int command, Attributes* attributes)
    {
        // SAFETY: the structure is as long as said; what it points to is held by the callers above.
        var result = SystemCall(SystemCallNumber, command, attributes, (uint)sizeof(Attributes));
        return result < 0 ? -Marshal.GetLastPInvokeError() : (int)result;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, nint command, Attributes* attributes, nuint size);
}
