using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Oko.Bpf.Jit;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Execution;

/// <summary>A verified program with its maps, compiled, ready to be asked. Owned by whoever made it;
/// <see cref="Matches"/> may be called from any number of threads.</summary>
public sealed unsafe class LoadedFilter : IDisposable
{
    // The key of element 0 of an array.
    private static readonly byte[] FirstElement = new byte[4];

    private readonly FilterMethod _method;
    private readonly FilterMethod? _scout;
    private readonly ulong _resultMask;
    private readonly ulong _expected;
    private readonly bool _matchIfDifferent;
    private int _disposed;

    private LoadedFilter(VerifiedProgram program, ImmutableArray<BpfMap> maps, ImmutableArray<bool> kept)
    {
        CompiledProgram compiled = IlCompiler.Compile(program, maps);
        _method = compiled.Method;
        _scout = compiled.Scout;
        _resultMask = program.Convention == EntryConvention.Oko ? ulong.MaxValue : uint.MaxValue;
        _expected = program.Convention == EntryConvention.Socket ? 0u : 1u;
        _matchIfDifferent = program.Convention == EntryConvention.Socket;
        Program = program;
        Maps = maps;
        MapWasKept = kept;
        CodeBytes = compiled.IlBytes;
    }

    /// <summary>The program this filter was made from.</summary>
    public VerifiedProgram Program { get; }

    /// <summary>Name of the program.</summary>
    public string Name => Program.Name;

    /// <summary>SHA-256 of the object the program came from; empty when it came from none.</summary>
    public ImmutableArray<byte> ProgramSha256 => Program.Sha256;

    /// <summary>Size of the program in 8-byte slots.</summary>
    public int Instructions => Program.Instructions.Length;

    /// <summary>Proven upper bound of instructions executed per run.</summary>
    public int WorstCaseInstructions => Program.WorstCaseInstructions;

    /// <summary>Size of the translated program (IL) in bytes.</summary>
    public int CodeBytes { get; }

    /// <summary>The maps, by index; the filter holds a reference to each.</summary>
    public ImmutableArray<BpfMap> Maps { get; }

    /// <summary>Per map: it was taken over from another filter with its content.</summary>
    public ImmutableArray<bool> MapWasKept { get; }

    /// <summary>Creates the maps and compiles the program. Takes milliseconds.</summary>
    /// <param name="program">What the verifier accepted.</param>
    /// <param name="reuse">Maps of another filter whose content shall be kept: each definition takes the first map that
    /// <see cref="BpfMap.IsCompatibleWith"/> it, and a reference to it; null = start with empty maps. Data sections always
    /// start anew.</param>
    /// <exception cref="ArgumentException">A map definition is not acceptable (<see cref="BpfMap.FindFault"/>).</exception>
    /// <exception cref="OutOfMemoryException">There is no memory for the maps.</exception>
    public static LoadedFilter Create(VerifiedProgram program, IReadOnlyList<BpfMap>? reuse = null)
    {
        var maps = new List<BpfMap>();
        var kept = new List<bool>();
        try
        {
            for (int index = 0; index < program.Maps.Length; index++)
            {
                MapSpec spec = program.Maps[index];
                bool isDataSection = program.InitialValues.TryGetValue(index, out byte[]? initial);
                BpfMap? old = isDataSection ? null : reuse?.FirstOrDefault(map => map.IsCompatibleWith(spec));
                old?.AddReference();
                maps.Add(old ?? BpfMap.Create(spec));
                kept.Add(old is not null);
                if (isDataSection)
                {
                    maps[^1].Update(FirstElement, initial, MapUpdateFlags.Any);
                }
            }

            return new LoadedFilter(program, [.. maps], [.. kept]);
        }
        catch
        {
            maps.ForEach(map => map.Dispose());
            throw;
        }
    }

    /// <summary>Runs the program on a packet and reads its result: 1 means match for programs of Oko's (64 bits) and XDP's
    /// (low 32 bits) convention, anything but 0 (low 32 bits) for socket programs.</summary>
    /// <param name="context">Filled by the caller, fixed in memory during the call.</param>
    /// <remarks>No allocation, no lock, no exception. A thread that shares maps with others announces itself once per batch
    /// (<see cref="MapReaders"/>).</remarks>
    // SAFETY: the program was verified for any packet of any length, and its maps live until Dispose.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Matches(FilterContext* context) => IsMatch(_method(context));

    /// <summary>Whether <see cref="Prefetch"/> does anything.</summary>
    public bool CanPrefetch => _scout is not null;

    /// <summary>Has the cache fetch what the program will look up first for a packet; nobody notices. For many packets, before they are asked about one
    /// after the other.</summary>
    /// <param name="context">As for <see cref="Matches"/>.</param>
    // SAFETY: as for Matches: the scout is a part of the program.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(FilterContext* context) => _scout?.Invoke(context);

    /// <summary>Reads a result of the program as <see cref="Matches"/> does.</summary>
    /// <param name="result">r0, 64 bits.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsMatch(ulong result) => ((result & _resultMask) == _expected) ^ _matchIfDifferent;

    /// <summary>The program's r0, for tools that show it.</summary>
    /// <param name="context">Filled by the caller, fixed in memory during the call.</param>
    public ulong Run(FilterContext* context) => _method(context);

    /// <summary>Gives back the references to the maps. The owner makes sure first that no worker can still call
    /// <see cref="Matches"/>: the filter is withdrawn and each worker has passed a batch boundary.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            foreach (BpfMap map in Maps)
            {
                map.Dispose();
            }
        }
    }
}
