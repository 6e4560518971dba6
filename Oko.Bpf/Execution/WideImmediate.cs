using Oko.Bpf.Isa;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Execution;

/// <summary>The value of a wide immediate once the maps exist. Stateless.</summary>
internal static class WideImmediate
{
    /// <summary>The 64 bits that the load at <paramref name="slot"/> puts in its register.</summary>
    /// <exception cref="InvalidOperationException">A kind or map index that the verifier never lets through.</exception>
    public static ulong Resolve(ReadOnlySpan<Instruction> program, int slot, IReadOnlyList<BpfMap> maps)
    {
        Instruction low = program[slot];
        uint high = (uint)program[slot + 1].Immediate;
        if (low.Src == WideImmediateKind.Number)
        {
            return ((ulong)high << 32) | (uint)low.Immediate;
        }

        if (low.Src == WideImmediateKind.Function)
        {
            // Which function a callback is the verifier knows; the register's value is never looked at.
            return 0;
        }

        if (low.Immediate < 0 || low.Immediate >= maps.Count)
        {
            throw new InvalidOperationException($"slot {slot}: there is no map {low.Immediate}, the program has {maps.Count}");
        }

        BpfMap map = maps[low.Immediate];
        return (low.Src, map) switch
        {
            (WideImmediateKind.Map, _) => (ulong)map.Handle,
            (WideImmediateKind.MapValue, ArrayMap array) => (ulong)array.ElementsAddress + high,
            _ => throw new InvalidOperationException($"slot {slot}: wide immediate of kind {low.Src} on a map of type {map.Type}"),
        };
    }
}

/// <summary>Which immediates an atomic instruction can have.</summary>
internal static class AtomicKind
{
    /// <summary>Whether the operation exists.</summary>
    public static bool IsValid(int operation) => operation is AtomicOperation.Exchange or AtomicOperation.CompareExchange ||
        (operation & ~AtomicOperation.Fetch) is AtomicOperation.Add or AtomicOperation.Or or AtomicOperation.And or AtomicOperation.Xor;
}
