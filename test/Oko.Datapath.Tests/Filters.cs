using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Text;
using Oko.Datapath.Pipeline;

namespace Oko.Datapath.Tests;

/// <summary>Small filters for tests, from assembly.</summary>
internal static class Filters
{
    /// <summary>Matches on each run whose number (from 0) is a multiple of <paramref name="period"/>: a filter with state.</summary>
    public static LoadedFilter Periodic(int period) => Load($"""
        stw [%r10-4], 0
        ldmap %r1, 0
        mov %r2, %r10
        add %r2, -4
        call 1
        jne %r0, 0, known
        exit
        known:
        ldxdw %r1, [%r0]
        mov %r2, %r1
        add %r2, 1
        stxdw [%r0], %r2
        mod %r1, {period}
        mov %r0, 0
        jne %r1, 0, done
        mov %r0, 1
        done:
        exit
        """, new MapSpec("runs", MapType.Array, 4, 8, 1, 0));

    /// <summary>Always gives the same verdict.</summary>
    public static LoadedFilter Constant(bool match) => Load($"mov %r0, {(match ? 1 : 0)}\nexit");

    /// <summary>Matches when a byte of the packet has a value.</summary>
    public static LoadedFilter ByteIs(int offset, byte value) => Load($"""
        mov %r3, %r2
        mov %r0, 0
        jle %r3, {offset}, done
        ldxb %r4, [%r1+{offset}]
        jne %r4, {value}, done
        mov %r0, 1
        done:
        exit
        """);

    /// <summary>Matches packets of one length.</summary>
    public static LoadedFilter LengthIs(int length) => Load($"mov %r0, 0\njne %r2, {length}, done\nmov %r0, 1\ndone:\nexit");

    /// <summary>Matches packets of one receive queue (<c>rx_queue_index</c> of <c>struct xdp_md</c>, as the verifier rewrites it).</summary>
    public static LoadedFilter QueueIs(int queue) => Load($"""
        ldxw %r2, [%r1+{FilterContext.RxQueueOffset}]
        mov %r0, 0
        jne %r2, {queue}, done
        mov %r0, 1
        done:
        exit
        """, EntryConvention.Xdp);

    public static FilterSlot Slot(LoadedFilter filter, uint id = 1) => new(id, filter);

    private static LoadedFilter Load(string source, params MapSpec[] maps) => Load(source, EntryConvention.Oko, maps);

    private static LoadedFilter Load(string source, EntryConvention convention, params MapSpec[] maps)
    {
        var instructions = Assembler.Assemble(source);
        return LoadedFilter.Create(new VerifiedProgram
        {
            Name = "test", Instructions = instructions, Convention = convention, Reachable = [.. instructions.Select(_ => true)],
            WorstCaseInstructions = instructions.Length, StackBytes = 16, MapAtCall = [.. instructions.Select(_ => -1)], Maps = [.. maps],
            OkoHelpers = false, FunctionStarts = [0],
        });
    }
}
