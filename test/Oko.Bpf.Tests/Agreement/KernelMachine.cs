using System.Runtime.InteropServices;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Tests.Agreement;

/// <summary>The maps of generated programs in the kernel, and programs run there by <c>BPF_PROG_TEST_RUN</c>. Source: bpf(2), linux/bpf.h.</summary>
internal sealed unsafe partial class KernelMachine : IDisposable
{
    private const int MapCreate = 0, MapLookup = 1, MapUpdate = 2, MapDelete = 3, ProgramLoad = 5, ProgramTestRun = 10;
    private const uint ProgramTypeXdp = 6;

    private static readonly nint CallNumber = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 321 : 280;

    private readonly int[] _maps;

    private KernelMachine(int[] maps) => _maps = maps;

    /// <summary>Makes the maps; null, with the reason, where the kernel does not let us.</summary>
    public static KernelMachine? Open(IReadOnlyList<MapSpec> maps, out string reason)
    {
        var handles = new List<int>();
        foreach (var map in maps)
        {
            var attributes = new Attributes { First = (uint)map.Type, Second = map.KeySize, Third = map.ValueSize, Fourth = map.MaxEntries };
            var handle = Call(MapCreate, &attributes);
            if (handle < 0)
            {
                reason = $"the kernel makes no map (errno {-handle}): root or CAP_BPF is needed";
                return null;
            }

            handles.Add(handle);
        }

        reason = string.Empty;
        return new KernelMachine([.. handles]);
    }

    /// <summary>Empties the maps.</summary>
    public void Reset()
    {
        var zero = stackalloc byte[16];
        new Span<byte>(zero, 16).Clear();
        for (uint key = 0; key < GeneratedProgram.Keys; key++)
        {
            var update = new Attributes { First = (uint)_maps[GeneratedProgram.Array], Key = (ulong)&key, Value = (ulong)zero };
            _ = Call(MapUpdate, &update);
            var delete = new Attributes { First = (uint)_maps[GeneratedProgram.Hash], Key = (ulong)&key };
            _ = Call(MapDelete, &delete);
        }
    }

    /// <summary>Whether the key is there, and its value.</summary>
    public bool TryLookup(int map, uint key, Span<byte> value)
    {
        fixed (byte* bytes = value)
        {
            var attributes = new Attributes { First = (uint)_maps[map], Key = (ulong)&key, Value = (ulong)bytes };
            return Call(MapLookup, &attributes) == 0;
        }
    }

    /// <summary>Loads a program; a negative errno where the kernel refuses it.</summary>
    public int Load(Instruction[] program)
    {
        var slots = new ulong[program.Length];
        for (var slot = 0; slot < program.Length; slot++)
        {
            var instruction = program[slot];
            if (instruction.IsWide && instruction.Src == WideImmediateKind.Map)
            {
                instruction = instruction with { Immediate = _maps[instruction.Immediate] };
            }

            slots[slot] = instruction.Opcode | ((ulong)instruction.Dst << 8) | ((ulong)instruction.Src << 12)
                | ((ulong)(ushort)instruction.Offset << 16) | ((ulong)(uint)instruction.Immediate << 32);
        }

        fixed (ulong* first = slots)
        fixed (byte* license = "GPL\0"u8)
        {
            var attributes = new Attributes { First = ProgramTypeXdp, Second = (uint)slots.Length, Key = (ulong)first, Value = (ulong)license };
            return Call(ProgramLoad, &attributes);
        }
    }

    /// <summary>Runs a loaded program once: its 32-bit result.</summary>
    public static uint Run(int program, ReadOnlySpan<byte> packet)
    {
        var room = stackalloc byte[4096];
        fixed (byte* bytes = packet)
        {
            var attributes = new Attributes
            {
                First = (uint)program, Third = (uint)packet.Length, Fourth = 4096, Value = (ulong)bytes, DataOut = (ulong)room, Repeat = 1,
            };
            var result = Call(ProgramTestRun, &attributes);
            return result == 0 ? attributes.Second : throw new InvalidOperationException($"BPF_PROG_TEST_RUN: errno {-result}");
        }
    }

    public static void Unload(int program) => _ = close(program);

    public void Dispose() => Array.ForEach(_maps, map => _ = close(map));

    private static int Call(int command, Attributes* attributes)
    {
        var result = (int)syscall(CallNumber, command, attributes, sizeof(Attributes));
        return result >= 0 ? result : -Marshal.GetLastPInvokeError();
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint command, void* attributes, nint size);

    [LibraryImport("libc")]
    private static partial int close(int handle);

    /// <summary><c>union bpf_attr</c>: the places that these calls use.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Attributes
    {
        [FieldOffset(0)] public uint First;
        [FieldOffset(4)] public uint Second;
        [FieldOffset(8)] public uint Third;
        [FieldOffset(12)] public uint Fourth;
        [FieldOffset(8)] public ulong Key;
        [FieldOffset(16)] public ulong Value;
        [FieldOffset(24)] public ulong DataOut;
        [FieldOffset(32)] public uint Repeat;
    }
}
