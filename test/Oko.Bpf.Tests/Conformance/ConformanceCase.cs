using System.Globalization;
using Oko.Bpf.Isa;
using Oko.Bpf.Text;

namespace Oko.Bpf.Tests.Conformance;

/// <summary>One file of the conformance suite (test/TestData/bpf-conformance/README.md has the format).</summary>
public sealed record ConformanceCase(string Name, Instruction[] Program, byte[] Memory, ulong Result)
{
    public static string Folder { get; } = Path.Combine(TestContext.CurrentContext.TestDirectory, "TestData", "bpf-conformance");

    public static IEnumerable<string> Names =>
        Directory.EnumerateFiles(Folder, "*.data").Select(file => Path.GetFileNameWithoutExtension(file)).Order();

    public static ConformanceCase Read(string name)
    {
        Dictionary<string, string> sections = ReadSections(Path.Combine(Folder, name + ".data"));
        Instruction[] program = sections.TryGetValue("raw", out string? raw)
            ? InstructionDecoder.Decode(RawBytes(raw))
            : Assembler.Assemble(sections["asm"]);
        byte[] memory = sections.TryGetValue("mem", out string? mem)
            ? [.. Words(mem).Select(word => byte.Parse(word, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture))]
            : [];
        return new ConformanceCase(name, program, memory, ParseNumber(Words(sections["result"]).Single()));
    }

    private static Dictionary<string, string> ReadSections(string path)
    {
        var sections = new Dictionary<string, string>();
        string? current = null;
        foreach (string line in File.ReadLines(path))
        {
            string text = line.Split('#')[0].TrimEnd();
            if (text.StartsWith("-- ", StringComparison.Ordinal))
            {
                current = text[3..].Trim();
                sections[current] = "";
            }
            else if (current is not null)
            {
                sections[current] += text + "\n";
            }
        }

        return sections;
    }

    private static byte[] RawBytes(string words) => [.. Words(words).SelectMany(word => BitConverter.GetBytes(ParseNumber(word)))];

    private static string[] Words(string text) => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    private static ulong ParseNumber(string text) => text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
        ? ulong.Parse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
        : unchecked((ulong)long.Parse(text, CultureInfo.InvariantCulture));
}
