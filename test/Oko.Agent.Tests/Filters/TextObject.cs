using System.Security.Cryptography;
using System.Text;
using Oko.Agent.Filters;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Text;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Tests.Filters;

/// <summary>Stand-in for ELF objects where not the verifier is the subject: a text such as <c>1 a:hash:16 b:array:4</c> becomes a
/// program that returns 1, with those maps of 4-byte keys and 8-byte values.</summary>
public static class TextObject
{
    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>A <see cref="FilterVerifier"/>; a text that begins with <c>refuse</c> is refused.</summary>
    public static VerifiedProgram Verify(uint filterId, byte[] elf, string? entry)
    {
        var words = Encoding.UTF8.GetString(elf).Split(' ');
        if (words[0] == "refuse")
        {
            throw new OkoErrorException(new OkoError(OkoErrorType.ProgramRefused, filterId, 7, OkoVerdict.Unsafe, string.Join(' ', words[1..])));
        }

        return new VerifiedProgram
        {
            Name = $"returns_{words[0]}",
            Instructions = Assembler.Assemble($"mov %r0, {words[0]}\nexit"),
            Convention = EntryConvention.Oko,
            Reachable = [true, true],
            WorstCaseInstructions = 2,
            StackBytes = 0,
            MapAtCall = [-1, -1],
            Maps = [.. words[1..].Select(ParseMap)],
            OkoHelpers = false,
            FunctionStarts = [0],
            Sha256 = [.. SHA256.HashData(elf)],
        };
    }

    private static MapSpec ParseMap(string text)
    {
        var parts = text.Split(':');
        return new MapSpec(parts[0], parts[1] == "hash" ? MapType.Hash : MapType.Array, 4, 8, uint.Parse(parts[2]), 0);
    }
}
