using Oko.Agent.Filters;
using Oko.Bpf.Elf;
using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Verifier;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Benchmark;

/// <summary>A filter as switch and neighbour load it, each for itself: an object, the program in it, and the values of its global variables.
/// Immutable.</summary>
/// <param name="Path">File of the object.</param>
/// <param name="Content">Its bytes.</param>
/// <param name="Entry">Name of the program, or null: the only one.</param>
/// <param name="Data">Value of its <c>.data</c> as <c>oko map update</c> takes it, or null: as in the object.</param>
public sealed record ChainFilter(string Path, byte[] Content, string? Entry, string? Data)
{
    private const string DataSection = ".data";

    // The key of element 0 of an array.
    private static readonly byte[] FirstElement = new byte[4];

    /// <summary>Verifies and compiles it; maps are empty.</summary>
    /// <exception cref="ArgumentException">The object cannot be read, the verifier refuses it, or the data does not fit.</exception>
    public LoadedFilter Load()
    {
        try
        {
            var filter = LoadedFilter.Create(FilterLoader.Load(Content, Entry));
            if (Data is not null)
            {
                var map = filter.Maps.FirstOrDefault(map => map.Name == DataSection)
                    ?? throw new ArgumentException($"{Path}: the filter has no global variables ({DataSection}) that could be set");
                map.Update(FirstElement, MapText.ParseValue(0, map, Data), MapUpdateFlags.Any);
            }

            return filter;
        }
        catch (Exception exception) when (exception is ElfFormatException or VerificationException or OkoErrorException)
        {
            throw new ArgumentException($"{Path}: {exception.Message}", exception);
        }
    }
}
