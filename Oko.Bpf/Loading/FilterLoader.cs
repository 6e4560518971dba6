using System.Collections.Immutable;
using System.Security.Cryptography;
using Oko.Bpf.Elf;
using Oko.Bpf.Verifier;

namespace Oko.Bpf.Loading;

/// <summary>From the bytes of an object to a verified program: parse, choose, relocate, verify. Any thread.</summary>
public static class FilterLoader
{
    /// <summary>Loads a program.</summary>
    /// <param name="elf">The object.</param>
    /// <param name="entry">Name of the program; null or empty = the only one.</param>
    /// <exception cref="ElfFormatException">The object cannot be read, or the program is not in it.</exception>
    /// <exception cref="VerificationException">The verifier refused the program.</exception>
    public static VerifiedProgram Load(byte[] elf, string? entry = null)
    {
        var spec = ObjectLoader.Load(elf, entry);
        var program = spec.Programs[0];
        var input = new VerifierInput
        {
            Name = program.Name, Convention = program.Convention, Instructions = program.Instructions, Maps = spec.Maps, OkoHelpers = spec.OkoHelpers,
            SourceLines = program.SourceLines, InitialValues = spec.InitialValues,
        };
        var verified = spec.OkoHelpers ? OriginalOko.Verify(input) : ProgramVerifier.Verify(input);
        return verified with { Sha256 = ImmutableArray.Create(SHA256.HashData(elf)) };
    }
}
